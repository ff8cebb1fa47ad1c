// The backward pass of some rows over one chunk of steps: dz of every step, last to first, with the
// gradients of the states carried in dstate; then the gradient of the input for the chunk at once.
#pragma once
#include "cells.h"
#include "forward.h"
#include "pack.h"
#include "tile.h"

namespace bptt {
namespace BPTT_NS {

// z[r][0 .. columns) = (start[r] or 0) + dz of the blocks, in rows dz[r], @ packed.
template <class T>
inline void column_products(int count, const int* block, int n_a, index dz_block, const T* packed, int columns,
                            int rows, const T* const* dz, const T* const* start, T* const* z, Prefetch& prefetch) {
  const UnitPanels u = column_panels(columns, ceil_div(columns, VL<T>));
  unit_products<T>(
      {u, {packed}, depth_of_blocks(count, block, n_a, dz_block), rows, {dz}, start, 1, z, 0, columns}, prefetch);
}

// The equations of step s, all units of rows r0 .. r0 + rows-1, of a cell. This, and what its second stage
// multiplied, are all of the backward pass that is compiled for each cell.
template <class T, Cell C>
void unit_gradients(const Backward<T>& w, int s, int stage, int r0, int rows) {
  constexpr int L = VL<T>;
  constexpr const CellInfo& cell = info(C);
  const Batch& b = w.batch;
  const States<T>& st = w.st;
  const index n_a_padded = b.n_a_padded, width = cell.blocks * n_a_padded;
  const index before = (st.before(b, s) + r0) * n_a_padded, after = (st.after(b, s) + r0) * n_a_padded;
  const T* gates = st.gates + (st.gate_row(b, s) + r0) * width;
  T* dz = w.dz + (b.off[s] - b.off[w.s0] + r0) * w.dz_step;
  const int whole = b.units * L;
  for (int r = 0; r < rows; ++r) {
    const T* dy = w.dy.data ? w.dy.at(b.row[r0 + r], b.time(r0 + r, s)) : nullptr;
    const index at = r * n_a_padded, carry = (r0 + r) * n_a_padded;
    const auto pack = [&](auto n, int v) BPTT_ALWAYS {
      constexpr int N = decltype(n)::value;
      UnitGrad<T, N> unit;
      unit.n_a_padded = n_a_padded, unit.dz_block = whole, unit.blocks = cell.blocks;
      unit.gate = gates + r * width + v;
      if (dy && v + N * L <= b.n_a)
        unit.dy = load_pack<T, N>(dy + v, L);
      else
        unit.dy = each<T, N>([&](int i) {
          const int lanes = b.n_a - v - i * L;
          return dy && lanes > 0 ? load_first(dy + v + i * L, lanes) : Vec<T>{};
        });
      for (int i = 0; i < cell.n_states; ++i) {
        unit.state[i] = st.state[i] + before + at + v, unit.next[i] = st.state[i] + after + at + v;
        unit.dstate[i] = w.dstate[i] + carry + v;
      }
      if constexpr (cell.stages > 1) unit.stage_da = w.stage_da + carry + v;
      if constexpr (cell.per_unit > 0) unit.per_unit = w.per_unit + v;
      if constexpr (cell.activations > 0) unit.activation = b.activations.of;
      unit.dz = dz + r * w.dz_step + v;
      CellMath<T, C>::backward(stage, unit);
    };
    int v = 0;
    if constexpr (cell.activations == 0)
      for (; v + kPack * L <= whole; v += kPack * L) pack(std::integral_constant<int, kPack>{}, v);
    for (; v < whole; v += L) pack(std::integral_constant<int, 1>{}, v);
  }
}

// to = what stage 1 of a step of a row multiplied.
template <class T, Cell C>
void stage_row(const Backward<T>& w, const T* gates, const T* a_prev, T* to) {
  if constexpr (info(C).stages > 1)
    for (int i = 0; i < w.batch.units * VL<T>; i += VL<T>)
      store<T>(to + i, CellMath<T, C>::stage_input(gates + i, w.batch.n_a_padded, a_prev + i));
}

template <class T>
struct CellBackward {
  decltype(&unit_gradients<T, Cell{}>) unit_gradients;
  decltype(&stage_row<T, Cell{}>) stage_row;
};
template <class T>
CellBackward<T> backward_of(Cell cell) {
  CellBackward<T> found{};
  with_cell(cell,
            [&](auto c) { found = {unit_gradients<T, decltype(c)::value>, stage_row<T, decltype(c)::value>}; });
  return found;
}

// Writes the addresses of the rows that the weights multiplied at step s of row r, which is slot k; computes
// those rows that are not in memory.
template <class T>
inline void point_to_rows(const Backward<T>& w, const CellBackward<T>& math, int s, int r, index k) {
  constexpr int L = VL<T>;
  const Batch& b = w.batch;
  const CellInfo& cell = info(b.cell);
  const T* a_prev = w.st.state[0] + (w.st.before(b, s) + r) * b.n_a_padded;
  w.a_row[0][k] = a_prev;
  if (cell.stages > 1) {
    T* to = w.stage_rows + k * b.n_a_padded;
    math.stage_row(w, w.st.gates + (w.st.gate_row(b, s) + r) * cell.blocks * b.n_a_padded, a_prev, to);
    w.a_row[1][k] = to;
  }
  if (!w.x_row) return;
  const T* x = input_row(w.in, b, r, s);
  if (w.x_copy) {
    const int width = ceil_div(b.n_x, L) * L;
    T* to = w.x_copy + k * width;
    for (int i = 0; i < width; i += L) store(to + i, load_first(x + i, min(L, b.n_x - i)));
    x = to;
  }
  w.x_row[k] = x;
}

// Steps w.begin .. w.end-1. scratch: 2 * (slots of these rows in them) pointers
template <class T>
void backward_rows(const Backward<T>& w, int r0, int r1, void** scratch) {
  const Batch& b = w.batch;
  const CellInfo& cell = info(b.cell);
  const CellBackward<T> math = backward_of<T>(b.cell);
  const States<T>& st = w.st;
  const index n_a_padded = b.n_a_padded;
  const int whole = b.units * VL<T>;
  int mine = 0;
  for (int s = w.begin; s < w.end; ++s) mine += min(r1, b.active[s]) - min(r0, b.active[s]);
  T** target = reinterpret_cast<T**>(scratch);
  const T** dz_row = static_cast<const T**>(static_cast<void*>(scratch + mine));

  for (int s = w.end - 1; s >= w.begin; --s) {
    const int rows = min(r1, b.active[s]) - r0;
    if (rows <= 0) continue;
    const index k0 = b.off[s] - b.off[w.s0] + r0;
    Prefetch prefetch;
    if (s > 0)
      prefetch_step(b, st, cell.keep_blocks, st.before(b, s - 1) + r0, w.dy, s - 1, r0, min(r1, b.active[s - 1]),
                    prefetch);
    if (s > w.s0)
      prefetch.add(w.dz + (b.off[s - 1] - b.off[w.s0] + r0) * w.dz_step,
                   (min(r1, b.active[s - 1]) - r0) * w.dz_step * sizeof(T));
    for (int stage = cell.stages - 1; stage >= 0; --stage) {
      math.unit_gradients(w, s, stage, r0, rows);
      if (cell.rec_count[stage] == 0) continue;
      for (int r = 0; r < rows; ++r) {
        dz_row[r] = w.dz + (k0 + r) * w.dz_step;
        target[r] = (stage == 0 ? w.dstate[0] : w.stage_da) + (r0 + r) * n_a_padded;
      }
      column_products<T>(cell.rec_count[stage], cell.rec[stage], b.n_a, whole, w.packed_a[stage], whole, rows,
                         dz_row, stage == 0 ? target : nullptr, target, prefetch);
    }
    for (int r = 0; r < rows; ++r) point_to_rows(w, math, s, r0 + r, k0 + r);
  }

  if (!w.dx.data && !w.dx_slots) return;
  int n = 0;
  for (int s = w.begin; s < w.end; ++s)
    for (int r = r0; r < min(r1, b.active[s]); ++r, ++n) {
      const index k = b.off[s] - b.off[w.s0] + r;
      dz_row[n] = w.dz + k * w.dz_step;
      target[n] = w.dx_slots ? w.dx_slots + k * b.n_x : w.dx.at(b.row[r], b.time(r, s));
    }
  Prefetch nothing;
  column_products<T>(cell.x_blocks, kAllBlocks, b.n_a, whole, w.packed_x, b.n_x, n, dz_row, nullptr, target,
                     nothing);
}

}  // namespace BPTT_NS
}  // namespace bptt
