// The forward pass of some rows of a batch, from their first step to their last. Rows never look at
// one another, so each thread walks its own rows and no step needs a barrier.
#pragma once
#include "cells.h"
#include "pack.h"
#include "tile.h"

namespace bptt {
namespace BPTT_NS {

// One tile: z[r][col[v]] = (bias[v] or z) + sum_k a[r][k] * panel[k][v], for P full panels of N vectors
// that are panel_size elements apart.
template <class T, bool kBias, int R, int N, int P>
BPTT_INLINE void unit_tile_fixed(int K, const T* const* a, int k0, const T* panel, index panel_size,
                                 const T* ahead, T* const* z, const index* col, const T* bias) {
  constexpr int L = VL<T>;
  Tile<T, R, N * P> tile;
  const T* row[R];
BPTT_UNROLL
  for (int r = 0; r < R; ++r) row[r] = a[r] + k0;
  if constexpr (kBias) {
    tile.load_from([&](int, int v) { return bias + v * L; });
  } else {
    tile.load_from([&](int r, int v) { return z[r] + col[v]; });
  }
  tile.multiply_add(K, [&](int r, int k) { return row[r] + k; },
                    [&](int v, int k) { return panel + (v / N) * panel_size + (k * N + v % N) * L; },
                    [&](int k) { return ahead + k * N * L; });
  tile.store_to([&](int r, int v) { return z[r] + col[v]; });
}

// With few rows there are few sums per panel; several panels at once keep the units busy.
inline int panels_at_once(int rows, int full_panels_left) {
  const int most = rows == 1 ? (kRegisters == 32 ? 4 : 2) : rows == 2 && kRegisters == 32 ? 2 : 1;
  for (int p = most; p > 1; p /= 2)
    if (full_panels_left >= p) return p;
  return 1;
}

// The panels that follow when `done` column vectors are done: full ones, or the narrow last one alone.
struct PanelGroup {
  int begin, vectors, at_once;
};
BPTT_INLINE PanelGroup next_panels(const UnitPanels& u, int rows, int done) {
  const int left = u.entries() - done;
  if (!u.backwards) {
    const int vectors = min(u.width, left);
    return {done, vectors, left < 2 * u.width ? 1 : panels_at_once(rows, left / u.width)};
  }
  const int narrow = done == 0 ? left % u.width : 0;
  if (narrow) return {left - narrow, narrow, 1};
  const int at_once = left < 2 * u.width ? 1 : panels_at_once(rows, left / u.width);
  return {left - at_once * u.width, u.width, at_once};
}

template <class T, bool kBias>
__attribute__((noinline)) void unit_tile(int rows, int vectors, int panels, int K, const T* const* a,
                                         int k0, const T* panel, index panel_size, const T* ahead,
                                         T* const* z, const index* col, const T* bias) {
  with_vectors(vectors, [&](auto n) {
    constexpr int N = decltype(n)::value;
    if constexpr (N >= 3) {
      if constexpr (kRegisters == 32) {
        if (panels == 2) return unit_tile_fixed<T, kBias, 2, N, 2>(K, a, k0, panel, panel_size, ahead, z, col, bias);
      }
    }
    with_rows<tile_rows<N>()>(rows, [&](auto r) {
      unit_tile_fixed<T, kBias, decltype(r)::value, N, 1>(K, a, k0, panel, panel_size, ahead, z, col, bias);
    });
  });
}
inline int tile_rows_for(int vectors) {
  return vectors == 1 ? tile_rows<1>() : vectors == 2 ? tile_rows<2>()
       : vectors == 3 ? tile_rows<3>() : tile_rows<4>();
}

// One row: the same sums, without what arranges tiles, which would take as long as the products.
template <class T, bool kBias>
__attribute__((noinline)) void unit_row(const UnitPanels& u, const T* packed, const T* bias, int K,
                                        const T* a, T* z, index nap) {
  constexpr int L = VL<T>;
  for (int done = 0; done < u.entries();) {
    const PanelGroup g = next_panels(u, 1, done);
    const int e = g.begin, vectors = g.vectors, at_once = g.at_once;
    index col[16];
    for (int v = 0, block = 0, unit = e / u.count; v < vectors * at_once; ++v) {
      col[v] = u.block[block] * nap + unit * L;
      if (++block == u.count) block = 0, ++unit;
    }
    const T* panel = packed + index(e) * L * K;
    const index panel_size = index(K) * vectors * L;
    const auto tile = [&](auto n, auto p) {
      unit_tile_fixed<T, kBias, 1, decltype(n)::value, decltype(p)::value>(
          K, &a, 0, panel, panel_size, panel, &z, col, bias + e * L);
    };
    with_vectors(vectors, [&](auto n) {
      if constexpr (decltype(n)::value >= 3) {
        if constexpr (kRegisters == 32)
          if (at_once == 4) return tile(n, std::integral_constant<int, 4>{});
        if (at_once == 2) return tile(n, std::integral_constant<int, 2>{});
      }
      tile(n, std::integral_constant<int, 1>{});
    });
    done += vectors * at_once;
  }
}

// How deep a slice of a panel stays in the L1 cache beside the rows, while tile after tile reads it. Sums
// are stored and reloaded between slices, which changes no bit.
template <class T>
constexpr int depth_in_cache(int vectors) {
  return (32 << 10) / (vectors * kVecBytes);
}

// z[r] += a[r] @ panels (or bias + ...), all panels; after(r0, r1, u0, u1) is called as soon as rows
// r0 .. r1-1 have all their blocks of unit vectors u0 .. u1-1.
template <class T, bool kBias, class After>
BPTT_INLINE void unit_products(const UnitPanels& u, const T* packed, const T* bias, int K, int rows,
                               const T* const* a, T* const* z, index nap, After after) {
  constexpr int L = VL<T>;
  if (rows == 1) {
    unit_row<T, kBias>(u, packed, bias, K, a[0], z[0], nap);
    return after(0, 1, 0, u.unit_vecs);
  }
  for (int done = 0; done < u.entries();) {
    const PanelGroup g = next_panels(u, rows, done);
    const int e = g.begin, vectors = g.vectors, at_once = g.at_once, end = e + vectors * at_once;
    index col[16];
    for (int v = e; v < end; ++v)
      col[v - e] = u.block[v % u.count] * nap + (v / u.count) * L;
    const int tiles = ceil_div(rows, tile_rows_for(vectors));
    const int passes = tiles > 1 && K > 0 ? ceil_div(K, depth_in_cache<T>(vectors)) : 1;
    const T* panel = packed + index(e) * L * K;
    const index panel_size = index(K) * vectors * L;
    for (int pass = 0, k0 = 0; pass < passes; ++pass) {
      const int k1 = tile_begin(K, passes, pass + 1);
      for (int i = 0; i < tiles; ++i) {
        const int r0 = tile_begin(rows, tiles, i), r1 = tile_begin(rows, tiles, i + 1);
        const T* part = panel + index(k0) * vectors * L;
        // While tile i runs, it asks for column vector i of the next slice: weights come from far caches.
        const T* next = u.backwards && k1 == K ? panel - index(u.width) * L * K : part + index(k1 - k0) * vectors * L;
        const T* ahead = next + i % vectors * L;
        if (kBias && pass == 0) {
          unit_tile<T, true>(r1 - r0, vectors, at_once, k1 - k0, a + r0, k0, part, panel_size, ahead,
                             z + r0, col, bias + e * L);
        } else {
          unit_tile<T, false>(r1 - r0, vectors, at_once, k1 - k0, a + r0, k0, part, panel_size, ahead,
                              z + r0, col, nullptr);
        }
        if (pass + 1 == passes) after(r0, r1, e / u.count, end / u.count);
      }
      k0 = k1;
    }
    done += vectors * at_once;
  }
}

template <class T>
BPTT_INLINE void copy_row(T* dst, const T* src, index n) {
  for (index i = 0; i < n; ++i) dst[i] = src[i];
}

// Pre-activations of steps s0 .. s1-1 from the input alone: z = b + Wx xt.
template <class T>
inline void project(const Forward<T>& f, int r0, int r1, int s0, int s1, const T** xs, T** zs) {
  constexpr int L = VL<T>;
  const Batch& b = f.batch;
  const CellInfo& cell = info(b.cell);
  const index width = index(cell.blocks) * b.nap;
  int n = 0;
  for (int s = s0; s < s1; ++s) {
    T* z = f.st.gates + f.st.gate_row(b, s) * width;
    for (int r = r0; r < min(r1, b.active[s]); ++r, ++n) {
      const int row = b.row[r];
      const index t = b.time(r, s);
      zs[n] = z + r * width;
      if (f.in.projected) {
        xs[n] = f.in.projected + *f.in.token.at(row, t) * cell.x_blocks * b.nap;
      } else if (f.in.table) {
        xs[n] = f.in.table + *f.in.token.at(row, t) * b.n_x;
      } else {
        xs[n] = f.in.x.at(row, t);
      }
    }
  }
  const UnitPanels u = input_panels(cell, b.n_a, b.nap / L);
  if (f.in.projected) {
    for (int i = 0; i < n; ++i) copy_row(zs[i], xs[i], index(cell.x_blocks) * b.nap);
  } else {
    unit_products<T, true>(u, f.packed_x, f.packed_bias, b.n_x, n, xs, zs, b.nap,
                           [](int, int, int, int) {});
  }
  const T* more_bias = f.packed_bias + u.entries() * L;
  for (int g = cell.x_blocks; g < cell.blocks; ++g, more_bias += b.nap)
    for (int i = 0; i < n; ++i) copy_row(zs[i] + g * b.nap, more_bias, b.nap);
}

// scratch: 2 * chunk_steps * (r1 - r0) pointers
template <class T, Cell C>
inline void forward_rows(const Forward<T>& f, int r0, int r1, void** scratch) {
  constexpr int L = VL<T>;
  constexpr const CellInfo& cell = kCellInfo[static_cast<int>(C)];
  const Batch& b = f.batch;
  const States<T>& st = f.st;
  const index nap = b.nap, width = cell.blocks * nap;
  const int last = r0 < r1 ? b.len[r0] : 0;
  const T** from = static_cast<const T**>(static_cast<void*>(scratch));
  T** to = reinterpret_cast<T**>(scratch + index(st.chunk_steps) * (r1 - r0));

  for (int s0 = 0; s0 < last; s0 += st.chunk_steps) {
    const int s1 = min(last, s0 + st.chunk_steps);
    project(f, r0, r1, s0, s1, from, to);
    for (int s = s0; s < s1; ++s) {
      const int rows = min(r1, b.active[s]) - r0;
      T* z = st.gates + (st.gate_row(b, s) + r0) * width;
      const index prev = (st.before(b, s) + r0) * nap, next = (st.after(b, s) + r0) * nap;
      T* reset = f.reset_a + r0 * nap;
      for (int r = 0; r < rows; ++r) to[r] = z + r * width;
      for (int stage = 0; stage < cell.stages; ++stage) {
        const T* source = stage == 0 ? st.a + prev : reset;
        for (int r = 0; r < rows; ++r) from[r] = source + r * nap;
        UnitPanels u = state_panels(cell, stage, b.n_a, b.nap / L);
        u.backwards = (s + st.phase) & 1;  // begin with the panels that the step before has left in cache
        unit_products<T, false>(
            u, f.packed_a[stage], nullptr, b.n_a, rows, from,
            to, nap, [&](int ra, int rb, int ua, int ub) {
              const auto unit = [&](int r, int v) {
                const index i = r * nap + v * L;
                return Unit<T>{to[r] + v * L,      nap,           st.a + prev + i, st.a + next + i,
                               st.c + prev + i, st.c + next + i, reset + i};
              };
              for (int r = ra; r < rb; ++r)
                for (int v = ua; v < ub; ++v) CellMath<T, C>::gates(stage, unit(r, v));
              for (int r = ra; r < rb; ++r)
                for (int v = ua; v < ub; ++v) CellMath<T, C>::state(stage, unit(r, v));
            });
      }
      for (int r = 0; r < rows; ++r)
        copy_row(f.out.at(b.row[r0 + r], b.time(r0 + r, s)), st.a + next + r * nap, b.n_a);
    }
  }
}

// One step of the one row of a stream, units ua*VL .. ub*VL-1 of a cell with one stage whose blocks all
// take the input. Threads share a row whose weights are more than one core's cache holds: each thread's
// part then stays in its own. ua is a multiple of 4, so that panels begin there.
template <class T, Cell C>
inline void forward_units(const Forward<T>& f, int ua, int ub) {
  constexpr int L = VL<T>;
  constexpr const CellInfo& cell = kCellInfo[static_cast<int>(C)];
  const Batch& b = f.batch;
  const States<T>& st = f.st;
  const index nap = b.nap, prev = st.before(b, 0) * nap, next = st.after(b, 0) * nap;
  const index columns = index(ua) * cell.blocks * L;
  T* z = st.gates + ua * L;
  unit_row<T, true>(input_panels(cell, b.n_a, ub - ua), f.packed_x + columns * b.n_x,
                    f.packed_bias + columns, b.n_x, f.in.x.at(b.row[0], 0), z, nap);
  unit_row<T, false>(state_panels(cell, 0, b.n_a, ub - ua), f.packed_a[0] + columns * b.n_a, nullptr,
                     b.n_a, st.a + prev, z, nap);
  const auto unit = [&](int v) {
    const index i = v * L;
    return Unit<T>{st.gates + i, nap, st.a + prev + i, st.a + next + i, st.c + prev + i, st.c + next + i,
                   f.reset_a};
  };
  for (int v = ua; v < ub; ++v) CellMath<T, C>::gates(0, unit(v));
  for (int v = ua; v < ub; ++v) CellMath<T, C>::state(0, unit(v));
  const index first = ua * L;
  copy_row(f.out.at(b.row[0], 0) + first, st.a + next + first, min(index(ub) * L, index(b.n_a)) - first);
}

}  // namespace BPTT_NS
}  // namespace bptt
