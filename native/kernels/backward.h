// The backward pass of some rows over one chunk of steps: dz of every step, last to first, with the
// gradient of the state carried in da (and dc); then the gradient of the input for the chunk at once.
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
                                   const T* panel, Ahead& ahead, T* const* target, int columns) {
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
    tile.multiply_add(lanes, [&](int r, int k) { return row[r] + k; },
                      [&](int v, int k) { return panel + (k * N + v) * L; },
                      ahead.next(lanes));
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
__attribute__((noinline)) void column_tile(int rows, int vectors, const UnitRange& u, const T* dz,
                                           index stride, const index* slot, const T* panel, Ahead& ahead,
                                           T* const* target, int columns) {
  with_vectors(vectors, [&](auto n) BPTT_ALWAYS {
    constexpr int N = decltype(n)::value;
    with_rows<tile_rows<N>()>(rows, [&](auto r) BPTT_ALWAYS {
      column_tile_fixed<T, decltype(r)::value, N, kAdd>(u, dz, stride, slot, panel, ahead, target, columns);
    });
  });
}

// target[i][0 .. columns) (+)= dz of the blocks at dz + slot[i] @ packed, i < rows. With kAdd, target rows
// hold whole vectors.
template <class T, bool kAdd>
inline void column_products(int count, const int* block, int n_a, int unit_vecs, const T* dz,
                            index stride, const T* packed, int columns, int rows, const index* slot,
                            T** target, Ahead& ahead) {
  constexpr int L = VL<T>;
  const int vecs = ceil_div(columns, L), panels = ceil_div(vecs, kColumnWidth);
  const int depth = count * unit_vecs;  // in column vectors
  for (int p = 0; p < panels; ++p) {
    const int vectors = min(kColumnWidth, vecs - p * kColumnWidth);
    const T* panel = packed + index(p) * kColumnWidth * L * count * n_a;
    const int left = kAdd ? vectors * L : columns - p * kColumnWidth * L;
    const int tiles = ceil_div(rows, tile_rows_for(vectors));
    // Slices of the panel that stay in cache; not where sums cannot be reloaded from the target.
    const int passes =
        tiles > 1 && left >= vectors * L ? ceil_div(depth * L, depth_in_cache<T>(vectors)) : 1;
    for (int pass = 0; pass < passes; ++pass) {
      const UnitRange u{count, block, n_a, unit_vecs, tile_begin(depth, passes, pass),
                        tile_begin(depth, passes, pass + 1)};
      for (int i = 0; i < tiles; ++i) {
        const int r0 = tile_begin(rows, tiles, i), r1 = tile_begin(rows, tiles, i + 1);
        if (kAdd || pass > 0) {
          column_tile<T, true>(r1 - r0, vectors, u, dz, stride, slot + r0, panel, ahead, target + r0, left);
        } else {
          column_tile<T, false>(r1 - r0, vectors, u, dz, stride, slot + r0, panel, ahead, target + r0, left);
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

// Tells where slot k's rows are that the weights multiplied at step s of row r; makes those that are nowhere.
template <class T, Cell C>
inline void point_to_rows(const Backward<T>& w, int s, int r, index k) {
  constexpr int L = VL<T>;
  constexpr const CellInfo& cell = kCellInfo[static_cast<int>(C)];
  const Batch& b = w.batch;
  const T* a_prev = w.st.a + (w.st.before(b, s) + r) * b.n_a_padded;
  w.a_row[k] = a_prev;
  if (C == Cell::gru) {
    const T* rt = w.st.gates + (w.st.gate_row(b, s) + r) * cell.blocks * b.n_a_padded + b.n_a_padded;
    T* to = w.reset + k * b.n_a_padded;
    for (int i = 0; i < b.n_a_padded; i += L) store<T>(to + i, load(rt + i) * load(a_prev + i));
    w.reset_row[k] = to;
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

// scratch: (slots of these rows in the chunk) pointers, then as many indices
template <class T, Cell C>
inline void backward_rows(const Backward<T>& w, int r0, int r1, void** scratch) {
  constexpr int L = VL<T>;
  constexpr const CellInfo& cell = kCellInfo[static_cast<int>(C)];
  const Batch& b = w.batch;
  const States<T>& st = w.st;
  const index n_a_padded = b.n_a_padded, width = cell.blocks * n_a_padded;
  const int units = b.n_a_padded / L, x_blocks[kMaxBlocks] = {0, 1, 2, 3};
  int mine = 0;
  for (int s = w.s0; s < w.s1; ++s) mine += min(r1, b.active[s]) - min(r0, b.active[s]);
  T** target = reinterpret_cast<T**>(scratch);
  index* slot = reinterpret_cast<index*>(scratch + mine);

  for (int s = w.s1 - 1; s >= w.s0; --s) {
    const int rows = min(r1, b.active[s]) - r0;
    if (rows <= 0) continue;
    const index k0 = b.off[s] - b.off[w.s0] + r0;
    const index before = (st.before(b, s) + r0) * n_a_padded, after = (st.after(b, s) + r0) * n_a_padded;
    const T* gates = st.gates + (st.gate_row(b, s) + r0) * width;
    Ahead ahead;
    if (s > 0)
      ask_for_step<T, C>(b, st, cell.keep_blocks, st.before(b, s - 1) + r0, w.dy, s - 1, r0,
                         min(r1, b.active[s - 1]), ahead);
    if (s > w.s0)
      for (int j = 0; j < cell.blocks * units; ++j)
        ahead.add(w.dz + j * w.stride + (b.off[s - 1] - b.off[w.s0] + r0) * L,
                  (min(r1, b.active[s - 1]) - r0) * kVecBytes);
    for (int stage = cell.stages - 1; stage >= 0; --stage) {
      for (int r = 0; r < rows; ++r) {
        const T* dy = w.dy.data ? w.dy.at(b.row[r0 + r], b.time(r0 + r, s)) : nullptr;
        for (int v = 0; v < units; ++v) {
          const index i = r * n_a_padded + v * L, carry = (r0 + r) * n_a_padded + v * L;
          const Vec<T> up = dy ? load_first(dy + v * L, min(L, b.n_a - v * L)) : Vec<T>{};
          CellMath<T, C>::backward(
              stage, UnitGrad<T>{n_a_padded, units * w.stride, gates + r * width + v * L, st.a + before + i,
                                 st.a + after + i, st.c + before + i, st.c + after + i, {up}, w.da + carry,
                                 w.dc + carry, w.reset_da + carry, w.dz + v * w.stride + (k0 + r) * L});
        }
      }
      for (int r = 0; r < rows; ++r) {
        slot[r] = (k0 + r) * L;
        target[r] = (stage == 0 ? w.da : w.reset_da) + (r0 + r) * n_a_padded;
      }
      if (stage == 0) {
        column_products<T, true>(cell.rec_count[0], cell.rec[0], b.n_a, units, w.dz, w.stride,
                                 w.packed_a[0], b.n_a, rows, slot, target, ahead);
      } else {
        column_products<T, false>(cell.rec_count[1], cell.rec[1], b.n_a, units, w.dz, w.stride,
                                  w.packed_a[1], b.n_a_padded, rows, slot, target, ahead);
      }
    }
    for (int r = 0; r < rows; ++r) point_to_rows<T, C>(w, s, r0 + r, k0 + r);
  }

  if (!w.dx.data && !w.dx_slots) return;
  int n = 0;
  for (int s = w.s0; s < w.s1; ++s)
    for (int r = r0; r < min(r1, b.active[s]); ++r, ++n) {
      const index k = b.off[s] - b.off[w.s0] + r;
      slot[n] = k * L;
      target[n] = w.dx_slots ? w.dx_slots + k * b.n_x : w.dx.at(b.row[r], b.time(r, s));
    }
  Ahead nothing;
  column_products<T, false>(cell.x_blocks, x_blocks, b.n_a, units, w.dz, w.stride, w.packed_x, b.n_x,
                            n, slot, target, nothing);
}

}  // namespace BPTT_NS
}  // namespace bptt
