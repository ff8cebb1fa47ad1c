// The micro-kernel of every product: a tile of R rows x N vectors of sums, held in registers,
//   sum[r][v] += A(r, k) * B(v, k)   for k = 0, 1, 2, ...
// one fused multiply-add after the other in the order of k. Each sum is one chain whatever R and N
// are, so a result does not depend on how rows were grouped into tiles: this is what makes the bits
// independent of batch neighbors, threads and streaming. A and B are given as addresses.
#pragma once
#include <type_traits>

#include "simd.h"

namespace bptt {
namespace BPTT_NS {

// Rows per tile for N vectors: sums + vectors of B + a broadcast must fit the registers.
template <int N>
constexpr int tile_rows() {
  if (kRegisters == 32) return N >= 4 ? 6 : 8;
  return N >= 4 ? 3 : N == 3 ? 4 : 6;
}

template <class T, int R, int N>
struct Tile {
  Vec<T> sum[R][N];

  BPTT_INLINE void zero() {
    BPTT_UNROLL
    for (int r = 0; r < R; ++r) {
      BPTT_UNROLL
      for (int v = 0; v < N; ++v) sum[r][v] = Vec<T>{};
    }
  }

  // at(r, v): where the tile starts from / goes to
  template <class At>
  BPTT_INLINE void load_from(At at) {
    BPTT_UNROLL
    for (int r = 0; r < R; ++r) {
      BPTT_UNROLL
      for (int v = 0; v < N; ++v) sum[r][v] = load<T>(at(r, v));
    }
  }
  template <class At>
  BPTT_INLINE void store_to(At at) const {
    BPTT_UNROLL
    for (int r = 0; r < R; ++r) {
      BPTT_UNROLL
      for (int v = 0; v < N; ++v) store<T>(at(r, v), sum[r][v]);
    }
  }

  template <class At>
  BPTT_INLINE void add_to(At at) const {
    BPTT_UNROLL
    for (int r = 0; r < R; ++r) {
      BPTT_UNROLL
      for (int v = 0; v < N; ++v) store<T>(at(r, v), load<T>(at(r, v)) + sum[r][v]);
    }
  }

  // a(r, k): address of one scalar; b(v, k): address of one vector; fetch(k): called in every step
  // of a tile with enough work to hide it
  template <class A, class B, class F>
  BPTT_INLINE void multiply_add(int count, A a, B b, F fetch) {
#pragma GCC unroll 2
    for (int k = 0; k < count; ++k) {
      if constexpr (R > 2) fetch(k);
      if constexpr (R < N) {  // hold the column of scalars, stream the vectors
        Vec<T> x[R];
        BPTT_UNROLL
        for (int r = 0; r < R; ++r) x[r] = broadcast(*a(r, k));
        BPTT_UNROLL
        for (int v = 0; v < N; ++v) {
          const Vec<T> w = load<T>(b(v, k));
          BPTT_UNROLL
          for (int r = 0; r < R; ++r) sum[r][v] = fma(x[r], w, sum[r][v]);
        }
      } else {
        Vec<T> w[N];
        BPTT_UNROLL
        for (int v = 0; v < N; ++v) w[v] = load<T>(b(v, k));
        BPTT_UNROLL
        for (int r = 0; r < R; ++r) {
          const Vec<T> x = broadcast(*a(r, k));
          BPTT_UNROLL
          for (int v = 0; v < N; ++v) sum[r][v] = fma(x, w[v], sum[r][v]);
        }
      }
    }
  }
};

constexpr int kPack = 3;  // vectors of units whose gates are computed side by side

// Calls f(integral_constant<int, n>) for a run-time number 1 <= n <= Max.
template <int Max, class F>
BPTT_INLINE void with_number(int n, F f) {
  switch (n) {
    case 1: return f(std::integral_constant<int, 1>{});
    case 2:
      if constexpr (Max >= 2) return f(std::integral_constant<int, 2>{});
      break;
    case 3:
      if constexpr (Max >= 3) return f(std::integral_constant<int, 3>{});
      break;
    case 4:
      if constexpr (Max >= 4) return f(std::integral_constant<int, 4>{});
      break;
    case 5:
      if constexpr (Max >= 5) return f(std::integral_constant<int, 5>{});
      break;
    case 6:
      if constexpr (Max >= 6) return f(std::integral_constant<int, 6>{});
      break;
    case 7:
      if constexpr (Max >= 7) return f(std::integral_constant<int, 7>{});
      break;
    case 8:
      if constexpr (Max >= 8) return f(std::integral_constant<int, 8>{});
      break;
  }
}

// Prefetch list: one cache line at most is prefetched in each iteration of a product's inner loop, so that the
// data needed after the product is in cache by then.
class Prefetch {
 public:
  struct Lines {
    const char* from;
    index step;  // bytes from one iteration to the next, a line at most
    BPTT_INLINE void operator()(index k) const { __builtin_prefetch(from + k * step, 0, 2); }
  };
  // `bytes` from `from` on, over `iterations`.
  static BPTT_INLINE Lines lines(const void* from, index bytes, int iterations) {
    return {static_cast<const char*>(from), bytes < index(iterations) * kLine ? bytes / iterations + 1 : kLine};
  }
  BPTT_INLINE void add(const void* from, index bytes) {
    if (count_ < kMost) region_[count_++] = {static_cast<const char*>(from), bytes};
  }
  BPTT_INLINE Lines next(int iterations) {
    if (current_ < count_ && region_[current_].left <= kShort * kLine) fetch_short();
    if (current_ == count_ || iterations == 0) return {reinterpret_cast<const char*>(this), 0};
    Region& r = region_[current_];
    const Lines found = lines(r.from, r.left, iterations);
    r.from += index(iterations) * kLine, r.left -= index(iterations) * kLine;
    if (r.left <= 0) ++current_;
    return found;
  }

 private:
  static constexpr int kLine = 64, kMost = 128, kShort = 16;

  // A row of a caller's array is a few lines: a product's loop for each would leave most of its iterations unused.
  __attribute__((noinline)) void fetch_short() {
    for (int lines = 0; lines < 2 * kShort && current_ < count_ && region_[current_].left <= kShort * kLine;
         ++current_)
      for (index at = 0; at < region_[current_].left; at += kLine, ++lines)
        __builtin_prefetch(region_[current_].from + at, 0, 2);
  }
  struct Region {
    const char* from;
    index left;
  } region_[kMost];
  int count_ = 0, current_ = 0;
};

// `count` rows in tiles of nearly equal height, none higher than `most`: begin of tile i of n.
BPTT_INLINE int tile_begin(int count, int n, int i) { return int((std::int64_t(count) * i) / n); }

}  // namespace BPTT_NS
}  // namespace bptt
