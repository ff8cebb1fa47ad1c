#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

#include "engine.h"
#include "work.h"

namespace bptt {

Plan::Plan(const Problem& p, int vector_length, std::size_t element)
    : cell(p.cell),
      activations(p.activations),
      reverse(p.reverse),
      n_x(p.n_x),
      n_a(p.n_a),
      m(p.m),
      T(p.T),
      units((p.n_a + vector_length - 1) / vector_length),
      n_a_padded(units * vector_length),
      row(p.m),
      len(p.m) {
  if (n_a < 1) throw std::invalid_argument("n_a is " + std::to_string(n_a) + "; expected at least 1.");
  constexpr std::size_t kLine = 64;
  if (n_a_padded * element % 1024 == 0) n_a_padded += int(kLine / element);
  std::iota(row.begin(), row.end(), 0);
  std::fill(len.begin(), len.end(), T);
  if (p.lengths) {
    const std::vector<index> lengths(p.lengths, p.lengths + m);  // another thread may change the caller's
    for (int r = 0; r < m; ++r)
      if (lengths[r] < 0 || lengths[r] > T)
        throw std::invalid_argument("lengths[" + std::to_string(r) + "] is " + std::to_string(lengths[r]) +
                                    "; expected 0 .. " + std::to_string(T) + " = T_x.");
    std::stable_sort(row.begin(), row.end(), [&](int i, int j) { return lengths[i] > lengths[j]; });
    for (int r = 0; r < m; ++r) len[r] = int(lengths[row[r]]);
  }
  steps = m ? len[0] : 0;
  active.resize(steps);
  off.resize(steps + 1, 0);
  for (int s = 0, alive = m; s < steps; ++s) {
    while (len[alive - 1] <= s) --alive;
    active[s] = alive;
    off[s + 1] = off[s] + alive;
  }
}

Batch Plan::batch() const {
  return {cell,  activations, reverse,    n_x,        n_a,           m,         n_a_padded,
          units, steps,       row.data(), len.data(), active.data(), off.data()};
}

std::vector<int> split_rows(const Batch& b, int s0, int s1, int parts) {
  const int rows = s0 < b.steps ? b.active[s0] : 0;
  std::vector<int> begin(parts + 1, rows);
  const index total = b.off[s1] - b.off[s0];
  index sum = 0;
  for (int r = 0, part = 0; r < rows; ++r) {
    while (part < parts && sum * parts >= total * part) begin[part++] = r;
    sum += std::min(b.len[r], s1) - s0;
  }
  begin[0] = 0;
  return begin;
}

}  // namespace bptt
