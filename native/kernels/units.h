// Products over units: rows of a batch times the panels of a layer's weights, tile by tile, one row or many.
#pragma once
#include "pack.h"
#include "tile.h"

namespace bptt {
namespace BPTT_NS {

// One tile: z[r][col[v]] = (bias[v] or start[r][col[v]]) + sum_k a[r][k] * panel[k][v], for P full panels of
// N vectors that are panel_size elements apart.
template <class T, bool kBias, int R, int N, int P>
BPTT_INLINE void unit_tile_fixed(int K, const T* const* a, int k0, const T* panel, index panel_size,
                                 const T* const* start, T* const* z, const index* col, const T* bias,
                                 Prefetch::Lines prefetch) {
  constexpr int L = VL<T>;
  Tile<T, R, N * P> tile;
  const T* row[R];
  BPTT_UNROLL
  for (int r = 0; r < R; ++r) row[r] = a[r] + k0;
  if constexpr (kBias) {
    tile.load_from([&](int, int v) { return bias + v * L; });
  } else {
    tile.load_from([&](int r, int v) { return start[r] + col[v]; });
  }
  tile.multiply_add(
      K, [&](int r, int k) { return row[r] + k; },
      [&](int v, int k) { return panel + (v / N) * panel_size + (k * N + v % N) * L; }, prefetch);
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
__attribute__((noinline)) void unit_tile(int rows, int vectors, int panels, int K, const T* const* a, int k0,
                                         const T* panel, index panel_size, const T* const* start, T* const* z,
                                         const index* col, const T* bias, Prefetch::Lines prefetch) {
  with_vectors(vectors, [&](auto n) BPTT_ALWAYS {
    constexpr int N = decltype(n)::value;
    if constexpr (N >= 3) {
      if constexpr (kRegisters == 32) {
        if (panels == 2)
          return unit_tile_fixed<T, kBias, 2, N, 2>(K, a, k0, panel, panel_size, start, z, col, bias, prefetch);
      }
    }
    with_rows<tile_rows<N>()>(rows, [&](auto r) BPTT_ALWAYS {
      unit_tile_fixed<T, kBias, decltype(r)::value, N, 1>(K, a, k0, panel, panel_size, start, z, col, bias,
                                                          prefetch);
    });
  });
}
inline int tile_rows_for(int vectors) {
  return vectors == 1   ? tile_rows<1>()
         : vectors == 2 ? tile_rows<2>()
         : vectors == 3 ? tile_rows<3>()
                        : tile_rows<4>();
}

// One row: the same sums, without what arranges tiles, which would take as long as the products.
template <class T, bool kBias>
__attribute__((noinline)) void unit_row(const UnitPanels& u, const T* packed, const T* bias, int K, const T* a,
                                        const T* start, T* z, index n_a_padded) {
  constexpr int L = VL<T>;
  Prefetch nothing;
  for (int done = 0; done < u.entries();) {
    const PanelGroup g = next_panels(u, 1, done);
    const int e = g.begin, vectors = g.vectors, at_once = g.at_once;
    index col[16];
    for (int v = 0, block = 0, unit = e / u.count; v < vectors * at_once; ++v) {
      col[v] = u.block[block] * n_a_padded + unit * L;
      if (++block == u.count) block = 0, ++unit;
    }
    const T* panel = packed + index(e) * L * K;
    const index panel_size = index(K) * vectors * L;
    const auto tile = [&](auto n, auto p) BPTT_ALWAYS {
      unit_tile_fixed<T, kBias, 1, decltype(n)::value, decltype(p)::value>(K, &a, 0, panel, panel_size, &start, &z,
                                                                           col, bias + e * L, nothing.next(0));
    };
    with_vectors(vectors, [&](auto n) BPTT_ALWAYS {
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

// The depth of a slice of a panel that stays in cache while tile after tile reads it. Sums are stored and reloaded
// between slices, which changes no bit.
template <class T>
constexpr int depth_in_cache(int vectors) {
  return kPanelCache / (vectors * kVecBytes);
}

// z[r] = (start[r] or bias) + a[r] @ panels, all panels; after(r0, r1, u0, u1) is called as soon as rows
// r0 .. r1-1 have all their blocks of unit vectors u0 .. u1-1.
template <class T, bool kBias, class After>
BPTT_INLINE void unit_products(const UnitPanels& u, const T* packed, const T* bias, int K, int rows,
                               const T* const* a, const T* const* start, T* const* z, index n_a_padded,
                               Prefetch& prefetch, After after) {
  constexpr int L = VL<T>;
  if (rows == 1) {
    unit_row<T, kBias>(u, packed, bias, K, a[0], start[0], z[0], n_a_padded);
    return after(0, 1, 0, u.unit_vecs);
  }
  if (u.count == 0) return after(0, rows, 0, u.unit_vecs);  // a cell without a recurrent product
  for (int done = 0; done < u.entries();) {
    const PanelGroup g = next_panels(u, rows, done);
    const int e = g.begin, vectors = g.vectors, at_once = g.at_once, end = e + vectors * at_once;
    index col[16];
    for (int v = e; v < end; ++v) col[v - e] = u.block[v % u.count] * n_a_padded + (v / u.count) * L;
    const int tiles = ceil_div(rows, tile_rows_for(vectors));
    const int passes = tiles > 1 && K > 0 ? ceil_div(K, depth_in_cache<T>(vectors)) : 1;
    const index panel_size = index(K) * vectors * L;
    for (int pass = 0, k0 = 0; pass < passes; ++pass) {
      const int k1 = tile_begin(K, passes, pass + 1);
      const T* panel = packed + index(e) * L * K + index(k0) * vectors * L;
      const T* const* from = pass == 0 ? start : z;
      for (int i = 0; i < tiles; ++i) {
        const int r0 = tile_begin(rows, tiles, i), r1 = tile_begin(rows, tiles, i + 1);
        if (kBias && pass == 0) {
          unit_tile<T, true>(r1 - r0, vectors, at_once, k1 - k0, a + r0, k0, panel, panel_size, nullptr, z + r0,
                             col, bias + e * L, prefetch.next(k1 - k0));
        } else {
          unit_tile<T, false>(r1 - r0, vectors, at_once, k1 - k0, a + r0, k0, panel, panel_size, from + r0, z + r0,
                              col, nullptr, prefetch.next(k1 - k0));
        }
        if (pass + 1 == passes) after(r0, r1, e / u.count, end / u.count);
      }
      k0 = k1;
    }
    done += vectors * at_once;
  }
}

}  // namespace BPTT_NS
}  // namespace bptt
