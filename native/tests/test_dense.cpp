// The output layer and its loss against plain loops in double; bits with one thread and with three.
#include "../engine/dense.h"

#include "check.h"

namespace bptt {

template <class T>
struct Results {
  std::vector<T> y, dx, dw, db, dz;
  std::vector<double> nats;
};

template <class T>
void dense(const std::string& isa, index rows, int n_in, int n_out, double tolerance) {
  Random rng;
  const auto x = random_vector<T>(rng, rows * n_in, 1), w = random_vector<T>(rng, n_out * n_in, 1);
  const auto b = random_vector<T>(rng, n_out, 1), dy = random_vector<T>(rng, rows * n_out, 1);
  const auto z = random_vector<T>(rng, rows * n_out, 30);
  std::vector<index> label(rows);
  for (index& l : label) l = rng.below(n_out);

  Results<T> got[2];
  for (int i = 0; i < 2; ++i) {
    set_num_threads(i ? 3 : 1);
    Results<T>& r = got[i];
    r.y.resize(rows * n_out), r.dx.resize(rows * n_in), r.dw.resize(n_out * n_in), r.db.resize(n_out);
    r.dz.resize(rows * n_out), r.nats.resize(rows);
    dense_forward(x.data(), w.data(), b.data(), rows, n_in, n_out, r.y.data());
    dense_backward<T>(dy.data(), x.data(), w.data(), n_in, n_out, r.dx.data(), {{rows, r.dw.data(), r.db.data()}});
    softmax_cross_entropy(z.data(), label.data(), rows, n_out, r.nats.data(), r.dz.data());
  }
  const Results<T>& r = got[0];
  const std::string what =
      isa + " dense " + std::to_string(rows) + "x" + std::to_string(n_in) + "x" + std::to_string(n_out);
  check(r.y == got[1].y && r.dx == got[1].dx && r.dw == got[1].dw && r.db == got[1].db && r.dz == got[1].dz &&
            r.nats == got[1].nats,
        what + ": one thread and three");

  auto near = [&](double a, double want, double scale, const char* name) {
    check(std::fabs(a - want) <= tolerance * (1 + scale), what + ": " + name);
  };
  for (index i = 0; i < rows; ++i) {
    double most = -1e300, sum = 0;
    for (int u = 0; u < n_out; ++u) {
      double y = b[u];
      for (int j = 0; j < n_in; ++j) y += double(x[i * n_in + j]) * w[u * n_in + j];
      near(r.y[i * n_out + u], y, n_in, "y");
      most = std::fmax(most, z[i * n_out + u]);
    }
    for (int u = 0; u < n_out; ++u) sum += std::exp(z[i * n_out + u] - most);
    near(r.nats[i], std::log(sum) + most - z[i * n_out + label[i]], 60, "nats");
    for (int u = 0; u < n_out; ++u)
      near(r.dz[i * n_out + u], std::exp(z[i * n_out + u] - most) / sum - (u == label[i]), 60, "dz");
    for (int j = 0; j < n_in; ++j) {
      double d = 0;
      for (int u = 0; u < n_out; ++u) d += double(dy[i * n_out + u]) * w[u * n_in + j];
      near(r.dx[i * n_in + j], d, n_out, "dx");
    }
  }
  for (int u = 0; u < n_out; ++u) {
    double sum = 0;
    for (index i = 0; i < rows; ++i) sum += dy[i * n_out + u];
    near(r.db[u], sum, double(rows), "db");
    for (int j = 0; j < n_in; ++j) {
      double d = 0;
      for (index i = 0; i < rows; ++i) d += double(dy[i * n_out + u]) * x[i * n_in + j];
      near(r.dw[u * n_in + j], d, double(rows), "dw");
    }
  }
}

}  // namespace bptt

int main() {
  using namespace bptt;
  const int sizes[][3] = {{0, 3, 2},   {1, 1, 1},     {1, 40, 17},  {7, 9, 33},
                          {50, 8, 16}, {500, 70, 45}, {700, 64, 97}};
  for_each_isa([&](const std::string& isa) {
    for (const auto& s : sizes) {
      dense<float>(isa, s[0], s[1], s[2], 2e-7);
      dense<double>(isa, s[0], s[1], s[2], 4e-16);
    }
  });
  return finish("dense");
}
