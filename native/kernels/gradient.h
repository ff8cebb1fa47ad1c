// Weight gradients: dW[block, unit][column] += sum over slots of dz[slot][block, unit] * p[slot][column].
// Both operands are streams of vectors (see Backward), so nothing is repacked. Work is split over
// elements of dW, never over slots: every sum runs over its slots in one order, whatever the threads.
#pragma once
#include "problem.h"
#include "tile.h"

namespace bptt {
namespace BPTT_NS {

constexpr int kSlotBlock = 512;  // slots per pass: three vectors of p for these stay in the L1 cache
constexpr int kGradientWidth = 3;

template <class T>
constexpr int gradient_rows() {
  return min(VL<T>, kRegisters == 32 ? 8 : 4);
}

// The VL rows of one column vector of dz times n vectors of p, over `slots` slots.
template <class T>
__attribute__((noinline)) void outer_tile(int vectors, int slots, const T* dz, const T* next_dz,
                                          const T* p, index p_stride, T* acc, index columns) {
  constexpr int L = VL<T>, R = gradient_rows<T>();
  with_vectors(vectors, [&](auto n) BPTT_ALWAYS {
    constexpr int N = decltype(n)::value;
    for (int lane = 0; lane < L; lane += R) {
      Tile<T, R, N> tile;
      T* to = acc + lane * columns;
      // The sums so far are in a far cache: ask for them now, add them at the end.
BPTT_UNROLL
      for (int r = 0; r < R; ++r)
BPTT_UNROLL
        for (int v = 0; v < N; ++v) __builtin_prefetch(to + r * columns + v * L, 1);
      tile.zero();
      tile.multiply_add(slots, [&](int r, int k) { return dz + k * L + lane + r; },
                        [&](int v, int k) { return p + v * p_stride + k * L; },
                        [&](int k) { __builtin_prefetch(next_dz + k * L, 0, 2); });
      tile.add_to([&](int r, int v) { return to + r * columns + v * L; });
    }
  });
}

// bias[VL] += sum of one column vector of dz: eight interleaved sums, joined in a fixed order.
template <class T>
inline void sum_column(int slots, const T* dz, T* bias) {
  constexpr int L = VL<T>, kWays = 8;
  Vec<T> sum[kWays] = {};
  int k = 0;
  for (; k + kWays <= slots; k += kWays)
    for (int i = 0; i < kWays; ++i) sum[i] += load(dz + (k + i) * L);
  for (int i = 0; k + i < slots; ++i) sum[i] += load(dz + (k + i) * L);
  for (int half = kWays / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) sum[i] += sum[i + half];
  store<T>(bias, load(bias) + sum[0]);
}

// Column vectors j0 .. j1-1 of dz; every n_parts-th group of columns, starting with n_part.
template <class T>
inline void weight_gradients(const Gradient<T>& g, int j0, int j1, int n_part, int n_parts) {
  constexpr int L = VL<T>;
  const CellInfo& cell = info(g.cell);
  const int units = g.nap / L;
  struct Segment {
    unsigned blocks;  // bit set: which blocks multiplied these columns
    int p, vecs, acc;
  } segment[3];
  int segments = 0;
  if (g.states)
    for (int stage = 0; stage < cell.stages; ++stage) {
      unsigned blocks = 0;
      for (int i = 0; i < cell.rec_count[stage]; ++i) blocks |= 1u << cell.rec[stage][i];
      segment[segments++] = {blocks, stage * units, units, 0};
    }
  if (g.x_vecs) segment[segments++] = {(1u << cell.x_blocks) - 1, g.p_x, g.x_vecs, units * L};

  for (int k = 0; k < g.slots; k += kSlotBlock) {
    const int slots = min(kSlotBlock, g.slots - k);
    int group = 0;
    for (int i = 0; i < segments; ++i) {
      const Segment& s = segment[i];
      const int groups = ceil_div(s.vecs, kGradientWidth);
      for (int n = 0; n < groups; ++n) {
        if (group++ % n_parts != n_part) continue;
        const int v0 = tile_begin(s.vecs, groups, n), v1 = tile_begin(s.vecs, groups, n + 1);
        const T* p = g.p + (s.p + v0) * g.p_stride + index(k) * L;
        for (int j = j0; j < j1; ++j)
          if (s.blocks >> (j / units) & 1)
            outer_tile(v1 - v0, slots, g.dz + j * g.dz_stride + index(k) * L,
                       g.dz + (j + 1 < j1 ? j + 1 : j0) * g.dz_stride + index(k) * L, p, g.p_stride,
                       g.acc + index(j) * L * g.columns + s.acc + v0 * L, g.columns);
      }
    }
  }
  if (n_part != 0) return;
  if (g.bias)
    for (int j = j0; j < j1; ++j) sum_column(g.slots, g.dz + j * g.dz_stride, g.bias + j * L);
  if (g.slot_token)
    for (int j = j0; j < min(j1, cell.x_blocks * units); ++j)
      for (int k = 0; k < g.slots; ++k) {
        T* sum = g.token_dz + j * g.token_stride + g.slot_token[k] * L;
        store<T>(sum, load(sum) + load(g.dz + j * g.dz_stride + index(k) * L));
      }
}

}  // namespace BPTT_NS
}  // namespace bptt
