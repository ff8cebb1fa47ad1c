// The forward pass of some rows of a batch, from their first step to their last. Rows do not depend on
// one another: each thread processes its own rows without a barrier or, where one core's cache does not hold the
// weights, a part of the units of all rows, and meets the others in every step (team.h).
#pragma once
#include "cells.h"
#include "team.h"
#include "units.h"

namespace bptt {
namespace BPTT_NS {

template <class T>
BPTT_INLINE void copy_row(T* dst, const T* src, index n) {
  for (index i = 0; i < n; ++i) dst[i] = src[i];
}

// z[r] = packed W x[r] + bias: the affine map of problem.h, for some rows and units ua*VL .. ub*VL-1; z[r] points
// to the first of them. ua is a multiple of 4, or of what lets panels begin there.
template <class T>
inline void affine(const Affine& f, const T* packed, const T* bias, int rows, const T* const* x, T* const* z,
                   int ua, int ub) {
  UnitPanels u = affine_panels<T>(f);
  u.unit_vecs = ub - ua;
  const index first = index(ua) * VL<T>, padded = f.n_out_padded, width = (f.blocks + f.bias_blocks) * padded;
  Prefetch nothing;
  bias += first;
  unit_products<T>({u,
                    {packed + first * f.blocks * f.n_in},
                    plain_depth(f.n_in),
                    rows,
                    {x},
                    &bias,
                    0,
                    z,
                    padded,
                    width - first},
                   nothing);
  for (int i = 0; i < rows; ++i)
    for (int g = f.blocks; g < f.blocks + f.bias_blocks; ++g)
      copy_row(z[i] + g * padded, bias + g * padded, index(ub - ua) * VL<T>);
}
// The input of step s of row r: a row of the caller's, or a token's row of the table.
template <class T>
BPTT_INLINE const T* input_row(const Input<T>& in, const Batch& b, int r, int s) {
  const index row = b.row[r], t = b.time(r, s);
  return in.table ? in.table + *in.token.at(row, t) * b.n_x : in.x.at(row, t);
}

// Pre-activations from the input alone, for steps s0 .. s1-1 of the rows, units ua*VL .. ub*VL-1.
// scratch: 2 * (steps * rows) pointers
template <class T>
inline void project_steps(const Forward<T>& f, int r0, int r1, int s0, int s1, int ua, int ub, void** scratch) {
  const Batch& b = f.batch;
  const index width = index(info(b.cell).blocks) * b.n_a_padded;
  const T** xs = static_cast<const T**>(static_cast<void*>(scratch));
  T** zs = reinterpret_cast<T**>(scratch + index(s1 - s0) * (r1 - r0));
  int n = 0;
  for (int s = s0; s < s1; ++s) {
    T* z = f.st.gates + f.st.gate_row(b, s) * width + index(ua) * VL<T>;
    for (int r = r0; r < min(r1, b.active[s]); ++r, ++n) {
      zs[n] = z + r * width;
      xs[n] = input_row(f.in, b, r, s);
    }
  }
  affine(input_projection(b), f.packed_x, f.packed_bias, n, xs, zs, ua, ub);
}

// What follows the products of step s: gates and states of rows r0 + ra .. r0 + rb-1, vectors ua .. ub-1 of
// units, in packs: the same units of several rows or, where there is one row, several of its vectors. This is all
// of the forward pass that is compiled for each cell.
template <class T, Cell C>
void finish(const Forward<T>& f, int s, int stage, int r0, int ra, int rb, int ua, int ub, T* const* out) {
  constexpr int L = VL<T>;
  constexpr const CellInfo& cell = info(C);
  const Batch& b = f.batch;
  const States<T>& st = f.st;
  const index n_a_padded = b.n_a_padded, width = cell.blocks * n_a_padded;
  const bool last = stage + 1 == cell.stages;
  T* z = st.gates + (st.gate_row(b, s) + r0) * width;
  const index prev = (st.before(b, s) + r0) * n_a_padded, next = (st.after(b, s) + r0) * n_a_padded;
  T* product = last ? st.state[0] + next : f.stage_a + r0 * n_a_padded;
  const auto pack = [&](auto n, auto one, int r, int v) BPTT_ALWAYS {
    constexpr int N = decltype(n)::value;
    constexpr bool one_row = decltype(one)::value;
    const index i = r * n_a_padded + v * L, step = one_row ? L : n_a_padded;
    Unit<T, N> unit;
    unit.n_a_padded = n_a_padded, unit.step = step;
    unit.z = z + r * width + v * L, unit.z_step = one_row ? L : width;
    for (int k = 0; k < cell.n_states; ++k)
      unit.state[k] = st.state[k] + prev + i, unit.next[k] = st.state[k] + next + i;
    if constexpr (cell.per_unit > 0) unit.per_unit = f.per_unit + v * L, unit.weight_step = one_row ? L : 0;
    if constexpr (cell.activations > 0) unit.activation = b.activations.of;
    const Pack<T, N> y = CellMath<T, C>::forward(stage, unit);
    store_pack(product + i, step, y);
    if (!last) return;
    BPTT_UNROLL
    for (int j = 0; j < N; ++j) {
      const int column = (one_row ? v + j : v) * L;
      store_first<T>(out[one_row ? r : r + j] + column, y.v[j], min(L, b.n_a - column));
    }
  };
  using One = std::true_type;
  using Many = std::false_type;
  if constexpr (cell.activations > 0) {  // no packs: a variant costs little to compile
    for (int r = ra; r < rb; ++r)
      for (int v = ua; v < ub; ++v) pack(std::integral_constant<int, 1>{}, One{}, r, v);
  } else if (rb - ra == 1) {
    in_packs(ua, ub, [&](auto n, int v) BPTT_ALWAYS { pack(n, One{}, ra, v); });
  } else {
    for (int v = ua; v < ub; ++v) in_packs(ra, rb, [&](auto n, int r) BPTT_ALWAYS { pack(n, Many{}, r, v); });
  }
}
template <class T>
using Finish = decltype(&finish<T, Cell{}>);
template <class T>
Finish<T> finish_of(Cell cell) {
  Finish<T> found = nullptr;
  with_cell(cell, [&](auto c) { found = finish<T, decltype(c)::value>; });
  return found;
}

// Prefetches what a step reads or writes: of the tape its gates and the states from row `state` on (< 0:
// none), and its rows of the caller's array.
template <class T, class Element>
inline void prefetch_step(const Batch& b, const States<T>& st, bool gates, index state, const Rows<Element>& outer,
                          int s, int r0, int r1, Prefetch& prefetch) {
  const CellInfo& cell = info(b.cell);
  const index bytes = index(r1 - r0) * b.n_a_padded * sizeof(T);
  if (gates) prefetch.add(st.gates + (st.gate_row(b, s) + r0) * cell.blocks * b.n_a_padded, cell.blocks * bytes);
  for (int k = 0; state >= 0 && k < cell.n_states; ++k) prefetch.add(st.state[k] + state * b.n_a_padded, bytes);
  for (int r = r0; outer.data && r < r1; ++r) prefetch.add(outer.at(b.row[r], b.time(r, s)), b.n_a * sizeof(T));
}

// Copies the projected input of blocks that no recurrent product fills, n elements of each.
template <class T>
inline void copy_unfilled(const CellInfo& cell, const T* projected, T* z, index n_a_padded, index n) {
  for (int g = 0; g < cell.blocks; ++g)
    if (!(cell.filled >> g & 1)) copy_row(z + g * n_a_padded, projected + g * n_a_padded, n);
}

// A stage of step s of one row r, units ua*VL .. ub*VL-1, from its projected input on: without the arrays of many
// rows, which would take as long as the products. ua is a multiple of 4, so that panels begin there.
template <class T>
inline void step_of_row(const Forward<T>& f, Finish<T> finish, int s, int stage, int r, int ua, int ub) {
  constexpr int L = VL<T>;
  const Batch& b = f.batch;
  const CellInfo& cell = info(b.cell);
  const index t = b.time(r, s), width = cell.blocks * b.n_a_padded, first = index(ua) * L;
  T *z = f.st.gates + (f.st.gate_row(b, s) + r) * width + first, *out = f.out.at(b.row[r], t);
  const T* start = z;
  if (f.in.projected) {
    start = f.in.projected + *f.in.token.at(b.row[r], t) * width + first;
    if (stage == 0) copy_unfilled(cell, start, z, b.n_a_padded, index(ub - ua) * L);
  }
  const UnitPanels u = state_panels(cell, stage, b.n_a, ub - ua);
  const T* a = stage == 0 ? f.st.state[0] + (f.st.before(b, s) + r) * b.n_a_padded : f.stage_a + r * b.n_a_padded;
  unit_row<T>(u, f.packed_a[stage] + first * u.count * b.n_a, plain_depth(b.n_a), a, start, z, b.n_a_padded);
  finish(f, s, stage, r, 0, 1, ua, ub, &out);
}

// Whether a step computes the products with input and state in one, so that each sum is stored once: where panels
// of both hold the same blocks and fit one slice together. Else, and for few rows, input is projected several
// steps at a time: more rows make better tiles, and weights that no cache holds are read once for all of them.
inline bool one_product(const Batch& b, int rows) {
  const CellInfo& cell = info(b.cell);
  if (cell.stages > 1 || cell.x_blocks < cell.blocks || cell.rec_count[0] < cell.blocks) return false;
  const index panel = index(b.n_x + b.n_a) * state_panels(cell, 0, b.n_a, b.units).width * kVecBytes;
  return panel <= l1_slice() ? rows > 1 : rows >= 8 && panel <= panel_slice();
}

// Addresses of every row of a stage of a step: what the product multiplies, where its sums start and go, the row
// of the output. They are the same for all units.
template <class T>
struct RowPointers {
  const T **from, **start;
  T **to, **out;
  RowPointers(void** scratch, int rows) {
    from = static_cast<const T**>(static_cast<void*>(scratch)), start = from + rows;
    to = reinterpret_cast<T**>(scratch + 2 * rows), out = to + rows;
  }
  // together: input and state in one product; else from the projected input on.
  void find(const Forward<T>& f, int s, int stage, int r0, int rows, bool together) const {
    const Batch& b = f.batch;
    const States<T>& st = f.st;
    const index width = index(info(b.cell).blocks) * b.n_a_padded;
    const T* source =
        stage == 0 ? st.state[0] + (st.before(b, s) + r0) * b.n_a_padded : f.stage_a + r0 * b.n_a_padded;
    T* z = st.gates + (st.gate_row(b, s) + r0) * width;
    for (int r = 0; r < rows; ++r) {
      const index t = b.time(r0 + r, s);
      from[r] = source + r * b.n_a_padded;
      to[r] = z + r * width;
      out[r] = f.out.at(b.row[r0 + r], t);
      start[r] = together         ? input_row(f.in, b, r0 + r, s)
                 : f.in.projected ? f.in.projected + *f.in.token.at(b.row[r0 + r], t) * width
                                  : to[r];
    }
  }
};

// A stage of step s of rows r0 .. r0 + rows-1, units ua*VL .. ub*VL-1.
template <class T>
inline void step_of_rows(const Forward<T>& f, Finish<T> finish, int s, int stage, int r0, int rows, int ua, int ub,
                         bool together, const RowPointers<T>& row, Prefetch& prefetch) {
  const Batch& b = f.batch;
  const CellInfo& cell = info(b.cell);
  const index n_a_padded = b.n_a_padded, first = index(ua) * VL<T>;
  if (f.in.projected && stage == 0)
    for (int r = 0; r < rows; ++r)
      copy_unfilled(cell, row.start[r] + first, row.to[r] + first, n_a_padded, index(ub - ua) * VL<T>);
  const auto gates = [&](int ra, int rb, int va, int vb) {
    finish(f, s, stage, r0, ra, rb, ua + va, ua + vb, row.out);
  };
  UnitPanels u = state_panels(cell, stage, b.n_a, ub - ua);
  u.backwards = (s + f.st.phase) & 1;  // begin with the panels that the step before has left in cache
  const T* a = f.packed_a[stage] + first * u.count * b.n_a;
  Product<T> p{u,      {a},        plain_depth(b.n_a),       rows, {row.from}, row.start, 1,
               row.to, n_a_padded, cell.blocks * n_a_padded, first};
  if (together) {
    p.packed[0] = f.packed_x + first * cell.blocks * b.n_x, p.packed[1] = a;
    p.depth = plain_depth(b.n_x, b.n_a);
    p.a[0] = row.start, p.a[1] = row.from;
    p.start = &f.packed_bias, p.start_step = 0;
  }
  unit_products<T>(p, prefetch, after_panel(gates));
}

// Steps f.s0 .. f.s1-1 of rows r0 .. r1-1, by one thread or, each with its own scratch, by the members of a team.
// scratch: (2 * chunk_steps + 2) * (r1 - r0) pointers
template <class T>
void forward_rows(const Forward<T>& f, int r0, int r1, Team* team, int member, void** scratch) {
  const Batch& b = f.batch;
  const CellInfo& cell = info(b.cell);
  const Finish<T> finish = finish_of<T>(b.cell);
  const States<T>& st = f.st;
  const index width = cell.blocks * index(b.n_a_padded);
  const int last = r0 < r1 ? min(b.len[r0], f.s1) : 0;
  const RowPointers<T> row(scratch, r1 - r0);
  Team::Member threads(team, member);
  bool together = false;

  for (int s = f.s0; s < last; ++s) {
    if (!f.in.projected && (s & (st.chunk_steps - 1)) == 0) {
      const int end = min(last, s + st.chunk_steps);
      together = one_product(b, min(r1, b.active[end - 1]) - r0);
      if (!together)
        threads.for_units(b.units, [&](int ua, int ub) { project_steps(f, r0, r1, s, end, ua, ub, scratch); });
    }
    const int rows = min(r1, b.active[s]) - r0;
    Prefetch prefetch;
    if (!team && rows > 1) {  // to members of a team, each a part of every row, it brings nothing
      const int later = s + st.chunk_steps;
      if (!together && !f.in.projected && !st.ring_gates && later < last)  // what the next projection will write
        prefetch.add(st.gates + (st.gate_row(b, later) + r0) * width,
                     index(min(r1, b.active[later]) - r0) * width * sizeof(T));
      if (s + 1 < last)  // what no step before it has touched
        prefetch_step(b, st, (together || f.in.projected) && !st.ring_gates,
                      st.ring_states ? -1 : st.after(b, s + 1) + r0, f.out, s + 1, r0, min(r1, b.active[s + 1]),
                      prefetch);
    }
    for (int stage = 0; stage < cell.stages; ++stage) {
      if (rows > 1) row.find(f, s, stage, r0, rows, together);
      threads.for_units(b.units, [&](int ua, int ub) {
        if (rows == 1)
          step_of_row(f, finish, s, stage, r0, ua, ub);
        else
          step_of_rows(f, finish, s, stage, r0, rows, ua, ub, together, row, prefetch);
      });
    }
  }
}

// One step of the one row of a stream, units ua*VL .. ub*VL-1 of a cell with one stage whose blocks all
// take the input. Threads share a row whose weights are more than one core's cache holds: each thread's
// part then stays in its own.
template <class T>
void forward_units(const Forward<T>& f, int ua, int ub) {
  const Batch& b = f.batch;
  const CellInfo& cell = info(b.cell);
  const index first = index(ua) * VL<T>;
  unit_row<T>(input_panels(cell, b.n_a, ub - ua), f.packed_x + first * cell.blocks * b.n_x, plain_depth(b.n_x),
              f.in.x.at(b.row[0], 0), f.packed_bias + first, f.st.gates + first, b.n_a_padded);
  step_of_row(f, finish_of<T>(b.cell), 0, 0, 0, ua, ub);
}

}  // namespace BPTT_NS
}  // namespace bptt
