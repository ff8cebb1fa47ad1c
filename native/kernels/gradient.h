// Weight gradients: dW[block, unit][column] += sum over slots of dz[slot][block, unit] * row[slot][column].
// Nothing is repacked: dz and the rows are read where they are. Work is split over elements of dW, never
// over slots: every sum runs over its slots in one order, whatever the threads.
#pragma once
#include "problem.h"
#include "tile.h"

namespace bptt {
namespace BPTT_NS {

constexpr int kSlotBlock = 512;  // slots per pass: three vectors of their rows stay in cache
constexpr int kGradientWidth = 3;

template <class T>
constexpr int gradient_rows() {  // rows of dW in a tile; a vector of units has a whole number of such groups
  return min(VL<T>, kRegisters == 32 ? 8 : 4);
}

// `rows` rows of dW, whose dz at slot k begins at dz + k * step, times n vectors of the slots' rows.
template <class T>
__attribute__((noinline)) void outer_tile(int rows, int vectors, int slots, const T* dz, index step,
                                          const T* next_dz, const T* const* row, int column, T* acc,
                                          index columns) {
  constexpr int L = VL<T>;
  with_vectors(vectors, [&](auto n) BPTT_ALWAYS {
    with_rows<gradient_rows<T>()>(rows, [&](auto count) BPTT_ALWAYS {
      constexpr int N = decltype(n)::value, R = decltype(count)::value;
      Tile<T, R, N> tile;
      // The sums so far are in a far cache: prefetch them now, add them at the end.
      BPTT_UNROLL
      for (int r = 0; r < R; ++r) {
        BPTT_UNROLL
        for (int v = 0; v < N; ++v) __builtin_prefetch(acc + r * columns + v * L, 1);
      }
      tile.zero();
      tile.multiply_add(
          slots, [&](int r, int k) { return dz + k * step + r; },
          [&](int v, int k) { return row[k] + column + v * L; },
          [&](int k) { __builtin_prefetch(next_dz + k * step, 0, 2); });
      tile.add_to([&](int r, int v) { return acc + r * columns + v * L; });
    });
  });
}

// bias += sum of one column vector of dz: eight interleaved sums, joined in a fixed order.
template <class T>
inline void sum_column(int slots, const T* dz, index step, int lanes, T* bias) {
  constexpr int kWays = 8;
  Vec<T> sum[kWays] = {};
  int k = 0;
  for (; k + kWays <= slots; k += kWays)
    for (int i = 0; i < kWays; ++i) sum[i] += load_first(dz + (k + i) * step, lanes);
  for (int i = 0; k + i < slots; ++i) sum[i] += load_first(dz + (k + i) * step, lanes);
  for (int half = kWays / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) sum[i] += sum[i + half];
  store<T>(bias, load(bias) + sum[0]);
}

// Groups g0 .. g1-1 of rows of dW (gradient_rows() each); every n_parts-th group of columns, starting with
// n_part.
template <class T>
inline void weight_gradients(const Gradient<T>& g, int g0, int g1, int n_part, int n_parts) {
  constexpr int L = VL<T>, R = gradient_rows<T>(), kGroups = L / R;
  const int units = g.n_a_padded / L;
  const auto lanes = [&](int j) { return min(L, g.n_a - j % units * L); };

  for (int k = 0; k < g.slots; k += kSlotBlock) {
    const int slots = min(kSlotBlock, g.slots - k);
    const auto column_of = [&](int i) {
      return g.dz + i / kGroups * g.dz_stride + index(k) * g.dz_step + i % kGroups * R;
    };
    int group = 0;
    for (int i = 0; i < g.segments; ++i) {
      const auto& s = g.segment[i];
      const int groups = ceil_div(s.vecs, kGradientWidth);
      for (int n = 0; n < groups; ++n) {
        if (group++ % n_parts != n_part) continue;
        const int v0 = tile_begin(s.vecs, groups, n), v1 = tile_begin(s.vecs, groups, n + 1);
        for (int at = g0; at < g1; ++at) {
          const int j = at / kGroups, lane = at % kGroups * R, rows = min(R, lanes(j) - lane);
          if (rows > 0 && (s.blocks >> (j / units) & 1))
            outer_tile(rows, v1 - v0, slots, column_of(at), g.dz_step,
                       column_of(at + kGroups < g1 ? at + kGroups : g0), s.row + k, v0 * L,
                       g.acc + (index(j) * L + lane) * g.columns + s.column + v0 * L, g.columns);
        }
      }
    }
  }
  if (n_part != 0) return;
  const int j0 = ceil_div(g0, kGroups), j1 = ceil_div(g1, kGroups);  // the vectors that begin in this part
  if (g.bias)
    for (int j = j0; j < j1; ++j) sum_column(g.slots, g.dz + j * g.dz_stride, g.dz_step, lanes(j), g.bias + j * L);
  if (g.slot_token)
    for (int j = j0; j < min(j1, g.token_vectors); ++j)
      for (int k = 0; k < g.slots; ++k) {
        T* sum = g.token_dz + j * g.token_stride + g.slot_token[k] * L;
        store<T>(sum, load(sum) + load(g.dz + j * g.dz_stride + index(k) * g.dz_step));
      }
}

}  // namespace BPTT_NS
}  // namespace bptt
