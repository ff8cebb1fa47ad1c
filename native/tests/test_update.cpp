// Adam against its formula, the norm against a plain sum: on every instruction set, and with one thread and
// with three, the same bits.
#include "../engine/update.h"

#include "check.h"

namespace bptt {

template <class T>
void update(const std::string& isa, std::vector<index> sizes) {
  const AdamRates rates{0.5, 2e-3, 0.9, 0.999, 1e-8, 0.19, 0.002};
  Random rng;
  std::vector<std::vector<T>> start[4];  // parameters, gradients, moments
  for (index n : sizes)
    for (int i = 0; i < 4; ++i) {
      start[i].push_back(random_vector<T>(rng, std::size_t(n), 1));
      if (i == 3)
        for (T& v : start[i].back()) v *= v;
    }
  std::vector<std::vector<T>> got[2];
  double norm[2];
  for (int i = 0; i < 2; ++i) {
    set_num_threads(i ? 3 : 1);
    auto p = start[0], m = start[2], v = start[3];
    std::vector<AdamArray<T>> arrays;
    std::vector<Span<T>> spans;
    for (std::size_t j = 0; j < sizes.size(); ++j) {
      arrays.push_back({p[j].data(), start[1][j].data(), m[j].data(), v[j].data(), sizes[j], 0.01 * double(j)});
      spans.push_back({start[1][j].data(), sizes[j]});
    }
    adam(arrays, rates);
    norm[i] = squared_norm(spans);
    for (auto* all : {&p, &m, &v}) got[i].insert(got[i].end(), all->begin(), all->end());
  }
  check(got[0] == got[1] && norm[0] == norm[1], isa + " update: one thread and three");

  double sum = 0, most = 0;
  for (std::size_t j = 0; j < sizes.size(); ++j)
    for (index i = 0; i < sizes[j]; ++i) {
      const T g = T(0.5) * start[1][j][i];
      const T m = T(0.9) * start[2][j][i] + T(1 - 0.9) * g, v = T(0.999) * start[3][j][i] + T(1 - 0.999) * g * g;
      const T step = m / T(0.19) / (T(std::sqrt(v / T(0.002))) + T(1e-8));
      const T p = start[0][j][i] - T(2e-3) * (step + T(0.01 * double(j)) * start[0][j][i]);
      check(got[0][j][i] == p && got[0][sizes.size() + j][i] == m && got[0][2 * sizes.size() + j][i] == v,
            isa + " adam: array " + std::to_string(j) + ", element " + std::to_string(i));
      sum += double(start[1][j][i]) * start[1][j][i];
      most = std::fmax(most, std::fabs(sum));
    }
  check(std::fabs(norm[0] - sum) <= 1e-13 * most, isa + " squared_norm");
}

}  // namespace bptt

int main() {
  using namespace bptt;
  for_each_isa([&](const std::string& isa) {
    for (const std::vector<bptt::index>& sizes :
         {std::vector<bptt::index>{}, {1}, {0, 7, 33}, {20000, 5, 8192, 30000}}) {
      update<float>(isa, sizes);
      update<double>(isa, sizes);
    }
  });
  return finish("update");
}
