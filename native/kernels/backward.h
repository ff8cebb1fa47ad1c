// The backward pass of some rows over one chunk of steps: dz of every step, last to first, with the
// gradients of the states carried in dstate; then the gradient of the input for the chunk at once.
#pragma once
#include "cells.h"
#include "forward.h"
#include "pack.h"
#include "tile.h"

namespace bptt {
namespace BPTT_NS {

// The rows of a matrix product over units: column vectors q0 .. q1-1 of those of `block`, in order.
struct UnitRange {
  int count;
  const int* block;
  int n_a, unit_vecs;
  int q0, q1;
};

// target[r][0 .. N vectors) (+)= dz at dz + slot[r], units of the range, @ their rows of the panel
template <class T, int R, int N, bool kAdd>
BPTT_INLINE void column_tile_fixed(const UnitRange& u, const T* dz, index stride, const index* slot,
                                   const T* panel, Prefetch& prefetch, T* const* target, int columns) {
  constexpr int L = VL<T>;
  Tile<T, R, N> tile;
  if constexpr (kAdd) {
    tile.load_from([&](int r, int v) { return target[r] + v * L; });
  } else {
    tile.zero();
  }
  index from[R];
  BPTT_UNROLL
  for (int r = 0; r < R; ++r) from[r] = slot[r];
  int i = u.q0 / u.unit_vecs, j = u.q0 % u.unit_vecs;
  panel += (index(i) * u.n_a + j * L) * N * L;
  for (int q = u.q0; q < u.q1; ++q) {
    const T* column = dz + (u.block[i] * u.unit_vecs + j) * stride;
    const int lanes = min(L, u.n_a - j * L);
    const T* row[R];
    BPTT_UNROLL
    for (int r = 0; r < R; ++r) row[r] = column + from[r];
    tile.multiply_add(
        lanes, [&](int r, int k) { return row[r] + k; }, [&](int v, int k) { return panel + (k * N + v) * L; },
        prefetch.next(lanes));
    panel += lanes * N * L;
    if (++j == u.unit_vecs) j = 0, ++i;
  }
  if (columns >= N * L) {
    tile.store_to([&](int r, int v) { return target[r] + v * L; });
  } else {  // the caller's rows end inside the last vector
    T stage[R * N * L];
    tile.store_to([&](int r, int v) { return stage + (r * N + v) * L; });
    for (int r = 0; r < R; ++r)
      for (int c = 0; c < columns; ++c) target[r][c] = stage[r * N * L + c];
  }
}

template <class T, bool kAdd>
__attribute__((noinline)) void column_tile(int rows, int vectors, const UnitRange& u, const T* dz, index stride,
                                           const index* slot, const T* panel, Prefetch& prefetch, T* const* target,
                                           int columns) {
  with_vectors(vectors, [&](auto n) BPTT_ALWAYS {
    constexpr int N = decltype(n)::value;
    with_rows<tile_rows<N>()>(rows, [&](auto r) BPTT_ALWAYS {
      column_tile_fixed<T, decltype(r)::value, N, kAdd>(u, dz, stride, slot, panel, prefetch, target, columns);
    });
  });
}

// target[i][0 .. columns) (+)= dz of the blocks at dz + slot[i] @ packed, i < rows. With kAdd, target rows
// hold whole vectors.
template <class T, bool kAdd>
inline void column_products(int count, const int* block, int n_a, int unit_vecs, const T* dz, index stride,
                            const T* packed, int columns, int rows, const index* slot, T** target,
                            Prefetch& prefetch) {
  constexpr int L = VL<T>;
  const int vecs = ceil_div(columns, L), panels = ceil_div(vecs, kColumnWidth);
  const int depth = count * unit_vecs;  // in column vectors
  for (int p = 0; p < panels; ++p) {
    const int vectors = min(kColumnWidth, vecs - p * kColumnWidth);
    const T* panel = packed + index(p) * kColumnWidth * L * count * n_a;
    const int left = kAdd ? vectors * L : columns - p * kColumnWidth * L;
    const int tiles = ceil_div(rows, tile_rows_for(vectors));
    // Slices of the panel that stay in cache; not where sums cannot be reloaded from the target.
    const int passes = tiles > 1 && left >= vectors * L ? ceil_div(depth * L, depth_in_cache<T>(vectors)) : 1;
    for (int pass = 0; pass < passes; ++pass) {
      const UnitRange u{
          count, block, n_a, unit_vecs, tile_begin(depth, passes, pass), tile_begin(depth, passes, pass + 1)};
      for (int i = 0; i < tiles; ++i) {
        const int r0 = tile_begin(rows, tiles, i), r1 = tile_begin(rows, tiles, i + 1);
        if (kAdd || pass > 0) {
          column_tile<T, true>(r1 - r0, vectors, u, dz, stride, slot + r0, panel, prefetch, target + r0, left);
        } else {
          column_tile<T, false>(r1 - r0, vectors, u, dz, stride, slot + r0, panel, prefetch, target + r0, left);
        }
      }
    }
    for (int i = 0; i < rows; ++i) target[i] += kColumnWidth * L;
  }
}

template <class T>
BPTT_INLINE const T* input_row(const Input<T>& in, const Batch& b, int r, int s) {
  const index t = b.time(r, s);
  return in.table ? in.table + *in.token.at(b.row[r], t) * b.n_x : in.x.at(b.row[r], t);
}

// Writes the addresses of the rows that the weights multiplied at step s of row r, which is slot k; computes
// those rows that are not in memory.
template <class T, Cell C>
inline void point_to_rows(const Backward<T>& w, int s, int r, index k) {
  constexpr int L = VL<T>;
  constexpr const CellInfo& cell = info(C);
  const Batch& b = w.batch;
  const T* a_prev = w.st.state[0] + (w.st.before(b, s) + r) * b.n_a_padded;
  w.a_row[0][k] = a_prev;
  if constexpr (cell.stages > 1) {
    const T* gates = w.st.gates + (w.st.gate_row(b, s) + r) * cell.blocks * b.n_a_padded;
    T* to = w.stage_rows + k * b.n_a_padded;
    for (int i = 0; i < b.n_a_padded; i += L)
      store<T>(to + i, CellMath<T, C>::stage_input(gates + i, b.n_a_padded, a_prev + i));
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

// Steps w.begin .. w.end-1. scratch: (slots of these rows in them) pointers, then as many indices
template <class T, Cell C>
inline void backward_rows(const Backward<T>& w, int r0, int r1, void** scratch) {
  constexpr int L = VL<T>;
  constexpr const CellInfo& cell = info(C);
  const Batch& b = w.batch;
  const States<T>& st = w.st;
  const index n_a_padded = b.n_a_padded, width = cell.blocks * n_a_padded;
  const int units = b.n_a_padded / L;
  int mine = 0;
  for (int s = w.begin; s < w.end; ++s) mine += min(r1, b.active[s]) - min(r0, b.active[s]);
  T** target = reinterpret_cast<T**>(scratch);
  index* slot = reinterpret_cast<index*>(scratch + mine);

  for (int s = w.end - 1; s >= w.begin; --s) {
    const int rows = min(r1, b.active[s]) - r0;
    if (rows <= 0) continue;
    const index k0 = b.off[s] - b.off[w.s0] + r0;
    const index before = (st.before(b, s) + r0) * n_a_padded, after = (st.after(b, s) + r0) * n_a_padded;
    const T* gates = st.gates + (st.gate_row(b, s) + r0) * width;
    Prefetch prefetch;
    if (s > 0)
      prefetch_step<T, C>(b, st, cell.keep_blocks, st.before(b, s - 1) + r0, w.dy, s - 1, r0,
                          min(r1, b.active[s - 1]), prefetch);
    if (s > w.s0)
      for (int j = 0; j < (cell.blocks + cell.per_unit) * units; ++j)
        prefetch.add(w.dz + j * w.stride + (b.off[s - 1] - b.off[w.s0] + r0) * L,
                     (min(r1, b.active[s - 1]) - r0) * kVecBytes);
    for (int stage = cell.stages - 1; stage >= 0; --stage) {
      for (int r = 0; r < rows; ++r) {
        const T* dy = w.dy.data ? w.dy.at(b.row[r0 + r], b.time(r0 + r, s)) : nullptr;
        for (int v = 0; v < units; ++v) {
          const index at = r * n_a_padded + v * L, carry = (r0 + r) * n_a_padded + v * L;
          const Vec<T> up = dy ? load_first(dy + v * L, min(L, b.n_a - v * L)) : Vec<T>{};
          UnitGrad<T> unit;
          unit.n_a_padded = n_a_padded, unit.dz_block = units * w.stride, unit.blocks = cell.blocks;
          unit.gate = gates + r * width + v * L, unit.dy = {up};
          for (int i = 0; i < cell.n_states; ++i) {
            unit.state[i] = st.state[i] + before + at, unit.next[i] = st.state[i] + after + at;
            unit.dstate[i] = w.dstate[i] + carry;
          }
          if constexpr (cell.stages > 1) unit.stage_da = w.stage_da + carry;
          if constexpr (cell.per_unit > 0) unit.per_unit = w.per_unit + v * L;
          unit.dz = w.dz + v * w.stride + (k0 + r) * L;
          CellMath<T, C>::backward(stage, unit);
        }
      }
      for (int r = 0; r < rows; ++r) {
        slot[r] = (k0 + r) * L;
        target[r] = (stage == 0 ? w.dstate[0] : w.stage_da) + (r0 + r) * n_a_padded;
      }
      if (cell.rec_count[stage] == 0) continue;
      if (stage == 0) {
        column_products<T, true>(cell.rec_count[0], cell.rec[0], b.n_a, units, w.dz, w.stride, w.packed_a[0],
                                 b.n_a, rows, slot, target, prefetch);
      } else {
        column_products<T, false>(cell.rec_count[1], cell.rec[1], b.n_a, units, w.dz, w.stride, w.packed_a[1],
                                  b.n_a_padded, rows, slot, target, prefetch);
      }
    }
    for (int r = 0; r < rows; ++r) point_to_rows<T, C>(w, s, r0 + r, k0 + r);
  }

  if (!w.dx.data && !w.dx_slots) return;
  int n = 0;
  for (int s = w.begin; s < w.end; ++s)
    for (int r = r0; r < min(r1, b.active[s]); ++r, ++n) {
      const index k = b.off[s] - b.off[w.s0] + r;
      slot[n] = k * L;
      target[n] = w.dx_slots ? w.dx_slots + k * b.n_x : w.dx.at(b.row[r], b.time(r, s));
    }
  Prefetch nothing;
  column_products<T, false>(cell.x_blocks, kAllBlocks, b.n_a, units, w.dz, w.stride, w.packed_x, b.n_x, n, slot,
                            target, nothing);
}

}  // namespace BPTT_NS
}  // namespace bptt
