// Weight gradients: dW[block, unit][column] += sum over slots of dz[slot][block, unit] * row[slot][column].
// Both sides are copied, a block of slots at a time, into the order in which the tiles read them: a copy costs a
// load and a store where the product has hundreds of multiply-adds. Work is split over elements of dW, never
// over slots: every sum runs over its slots in one order, whatever the threads and the sizes of caches.
#pragma once
#include "problem.h"
#include "tile.h"

namespace bptt {
namespace BPTT_NS {

// Slots summed in registers. Their rows' panel takes half of an L1 cache; with 32 registers a tile is large enough
// to read it from the L2.
constexpr int kSlotBlock = kRegisters == 32 ? 384 : 192;
constexpr int kGradientWidth = 3;

template <class T>
constexpr int gradient_rows() {  // rows of dW in a tile; a vector of units has a whole number of such groups
  return min(VL<T>, kRegisters == 32 ? 8 : 4);
}

// Vectors of dz whose copies take half of the L2 cache.
inline int gradient_block() {
  const index vecs = cache_sizes.l2 / 2 / (kSlotBlock * kVecBytes);
  return vecs < 4 ? 4 : int(vecs);
}

template <class T>
index gradient_scratch(const Gradient<T>& g) {  // elements
  int vecs = gradient_block();
  for (int i = 0; i < g.segments; ++i) vecs += g.segment[i].vecs;
  return index(vecs) * kSlotBlock * VL<T>;
}

// gradient_rows() rows of dW, whose dz at slot k begins at dz + k * VL, times n vectors of the slots' rows.
template <class T>
__attribute__((noinline)) void outer_tile(int vectors, int slots, const T* dz, const T* panel, T* acc,
                                          index columns, bool first, Prefetch::Lines prefetch) {
  constexpr int L = VL<T>, R = gradient_rows<T>();
  with_number<kGradientWidth>(vectors, [&](auto n) BPTT_ALWAYS {
    constexpr int N = decltype(n)::value;
    const auto at = [&](int r, int v) { return acc + r * columns + v * L; };
    Tile<T, R, N> tile;
    // The sums so far are in a far cache: prefetch them now, add them at the end.
    BPTT_UNROLL
    for (int r = 0; r < R; ++r) {
      BPTT_UNROLL
      for (int v = 0; v < N; ++v) __builtin_prefetch(at(r, v), 1);
    }
    tile.zero();
    tile.multiply_add(
        slots, [&](int r, int k) { return dz + k * L + r; }, [&](int v, int k) { return panel + (k * N + v) * L; },
        prefetch);
    if (first)
      tile.store_to(at);
    else
      tile.add_to(at);
  });
}

// bias += sum of a column vector of dz: eight interleaved sums, joined in a fixed order.
template <class T>
inline void sum_column(int slots, const T* dz, T* bias) {
  constexpr int kWays = 8, L = VL<T>;
  Vec<T> sum[kWays] = {};
  int k = 0;
  for (; k + kWays <= slots; k += kWays)
    for (int i = 0; i < kWays; ++i) sum[i] += load(dz + (k + i) * L);
  for (int i = 0; k + i < slots; ++i) sum[i] += load(dz + (k + i) * L);
  for (int half = kWays / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) sum[i] += sum[i + half];
  store<T>(bias, load(bias) + sum[0]);
}

// Slots k0 .. k0+slots-1 of column vectors j0 .. j1-1 of dz, each slot's vector behind the one before.
template <class T>
inline void copy_dz(const Gradient<T>& g, int k0, int slots, int j0, int j1, T* to) {
  constexpr int L = VL<T>, kLines = 4;  // vectors at a time: whole lines of dz
  const int units = g.n_a_padded / L;
  for (int j = j0; j < j1; j += kLines, to += kLines * kSlotBlock * L) {
    const int n = min(kLines, j1 - j);
    const T* from = g.dz + k0 * g.dz_step + j * L;
    bool whole = true;
    for (int i = 0; i < n; ++i) whole = whole && ((j + i) % units + 1) * L <= g.n_a;
    for (int k = 0; k < slots; ++k, from += g.dz_step)
      for (int i = 0; i < n; ++i)
        store(to + (i * kSlotBlock + k) * L,
              whole ? load(from + i * L) : load_first(from + i * L, min(L, g.n_a - (j + i) % units * L)));
  }
}

// The groups of up to three vectors of the segments' columns: f(segment, group of the segment, first, last).
template <class T, class F>
BPTT_INLINE void each_group(const Gradient<T>& g, int n_part, int n_parts, F f) {
  int group = 0;
  for (int i = 0; i < g.segments; ++i) {
    const int groups = ceil_div(g.segment[i].vecs, kGradientWidth);
    for (int n = 0; n < groups; ++n)
      if (group++ % n_parts == n_part)
        f(g.segment[i], tile_begin(g.segment[i].vecs, groups, n), tile_begin(g.segment[i].vecs, groups, n + 1));
  }
}

template <class T>
inline void copy_rows(const Gradient<T>& g, int k0, int slots, int n_part, int n_parts, T* to) {
  constexpr int L = VL<T>, kAhead = 16;
  each_group(g, n_part, n_parts, [&](const auto& s, int v0, int v1) {
    with_number<kGradientWidth>(v1 - v0, [&](auto n) BPTT_ALWAYS {
      constexpr int N = decltype(n)::value;
      for (int k = 0; k < slots; ++k) {
        const T* later = s.row[min(k0 + k + kAhead, g.slots - 1)] + v0 * L;  // the caller's rows lie far apart
        BPTT_UNROLL
        for (int v = 0; v < N; ++v) __builtin_prefetch(later + v * L);
        store_pack(to + k * N * L, L, load_pack<T, N>(s.row[k0 + k] + v0 * L, L));
      }
      to += N * kSlotBlock * L;
    });
  });
}

// The rows of dW of column vectors j0 .. j1-1 of dz; every n_parts-th group of columns, starting with n_part.
template <class T>
inline void weight_gradients(const Gradient<T>& g, int j0, int j1, int n_part, int n_parts, T* scratch) {
  constexpr int L = VL<T>, R = gradient_rows<T>();
  const int units = g.n_a_padded / L, blocks = ceil_div(g.slots, kSlotBlock);
  const int parts = ceil_div(j1 - j0, gradient_block());
  T* const rows = scratch + index(gradient_block()) * kSlotBlock * L;
  for (int block = 0; block < blocks; ++block) {
    const int k0 = tile_begin(g.slots, blocks, block), slots = tile_begin(g.slots, blocks, block + 1) - k0;
    copy_rows(g, k0, slots, n_part, n_parts, rows);
    for (int part = 0; part < parts; ++part) {
      const int ja = j0 + tile_begin(j1 - j0, parts, part), jb = j0 + tile_begin(j1 - j0, parts, part + 1);
      copy_dz(g, k0, slots, ja, jb, scratch);
      const T* panel = rows;
      each_group(g, n_part, n_parts, [&](const auto& s, int v0, int v1) {
        const T* next = panel + (v1 - v0) * kSlotBlock * L;
        const index bytes = index(v1 - v0) * slots * kVecBytes, a_tile = bytes / (jb - ja) + 1;
        for (int j = ja; j < jb; ++j) {
          if (!(s.blocks >> (j / units) & 1)) continue;
          const int lanes = min(L, g.n_a - j % units * L);
          for (int lane = 0; lane < lanes; lane += R)
            outer_tile(v1 - v0, slots, scratch + index(j - ja) * kSlotBlock * L + lane, panel,
                       g.acc + (index(j) * L + lane) * g.columns + s.column + v0 * L, g.columns,
                       g.first && block == 0,
                       Prefetch::lines(reinterpret_cast<const char*>(next) + (j - ja) * a_tile, a_tile, slots));
        }
        panel = next;
      });
      if (n_part != 0) continue;
      for (int j = ja; g.bias && j < jb; ++j)
        sum_column(slots, scratch + index(j - ja) * kSlotBlock * L, g.bias + j * L);
      for (int j = ja; g.slot_token && j < min(jb, g.token_vectors); ++j)
        for (int k = 0; k < slots; ++k) {
          T* sum = g.token_dz + (g.slot_token[k0 + k] * g.token_vectors + j) * L;
          store<T>(sum, load(sum) + load(scratch + (index(j - ja) * kSlotBlock + k) * L));
        }
    }
  }
}

}  // namespace BPTT_NS
}  // namespace bptt
