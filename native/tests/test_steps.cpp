// Sums and maxima over steps against plain loops: strides, lengths of 0, NaN; with one thread and with three,
// and in two calls, the same bits.
#include "../engine/steps.h"

#include <array>

#include "check.h"

namespace bptt {

template <class T>
void steps(index m, index steps_in_all, index n) {
  const std::string name =
      "steps " + std::to_string(m) + ", " + std::to_string(steps_in_all) + ", " + std::to_string(n);
  Random rng;
  const index by_t = n + 3, by_row = steps_in_all * by_t + 5;
  const std::vector<T> x = random_vector<T>(rng, std::size_t(m * by_row), 1), top(std::size_t(m * n), T(0.9));
  std::vector<T> with_nan = x;
  if (!x.empty()) with_nan[x.size() / 2] = T(NAN);
  const std::vector<double> total = random_vector<double>(rng, std::size_t(m * n), 1);
  std::vector<index> lengths, half;
  for (index r = 0; r < m; ++r) lengths.push_back(r == 1 ? 0 : rng.below(int(steps_in_all) + 1));
  for (index l : lengths) half.push_back(l / 2);
  const Rows<const T> rows{x.data(), by_row, by_t}, nans{with_nan.data(), by_row, by_t};

  std::vector<double> sum[2], wanted = total;
  std::vector<T> most[2], best = top;
  std::vector<index> at[2], first(top.size(), 0);
  for (int i = 0; i < 2; ++i) {
    set_num_threads(i ? 3 : 1);
    sum[i].resize(total.size()), most[i].resize(top.size()), at[i].resize(top.size());
    add_steps<T>(rows, lengths.data(), m, n, total.data(), sum[i].data());
    max_steps<T>(nans, lengths.data(), m, n, top.data(), most[i].data(), at[i].data());
  }
  for (index r = 0; r < m; ++r)
    for (index t = 0; t < lengths[r]; ++t)
      for (index j = 0; j < n; ++j) {
        wanted[r * n + j] += double(rows.at(r, t)[j]);
        T& b = best[r * n + j];
        const T v = nans.at(r, t)[j];
        if (!std::isnan(b) && (std::isnan(v) || v > b)) b = v, first[r * n + j] = t + 1;
      }
  check(same_bits(sum[0], wanted) && same_bits(most[0], best) && at[0] == first, name);
  check(same_bits(sum[1], sum[0]) && same_bits(most[1], most[0]) && at[1] == at[0], name + ": three threads");

  std::vector<double> between(total.size()), end(total.size());
  add_steps<T>(rows, half.data(), m, n, total.data(), between.data());
  for (index r = 0; r < m; ++r) {
    const index rest = lengths[r] - half[r];
    add_steps<T>({rows.at(r, half[r]), 0, by_t}, &rest, 1, n, between.data() + r * n, end.data() + r * n);
  }
  check(same_bits(end, sum[0]), name + ": in two calls");
}

}  // namespace bptt

int main() {
  using namespace bptt;
  for (auto [m, t, n] : {std::array<bptt::index, 3>{0, 4, 2}, {3, 0, 2}, {5, 7, 1}, {2, 9, 33}, {40, 300, 64}}) {
    steps<float>(m, t, n);
    steps<double>(m, t, n);
  }
  return finish("steps");
}
