// How work is cut: shared by the forward and the backward driver.
#pragma once
#include <algorithm>
#include <vector>

#include "../kernels/problem.h"
#include "memory.h"
#include "pool.h"
#include "row_groups.h"
#include "watch.h"

namespace bptt {

// Row ranges [begin[i], begin[i+1]) with nearly equal numbers of steps within s0 .. s1-1.
std::vector<int> split_rows(const Batch& b, int s0, int s1, int parts);

// Multiply-adds below which another thread costs more than it saves.
constexpr double kWorthAThread = 4e5;
constexpr double kPackCost = 16;  // packing an element takes as long as this many multiply-adds
constexpr double kFillCost = 8;   // filling an element of the caller's array, likewise

inline int parts_for(double multiply_adds, int most) {
  const int by_work = int(std::min(1e6, multiply_adds / kWorthAThread));
  return std::max(1, std::min({get_num_threads(), by_work, most}));
}

// Multiply-adds of one thread between two calls of a watch: 25 ms, or 200 where vectors are short.
constexpr double kPieceWork = 5e8;

// Calls f(begin, end) for ranges of 0 .. n-1, one after the other: one range unless the work is long. Ranges
// begin at multiples of `grain`.
template <class F>
void in_pieces(index n, index grain, double multiply_adds, int parts, Watch& watch, F&& f) {
  const index grains = (n + grain - 1) / grain;
  const double wanted = multiply_adds / (kPieceWork * parts);
  const index pieces = std::max<index>(1, std::min(grains, index(std::min(wanted, 1e6))));
  for (index i = 0; i < pieces; ++i) {
    if (i) watch();
    f(grains * i / pieces * grain, std::min(n, grains * (i + 1) / pieces * grain));
  }
}

// Zeros on the steps that do not exist. Rows are sorted by length: each thread takes every parts-th row.
template <class T>
void zero_padding(const Batch& b, int T_x, Rows<T> x, index n) {
  const double elements = (double(b.m) * T_x - double(b.slots())) * double(n);
  const int parts = parts_for(elements * kFillCost, std::max(1, b.m));
  parallel(parts, [&](int i) {
    for (int r = b.m - 1 - i; r >= 0 && b.len[r] < T_x; r -= parts)
      for (index t = b.len[r]; t < T_x; ++t) std::fill_n(x.at(b.row[r], t), n, T(0));
  });
}

// The addresses of contiguous rows of n elements, made whole vectors in `copy` where n does not fill them.
template <class T>
void point_to_vectors(const T* from, index rows, int n, int vector_length, T* copy, const T** row) {
  const int whole = (n + vector_length - 1) / vector_length * vector_length;
  for (index i = 0; i < rows; ++i) {
    row[i] = from + i * n;
    if (n == whole) continue;
    T* to = copy + i * whole;
    std::fill_n(std::copy_n(row[i], n, to), whole - n, T(0));
    row[i] = to;
  }
}

// Rows of n_a elements from the caller's order to the groups', with row stride n_a_padded; zero where there are
// none. steps: those that the array holds; this is the first.
template <class T>
void load_state(const Batch& b, const RowGroups& groups, int steps, Rows<const T> from, T* to) {
  for (int r = 0; r < b.m; ++r) {
    T* row = to + groups.place(r, steps) * b.n_a_padded;
    std::fill_n(row, b.n_a_padded, T(0));
    if (from.data) std::copy_n(from.at(b.row[r], 0), b.n_a, row);
  }
}

// The per-unit weights of a cell, (per_unit, n_a_padded), zero behind n_a.
template <class T>
Array<T> padded_per_unit(const Batch& b, const Weights<const T>& w) {
  const CellInfo& cell = info(b.cell);
  Array<T> to(cell.per_unit * index(b.n_a_padded));
  std::fill_n(to.data(), to.size(), T(0));
  for (int i = 0; i < cell.per_unit; ++i) std::copy_n(w.per_unit[i], b.n_a, to.data() + i * index(b.n_a_padded));
  return to;
}

}  // namespace bptt
