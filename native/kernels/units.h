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

// What the tiles of P panels compute: z[r][col[v]] = start + sum_k a[r][k] * panel[k][v]. Panels have N vectors
// and are `apart` elements apart. start: start[r * start_step][col[v]], or 0 where there is none.
template <class T>
struct RowsOf {
  struct Run {
    const T* const* a;
    index at;
    const T* panel;
    index apart;
    int count;
  } run[kMaxBlocks];
  int runs = 0;
  const T* const* start;
  int start_step;
  T* const* z;
  const index* col;

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
BPTT_INLINE void unit_tile(const RowsOf<T>& t, int first, Prefetch::Lines prefetch) {
  Tile<T, R, N * P> tile;
  index col[N * P];  // and z below: stores to z could change what the pointers of t point to
  BPTT_UNROLL
  for (int v = 0; v < N * P; ++v) col[v] = t.col[v];
  if (t.start)
    tile.load_from([&](int r, int v) { return t.start[(first + r) * t.start_step] + col[v]; });
  else
    tile.zero();
  for (int i = 0; i < t.runs; ++i) {
    const auto& run = t.run[i];
    const T *row[R], *panel = run.panel;
    const index apart = run.apart;
    BPTT_UNROLL
    for (int r = 0; r < R; ++r) row[r] = run.a[first + r] + run.at;
    tile.multiply_add(
        run.count, [&](int r, int k) { return row[r] + k; },
        [&](int v, int k) { return panel + (v / N) * apart + (k * N + v % N) * VL<T>; }, prefetch);
  }
  T* z[R];
  BPTT_UNROLL
  for (int r = 0; r < R; ++r) z[r] = t.z[first + r];
  tile.store_to([&](int r, int v) { return z[r] + col[v]; });
}

// The panels that follow when `done` column vectors are done: full ones, or the narrow last one alone. With few
// rows there are few sums per panel; several panels at once keep the processor's units busy.
struct PanelGroup {
  int begin, vectors, at_once;
};
BPTT_INLINE PanelGroup next_panels(const UnitPanels& u, int rows, int done) {
  const int left = u.entries() - done;
  const int narrow = !u.backwards ? (left < u.width ? left : 0) : done == 0 ? left % u.width : 0;
  if (narrow) return {u.backwards ? left - narrow : done, narrow, 1};
  int at_once = rows == 1 ? (kRegisters == 32 ? 4 : 2) : rows == 2 && kRegisters == 32 ? 2 : 1;
  while (at_once > 1 && left < at_once * u.width) at_once /= 2;
  return {u.backwards ? left - at_once * u.width : done, u.width, at_once};
}

inline int tile_rows_for(int vectors) {
  return vectors == 1   ? tile_rows<1>()
         : vectors == 2 ? tile_rows<2>()
         : vectors == 3 ? tile_rows<3>()
                        : tile_rows<4>();
}

// What the tiles of a panel prefetch: first the panel that follows, `pace` bytes with each tile, then `other`.
struct TilePrefetch {
  Prefetch& other;
  Prefetch panel;
  index pace = 0;
  explicit TilePrefetch(Prefetch& other) : other(other) {}  // leaves the list of `panel` as it is
  bool empty() const { return panel.empty() && other.empty(); }
  __attribute__((noinline)) Prefetch::Lines next(int depth) {
    return panel.empty() ? other.next(depth) : panel.next(depth, pace);
  }
};

// Rows 0 .. rows-1 in `tiles` tiles of nearly equal height, each with `depth` steps.
template <class T>
__attribute__((noinline)) void unit_tiles(int rows, int tiles, int vectors, const RowsOf<T>& t, int depth,
                                          TilePrefetch& prefetch) {
  with_number<4>(vectors, [&](auto n) BPTT_ALWAYS {
    constexpr int N = decltype(n)::value;
    const int height = rows / tiles, taller = rows - height * tiles;
    for (int i = 0, first = 0; i < tiles; ++i)
      with_number<tile_rows<N>()>(height + (i < taller), [&](auto r) BPTT_ALWAYS {
        constexpr int R = decltype(r)::value;
        const bool fetch = Tile<T, R, N>::kPrefetches && !prefetch.empty();
        unit_tile<T, R, N, 1>(t, first, fetch ? prefetch.next(depth) : Prefetch::Lines{});
        first += R;
      });
  });
}

// One row or two times several panels. A function of its own: the addresses of the panels take all registers.
template <class T>
__attribute__((noinline)) void unit_tile_of_panels(int rows, int vectors, int panels, const RowsOf<T>& t) {
  with_number<4>(vectors, [&](auto n) BPTT_ALWAYS {
    constexpr int N = decltype(n)::value;
    if constexpr (N >= 3) {
      if constexpr (kRegisters == 32) {
        if (panels == 4) return unit_tile<T, 1, N, 4>(t, 0, {});
        if (rows == 2) return unit_tile<T, 2, N, 2>(t, 0, {});
      }
      unit_tile<T, 1, N, 2>(t, 0, {});
    }
  });
}
template <class T>
inline void panel_tiles(int rows, int tiles, const PanelGroup& g, const RowsOf<T>& t, int depth,
                        TilePrefetch& prefetch) {
  if (g.at_once > 1)
    unit_tile_of_panels(rows, g.vectors, g.at_once, t);
  else
    unit_tiles(rows, tiles, g.vectors, t, depth, prefetch);
}

// Where the column vectors of some panels are in a row of z.
template <class T>
BPTT_INLINE void columns_of(const UnitPanels& u, const PanelGroup& g, index n_a_padded, index first, index* col) {
  for (int v = 0, block = 0, unit = g.begin / u.count; v < g.vectors * g.at_once; ++v) {
    col[v] = first + u.block[block] * n_a_padded + unit * VL<T>;
    if (++block == u.count) block = 0, ++unit;
  }
}

// One row: the same sums, without what arranges tiles, which would take as long as the products.
template <class T>
__attribute__((noinline)) void unit_row(const UnitPanels& u, const T* packed, const Depth& depth, const T* a,
                                        const T* start, T* z, index n_a_padded) {
  constexpr int L = VL<T>;
  const int K = depth.count();
  Prefetch nothing;
  TilePrefetch prefetch(nothing);
  index col[16];
  RowsOf<T> t;
  t.start = start ? &start : nullptr, t.start_step = 0, t.z = &z, t.col = col;
  for (int done = 0; done < u.entries();) {
    const PanelGroup g = next_panels(u, 1, done);
    columns_of<T>(u, g, n_a_padded, 0, col);
    const T *const *rows[2] = {&a}, *panel[2] = {packed + index(g.begin) * L * K};
    const index apart[2] = {index(K) * g.vectors * L};
    t.take(depth, g.vectors, rows, panel, apart);
    panel_tiles(1, 1, g, t, K, prefetch);
    done += g.vectors * g.at_once;
  }
}

// Blocks of a product. The slice of a panel that tile after tile reads takes an eighth of the L2 cache if that is
// large, or if tiles are large enough to wait for it (32 registers); else three quarters of the L1. The left-hand
// elements that panel after panel reads take half of the L2: a block of rows and a part of the depth. Sums are
// stored and reloaded between slices, which changes no bit.
constexpr int kRowBlock = 144;
inline index l1_slice() { return cache_sizes.l1 * 3 / 4; }
inline index panel_slice() {
  const bool from_l2 = kRegisters == 32 || cache_sizes.l2 >= 32 * cache_sizes.l1;
  return from_l2 ? cache_sizes.l2 / 8 : l1_slice();
}
inline int panel_depth(int vectors) { return int(panel_slice() / (vectors * kVecBytes)); }
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
  index n_a_padded, columns, first = 0;  // column of the first unit
};

// Some rows times some part [k0, k1) of the depth, all panels. stage: rows for a last panel that ends beyond
// the columns of z.
template <class T>
inline void panel_products(const Product<T>& p, int b0, int b1, int k0, int k1, T* stage, Prefetch& other,
                           const After& after) {
  constexpr int L = VL<T>;
  const UnitPanels& u = p.u;
  const int K = p.depth.count(), rows = b1 - b0, first = p.depth.count(0), second = K - first;
  const int together = index(u.entries()) * L > p.columns ? kRowBlock : rows;  // then each panel by itself
  const bool far = index(u.entries()) * K * kVecBytes > cache_sizes.l2;        // panels that do not stay in L2
  // Where step k of the depth of panels from column vector e on begins, in the panels of an operand.
  const auto at = [&](int operand, int e, int vectors, int k) {
    const int steps = operand ? second : first, own = operand ? max(k - first, 0) : min(k, first);
    return p.packed[operand] + (index(e) * steps + index(own) * vectors) * L;
  };
  const T* const* const a[2] = {p.a[0] + b0, second > 0 ? p.a[1] + b0 : nullptr};
  T* staged[kRowBlock];
  index col[16];
  RowsOf<T> t;
  t.col = col;
  int width = 0, tiles = 0, slices = 0;
  for (int done = 0; done < u.entries();) {
    const PanelGroup g = next_panels(u, together, done);
    const int e = g.begin, vectors = g.vectors, end = e + vectors * g.at_once;
    const bool ends = index(end) * L > p.columns;  // then of one block
    columns_of<T>(u, g, p.n_a_padded, p.first, col);
    t.z = p.z + b0;
    if (ends) {
      for (int r = 0; r < rows; ++r) staged[r] = stage + r * kColumnWidth * L;
      for (int v = 0; v < vectors; ++v) col[v] = v * L;
      t.z = staged;
    }
    if (vectors != width) {
      width = vectors, tiles = ceil_div(rows, tile_rows_for(vectors));
      slices = tiles > 1 && K > 0 ? ceil_div(k1 - k0, panel_depth(vectors)) : 1;
    }
    const index apart[2] = {index(first) * vectors * L, index(second) * vectors * L};
    done += vectors * g.at_once;
    for (int i = 0, ka = k0; i < slices; ++i) {
      const int kb = slices == 1 ? k1 : k0 + tile_begin(k1 - k0, slices, i + 1);
      const T* panel[2] = {at(0, e, vectors, ka), at(1, e, vectors, ka)};
      t.take(p.depth.slice(ka, kb), vectors, a, panel, apart);
      if (ka == 0)
        t.start = p.start ? p.start + b0 * p.start_step : nullptr, t.start_step = p.start_step;
      else
        t.start = t.z, t.start_step = 1;
      TilePrefetch prefetch(other);
      if (const bool last = i + 1 == slices; far && !(last && done == u.entries())) {  // the slice that follows
        const PanelGroup n = last ? next_panels(u, together, done) : PanelGroup{e, vectors, 1};
        const int kn = last ? k0 : kb, steps = kb - ka, split = min(max(first - kn, 0), steps);
        const index step = n.vectors * kVecBytes;
        prefetch.panel.add(at(0, n.begin, n.vectors, kn), split * step);
        prefetch.panel.add(at(1, n.begin, n.vectors, kn), (steps - split) * step);
        prefetch.pace = steps * step / (tiles > 4 ? tiles / 2 : 2) + 1;
      }
      panel_tiles(rows, tiles, g, t, kb - ka, prefetch);
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
    unit_row<T>(u, p.packed[0], p.depth, p.a[0][0], p.start ? p.start[0] + p.first : nullptr, p.z[0] + p.first,
                p.n_a_padded);
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
