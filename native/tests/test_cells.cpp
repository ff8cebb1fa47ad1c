// Every gradient of every cell against central differences in double; float against double; tokens
// against the same rows given as an array.
#include "check.h"

namespace bptt {

static std::string label(const std::string& isa, const Problem& p) {
  return isa + " " + info(p.cell).name + " n_x " + std::to_string(p.n_x) + " n_a " + std::to_string(p.n_a) +
         " m " + std::to_string(p.m) + " T " + std::to_string(p.T) + (p.reverse ? " reverse" : "");
}

static void against_differences(const std::string& isa, Layer<double>& l, Random& rng) {
  l.forward();
  l.backward();
  const auto compare = [&](std::vector<double>& v, const std::vector<double>& grad, const std::string& name) {
    for (int i = 0; i < 4 && !v.empty(); ++i) {
      const std::size_t at = std::size_t(rng.below(int(v.size())));
      const double keep = v[at], h = 1e-5;
      v[at] = keep + h;
      const double up = l.loss();
      v[at] = keep - h;
      const double down = l.loss();
      v[at] = keep;
      const double want = (up - down) / (2 * h);
      check(std::fabs(grad[at] - want) <= 1e-6 * (0.1 + std::fabs(want)),
            label(isa, l.p) + " gradient of " + name);
    }
  };
  compare(l.x, l.dx, "x");
  for (int i = 0; i < l.cell.n_states; ++i)
    compare(l.state0[i], l.dstate0[i], std::string(l.cell.states[i]) + "0");
  for (std::size_t i = 0; i < l.params.size(); ++i) compare(l.params[i], l.d_params[i], l.cell.params[i].name);
  const auto first = l.d_params;
  const auto first_x = l.dx;
  l.backward();
  for (std::size_t i = 0; i < first.size(); ++i)
    check(same_bits(first[i], l.d_params[i]), label(isa, l.p) + " backward twice");
  check(same_bits(first_x, l.dx), label(isa, l.p) + " backward twice (x)");
  l.backward(nullptr, false);
  for (std::size_t i = 0; i < first.size(); ++i)
    check(same_bits(first[i], l.d_params[i]), label(isa, l.p) + " without dx");
  l.backward();
  for (int i = 0; i < l.p.m; ++i)  // padding
    for (index k = l.lengths[i] * l.p.n_x; k < index(l.p.T) * l.p.n_x; ++k)
      check(l.dx[std::size_t(i) * l.p.T * l.p.n_x + k] == 0, label(isa, l.p) + " dx on padding");
}

static void float_like_double(const std::string& isa, Cell cell, int n_x, int n_a, int m, int T) {
  Random one, two;
  Layer<double> d(cell, n_x, n_a, m, T, false, true, one);
  Layer<float> f(cell, n_x, n_a, m, T, false, true, two);
  f.forward(), f.backward();
  d.forward(), d.backward();
  const auto near = [&](const std::vector<float>& a, const std::vector<double>& b, const char* name) {
    double scale = 0, worst = 0;
    for (std::size_t i = 0; i < b.size(); ++i)
      scale = std::fmax(scale, std::fabs(b[i])), worst = std::fmax(worst, std::fabs(a[i] - b[i]));
    check(worst <= 2e-5 * (scale + 0.1), label(isa, f.p) + " float " + name);
  };
  near(f.out, d.out, "a");
  near(f.dx, d.dx, "dx");
  for (int i = 0; i < d.cell.n_states; ++i) near(f.dstate0[i], d.dstate0[i], "dstate0");
  for (std::size_t i = 0; i < d.d_params.size(); ++i) near(f.d_params[i], d.d_params[i], "parameters");
}

static void tokens(const std::string& isa, Cell cell, int n_tokens) {
  Random rng;
  const int n_x = 5, n_a = 19, m = 6, T = 9;
  Layer<double> l(cell, n_x, n_a, m, T, true, true, rng);
  const std::vector<double> table = random_vector<double>(rng, std::size_t(n_tokens) * n_x, 1);
  std::vector<index> token(std::size_t(m) * T);
  for (std::size_t i = 0; i < token.size(); ++i) {
    token[i] = rng.below(n_tokens);
    std::copy_n(&table[std::size_t(token[i]) * n_x], n_x, &l.x[i * n_x]);
  }
  l.forward(), l.backward();
  const auto out = l.out, dx = l.dx;
  const auto d_params = l.d_params;
  std::vector<double> want(table.size(), 0), got(table.size(), 99);
  for (std::size_t i = 0; i < token.size(); ++i)
    for (int j = 0; j < n_x; ++j) want[std::size_t(token[i]) * n_x + j] += dx[i * n_x + j];
  Input<double> in;
  in.token = {token.data(), T, 1};
  in.table = table.data();
  in.n_tokens = n_tokens;
  l.run_forward(in, true);
  check(same_bits(out, l.out), label(isa, l.p) + " tokens: forward has the bits of the array");
  l.backward(got.data());
  const auto near = [](const std::vector<double>& a, const std::vector<double>& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
      if (!(std::fabs(a[i] - b[i]) <= 1e-11)) return false;
    return true;
  };
  check(near(got, want), label(isa, l.p) + " tokens: gradient of the table");
  for (std::size_t i = 0; i < d_params.size(); ++i)
    check(near(d_params[i], l.d_params[i]), label(isa, l.p) + " tokens: parameters");
}

}  // namespace bptt

int main() {
  using namespace bptt;
  const int sizes[][4] = {{3, 5, 4, 6}, {1, 1, 1, 2}, {9, 17, 7, 5}, {7, 33, 13, 3}, {18, 8, 1, 4}, {2, 40, 2, 7}};
  for_each_isa([&](const std::string& isa) {
    Random rng;
    for (int c = 0; c < kCells; ++c) {
      const Cell cell = static_cast<Cell>(c);
      for (const auto& s : sizes)
        for (int kind = 0; kind < 4; ++kind) {
          Layer<double> l(cell, s[0], s[1], s[2], s[3], kind & 1, kind & 2, rng);
          against_differences(isa, l, rng);
        }
      float_like_double(isa, cell, 11, 37, 9, 8);
      float_like_double(isa, cell, 33, 64, 20, 5);
      tokens(isa, cell, 7);
      tokens(isa, cell, 1000);
    }
  });
  return finish("cells");
}
