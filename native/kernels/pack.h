// Weights repacked, once per call, in the order in which the tiles read them.
//
// A panel is `width` column vectors side by side for every k: panel[k][width][VL]; panels follow one
// another, and the last may be narrower. Lanes past the matrix are zero.
//
//  * Forward (`UnitPanels`): column vectors hold units of several blocks, ordered by unit vector first
//    and block second, so that one panel has every block of its units (the four gates of VL units of an
//    LSTM) and gates are computed while their sums are in cache. k runs over features or over a_prev.
//  * Backward (`ColumnPanels`): columns are features or units of a_prev; k runs over the units of each
//    block in turn.
#pragma once
#include <utility>

#include "problem.h"
#include "simd.h"

namespace bptt {
namespace BPTT_NS {

struct UnitPanels {
  int count;  // blocks side by side
  int block[kMaxBlocks];
  int n_a, unit_vecs;  // n_a; vectors that hold it
  int width;           // column vectors of a full panel: a multiple of count, at most 4
  bool backwards;      // process the panels last to first
  int entries() const { return count * unit_vecs; }
  int panels() const { return ceil_div(entries(), width); }
  int vectors(int p) const { return min(width, entries() - p * width); }
};

constexpr int kAllBlocks[kMaxBlocks] = {0, 1, 2, 3};

inline UnitPanels unit_panels(int count, const int* block, int n_a, int unit_vecs) {
  UnitPanels u{count, {}, n_a, unit_vecs, count == 3 ? 3 : 4, false};
  for (int i = 0; i < count; ++i) u.block[i] = block[i];
  return u;
}
inline UnitPanels input_panels(const CellInfo& c, int n_a, int unit_vecs) {
  return unit_panels(c.x_blocks, kAllBlocks, n_a, unit_vecs);
}
template <class T>
UnitPanels affine_panels(const Affine& f) {
  return unit_panels(f.blocks, kAllBlocks, f.n_out, ceil_div(f.n_out, VL<T>));
}
inline UnitPanels state_panels(const CellInfo& c, int stage, int n_a, int unit_vecs) {
  return unit_panels(c.rec_count[stage], c.rec[stage], n_a, unit_vecs);
}

// a0 b0 a1 b1 ... from the lower (kHigh = 0) or upper halves of a and b
template <class T, int kHigh, std::size_t... I>
BPTT_INLINE Vec<T> interleave(Vec<T> a, Vec<T> b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (kHigh * VL<T> / 2 + int(I) / 2 + (I % 2 ? VL<T> : 0))...);
}

// x[i][j] <-> x[j][i] of VL vectors: log2(VL) rounds of perfect shuffles.
template <class T>
BPTT_INLINE void transpose(Vec<T> (&x)[VL<T>]) {
  constexpr int L = VL<T>;
  constexpr std::make_index_sequence<L> lanes{};
  BPTT_UNROLL
  for (int round = 1; round < L; round *= 2) {
    Vec<T> y[L];
    BPTT_UNROLL
    for (int i = 0; i < L / 2; ++i) {
      y[2 * i] = interleave<T, 0>(x[i], x[i + L / 2], lanes);
      y[2 * i + 1] = interleave<T, 1>(x[i], x[i + L / 2], lanes);
    }
    BPTT_UNROLL
    for (int i = 0; i < L; ++i) x[i] = y[i];
  }
}

// Column vector v of a panel: VL columns, K deep, from rows 0 .. units-1 of w (ld apart), transposed.
template <class T>
inline void transpose_units(const T* w, index ld, int units, int K, T* dst, int dst_step) {
  constexpr int L = VL<T>;
  int k = 0;
  if (units >= L)
    for (; k + L <= K; k += L) {
      Vec<T> x[L];
      BPTT_UNROLL
      for (int lane = 0; lane < L; ++lane) x[lane] = load(w + lane * ld + k);
      transpose<T>(x);
      BPTT_UNROLL
      for (int i = 0; i < L; ++i) store<T>(dst + index(k + i) * dst_step, x[i]);
    }
  for (; k < K; ++k)
    for (int lane = 0; lane < L; ++lane) dst[index(k) * dst_step + lane] = lane < units ? w[lane * ld + k] : T(0);
}

// dst: panels p0 .. p1-1 of w[block] (n_a, K); each panel at p * width * VL * K.
template <class T>
inline void pack_units(const UnitPanels& u, const T* const* w, const index* ld, int K, T* dst, int p0, int p1) {
  constexpr int L = VL<T>;
  for (int p = p0; p < p1; ++p) {
    T* panel = dst + index(p) * u.width * L * K;
    const int n = u.vectors(p);
    for (int v = 0; v < n; ++v) {
      const int g = u.block[v % u.count], unit = ((p * u.width + v) / u.count) * L;
      transpose_units(w[g] + unit * ld[g], ld[g], min(L, u.n_a - unit), K, panel + v * L, n * L);
    }
  }
}

constexpr int kColumnWidth = 4;  // column vectors of a ColumnPanels panel
inline UnitPanels column_panels(int columns, int vecs) { return {1, {0}, columns, vecs, kColumnWidth, false}; }

// dst: panels p0 .. p1-1 of the matrix whose row k = (block, unit) is w[block][unit][0 .. columns-1].
template <class T>
inline void pack_columns(int count, const int* block, const T* const* w, const index* ld, int n_a, int columns,
                         T* dst, int p0, int p1) {
  constexpr int L = VL<T>;
  const int vecs = ceil_div(columns, L), K = count * n_a;
  for (int p = p0; p < p1; ++p) {
    T* out = dst + index(p) * kColumnWidth * L * K;
    const int n = min(kColumnWidth, vecs - p * kColumnWidth);
    for (int i = 0; i < count; ++i)
      for (int unit = 0; unit < n_a; ++unit)
        for (int v = 0; v < n; ++v, out += L) {
          const int col = (p * kColumnWidth + v) * L;
          store(out, load_first<T>(w[block[i]] + unit * ld[block[i]] + col, min(L, columns - col)));
        }
  }
}

}  // namespace BPTT_NS
}  // namespace bptt
