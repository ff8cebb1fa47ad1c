// Products over units: rows times the panels of a layer's weights, tile by tile, one row or many.
#pragma once
#include "pack.h"
#include "tile.h"

namespace bptt {
namespace BPTT_NS {

// The elements of the left-hand rows that a product multiplies, in order: `runs` runs of neighbors. A product
// has one left-hand operand or two, each with panels of its own.
struct Depth {
  int runs = 0;
  struct Run {
    index at;
    int count, operand;
  } run[kMaxBlocks];

  void add(index at, int count, int operand = 0) {
    if (runs > 0 && run[runs - 1].operand == operand && run[runs - 1].at + run[runs - 1].count == at)
      run[runs - 1].count += count;
    else
      run[runs++] = {at, count, operand};
  }
  int count() const { return count(0) + count(1); }
  int count(int operand) const {
    int sum = 0;
    for (int i = 0; i < runs; ++i) sum += run[i].operand == operand ? run[i].count : 0;
    return sum;
  }
  Depth slice(int k0, int k1) const {
    Depth d;
    for (int i = 0, k = 0; i < runs; k += run[i++].count) {
      const int from = k0 > k ? k0 : k, to = min(k1, k + run[i].count);
      if (from < to) d.add(run[i].at + from - k, to - from, run[i].operand);
    }
    return d;
  }
};
inline Depth plain_depth(int count, int second = 0) {
  Depth d;
  d.add(0, count);
  if (second > 0) d.add(0, second, 1);
  return d;
}
// Units 0 .. n_a-1 of some blocks that are `apart` elements apart.
inline Depth depth_of_blocks(int count, const int* block, int n_a, index apart) {
  Depth d;
  for (int i = 0; i < count; ++i) d.add(block[i] * apart, n_a);
  return d;
}

// One tile: z[r][col[v]] = start + sum_k a[r][k] * panel[k][v], for P full panels of N vectors that are `apart`
// elements apart; r counts from first_row. start: start[r * start_step][col[v]], or 0 where there is none.
template <class T>
struct TileOf {
  struct Run {
    const T* const* a;
    index at;
    const T* panel;
    index apart;
    int count;
  } run[kMaxBlocks];
  int runs = 0, first_row = 0;
  const T* const* start;
  int start_step;
  T* const* z;
  const index* col;
  Prefetch::Lines prefetch;

  // Runs of the depth; the panels of `vectors` vectors of each operand.
  void take(const Depth& depth, int vectors, const T* const* const* a, const T* const* panel, const index* apart) {
    const T* next[2] = {panel[0], panel[1]};
    runs = depth.runs;
    for (int i = 0; i < runs; ++i) {
      const Depth::Run& d = depth.run[i];
      run[i] = {a[d.operand], d.at, next[d.operand], apart[d.operand], d.count};
      next[d.operand] += index(d.count) * vectors * VL<T>;
    }
  }
};

template <class T, int R, int N, int P>
BPTT_INLINE void unit_tile_fixed(const TileOf<T>& t) {
  constexpr int L = VL<T>;
  Tile<T, R, N * P> tile;
  if (t.start)
    tile.load_from([&](int r, int v) { return t.start[r * t.start_step] + t.col[v]; });
  else
    tile.zero();
  Prefetch::Lines prefetch = t.prefetch;
  for (int i = 0; i < t.runs; ++i) {
    const auto& run = t.run[i];
    const T *row[R], *panel = run.panel;
    const index apart = run.apart;
    BPTT_UNROLL
    for (int r = 0; r < R; ++r) row[r] = run.a[t.first_row + r] + run.at;
    tile.multiply_add(
        run.count, [&](int r, int k) { return row[r] + k; },
        [&](int v, int k) { return panel + (v / N) * apart + (k * N + v % N) * L; }, prefetch);
    prefetch.from += run.count * prefetch.step;
  }
  tile.store_to([&](int r, int v) { return t.z[r] + t.col[v]; });
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

template <class T>
__attribute__((noinline)) void unit_tile(int rows, int vectors, int panels, const TileOf<T>& t) {
  with_number<4>(vectors, [&](auto n) BPTT_ALWAYS {
    constexpr int N = decltype(n)::value;
    if constexpr (N >= 3) {
      if (rows == 1) {
        if constexpr (kRegisters == 32)
          if (panels == 4) return unit_tile_fixed<T, 1, N, 4>(t);
        if (panels == 2) return unit_tile_fixed<T, 1, N, 2>(t);
      }
      if constexpr (kRegisters == 32)
        if (panels == 2) return unit_tile_fixed<T, 2, N, 2>(t);
    }
    with_number<tile_rows<N>()>(rows,
                                [&](auto r) BPTT_ALWAYS { unit_tile_fixed<T, decltype(r)::value, N, 1>(t); });
  });
}
inline int tile_rows_for(int vectors) {
  return vectors == 1   ? tile_rows<1>()
         : vectors == 2 ? tile_rows<2>()
         : vectors == 3 ? tile_rows<3>()
                        : tile_rows<4>();
}

// One row: the same sums, without what arranges tiles, which would take as long as the products.
template <class T>
__attribute__((noinline)) void unit_row(const UnitPanels& u, const T* packed, const Depth& depth, const T* a,
                                        const T* start, T* z, index n_a_padded) {
  constexpr int L = VL<T>;
  const int K = depth.count();
  Prefetch nothing;
  index col[16];
  TileOf<T> t;
  t.start = start ? &start : nullptr, t.start_step = 0, t.z = &z, t.col = col, t.prefetch = nothing.next(0);
  for (int done = 0; done < u.entries();) {
    const PanelGroup g = next_panels(u, 1, done);
    const int vectors = g.vectors * g.at_once;
    for (int v = 0, block = 0, unit = g.begin / u.count; v < vectors; ++v) {
      col[v] = u.block[block] * n_a_padded + unit * L;
      if (++block == u.count) block = 0, ++unit;
    }
    const T *const *rows[2] = {&a}, *panel[2] = {packed + index(g.begin) * L * K};
    const index apart[2] = {index(K) * g.vectors * L};
    t.take(depth, g.vectors, rows, panel, apart);
    unit_tile(1, g.vectors, g.at_once, t);
    done += vectors;
  }
}

// Blocks of a product. The slice of a panel that tile after tile reads takes three quarters of the L1 cache, or an
// eighth of the L2 where tiles are large enough to wait for it (32 registers). The left-hand elements that panel
// after panel reads take half of the L2: a block of rows and a part of the depth. Sums are stored and reloaded
// between slices, which changes no bit.
constexpr int kRowBlock = 144;
inline index l1_slice() { return cache_sizes.l1 * 3 / 4; }
inline int depth_in_l1(int vectors) {
  const index bytes = kRegisters == 32 ? cache_sizes.l2 / 8 : l1_slice();
  return int(bytes / (vectors * kVecBytes));
}
template <class T>
int depth_in_l2(int rows) {
  return int(cache_sizes.l2 / 2 / (rows * index(sizeof(T))));
}

// Called as soon as rows r0 .. r1-1 have all their blocks of unit vectors u0 .. u1-1: for a block of rows, not for
// each tile, because the equations of a few rows are one chain that the processor cannot overlap with others.
struct After {
  void (*call)(const void* context, int r0, int r1, int u0, int u1);
  const void* context;
  void operator()(int r0, int r1, int u0, int u1) const {
    if (call) call(context, r0, r1, u0, u1);
  }
};
template <class F>
After after_panel(const F& f) {
  return {[](const void* context, int r0, int r1, int u0, int u1) {
            (*static_cast<const F*>(context))(r0, r1, u0, u1);
          },
          &f};
}

// What a product of rows with panels is given: z[r] = start + a[r] @ panels. Rows of z have `columns` elements.
template <class T>
struct Product {
  UnitPanels u;
  const T* packed[2];  // of each operand
  Depth depth;
  int rows;
  const T* const* a[2];
  const T* const* start;  // of row r: start[r * start_step]; nullptr: 0
  int start_step;
  T* const* z;
  index n_a_padded, columns;
};

// Some rows times some part [k0, k1) of the depth, all panels. stage: rows for a last panel that ends beyond
// the columns of z.
template <class T>
inline void panel_products(const Product<T>& p, int b0, int b1, int k0, int k1, T* stage, Prefetch& prefetch,
                           const After& after) {
  constexpr int L = VL<T>;
  const UnitPanels& u = p.u;
  const int K = p.depth.count(), rows = b1 - b0, first = p.depth.count(0), second = K - first;
  const int together = index(u.entries()) * L > p.columns ? kRowBlock : rows;  // then each panel by itself
  const bool far = index(u.entries()) * K * kVecBytes > cache_sizes.l2 / 2;    // panels that do not stay in L2
  // Where step k of the depth of panels from column vector e on begins, in the panels of an operand.
  const auto at = [&](int operand, int e, int vectors, int k) {
    const int steps = operand ? second : first, own = operand ? max(k - first, 0) : min(k, first);
    return p.packed[operand] + (index(e) * steps + index(own) * vectors) * L;
  };
  T* staged[kRowBlock];
  index col[16];
  for (int done = 0; done < u.entries();) {
    const PanelGroup g = next_panels(u, together, done);
    const int e = g.begin, vectors = g.vectors, end = e + vectors * g.at_once;
    const bool ends = index(end) * L > p.columns;  // then of one block
    T* const* z = p.z + b0;
    if (ends) {
      for (int r = 0; r < rows; ++r) staged[r] = stage + r * kColumnWidth * L;
      z = staged;
    }
    for (int v = e; v < end; ++v)
      col[v - e] = ends ? (v - e) * L : u.block[v % u.count] * p.n_a_padded + (v / u.count) * L;
    const int tiles = ceil_div(rows, tile_rows_for(vectors)), height = rows / tiles, taller = rows % tiles;
    const int slices = tiles > 1 && K > 0 ? ceil_div(k1 - k0, depth_in_l1(vectors)) : 1;
    done += vectors * g.at_once;
    for (int i = 0, ka = k0; i < slices; ++i) {
      const int kb = k0 + tile_begin(k1 - k0, slices, i + 1), count = kb - ka;
      PanelGroup n{e, vectors, 1};  // of the slice that follows, which begins at kn
      int kn = kb;
      index bytes = index(count) * vectors * kVecBytes;
      if (i + 1 == slices) {
        kn = k0;
        if (done < u.entries())
          n = next_panels(u, together, done);
        else
          bytes = 0;
      }
      if (!far) bytes = 0;
      const index a_tile = bytes / (tiles > 4 ? tiles / 2 : 2) + 1;
      const index a_step = Prefetch::lines(nullptr, a_tile, count).step;
      const index bytes0 = index(max(first - kn, 0)) * n.vectors * kVecBytes;  // before the second operand
      const T* next[2] = {at(0, n.begin, n.vectors, kn), at(1, n.begin, n.vectors, kn)};
      const T* const* a[2] = {p.a[0] + b0, second > 0 ? p.a[1] + b0 : nullptr};
      const T* panel[2] = {at(0, e, vectors, ka), at(1, e, vectors, ka)};
      const index apart[2] = {index(first) * vectors * L, index(second) * vectors * L};
      TileOf<T> t;
      t.take(p.depth.slice(ka, kb), vectors, a, panel, apart);
      t.start_step = 1, t.col = col;
      const bool begins = ka == 0;
      if (begins) t.start_step = p.start_step;
      for (int j = 0, r0 = 0, r1; j < tiles; ++j, r0 = r1) {
        r1 = r0 + height + (j < taller);
        t.first_row = r0, t.z = z + r0;
        t.start = !begins ? z + r0 : p.start ? p.start + (b0 + r0) * p.start_step : nullptr;
        if (const index from = j * a_tile; from < bytes) {
          const char* lines = reinterpret_cast<const char*>(next[from >= bytes0]);
          t.prefetch = {lines + (from >= bytes0 ? from - bytes0 : from), a_step};
        } else
          t.prefetch = prefetch.next(count);
        unit_tile(r1 - r0, vectors, g.at_once, t);
      }
      if (kb == K) after(b0, b1, e / u.count, end / u.count);
      ka = kb;
    }
    if (ends && k1 == K)
      for (int r = 0; r < rows; ++r)
        for (index c = index(e) * L; c < p.columns; ++c) p.z[b0 + r][c] = staged[r][c - e * L];
  }
}

template <class T>
__attribute__((noinline)) void unit_products(const Product<T>& p, Prefetch& prefetch, After after = {}) {
  const UnitPanels& u = p.u;
  if (u.count == 0) return after(0, p.rows, 0, u.unit_vecs);  // a cell without a recurrent product
  if (p.rows == 1 && index(u.entries()) * VL<T> <= p.columns) {
    unit_row<T>(u, p.packed[0], p.depth, p.a[0][0], p.start ? p.start[0] : nullptr, p.z[0], p.n_a_padded);
    return after(0, 1, 0, u.unit_vecs);
  }
  T stage[kRowBlock * kColumnWidth * VL<T>];
  const int K = p.depth.count(), blocks = ceil_div(p.rows, kRowBlock);
  for (int i = 0; i < blocks; ++i) {
    const int b0 = tile_begin(p.rows, blocks, i), b1 = tile_begin(p.rows, blocks, i + 1);
    const int parts = K > 0 ? ceil_div(K, depth_in_l2<T>(b1 - b0)) : 1;
    for (int j = 0; j < parts; ++j)
      panel_products(p, b0, b1, tile_begin(K, parts, j), tile_begin(K, parts, j + 1), stage, prefetch, after);
  }
}

}  // namespace BPTT_NS
}  // namespace bptt
