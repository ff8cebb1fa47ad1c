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

// Prefetch list: some cache lines are prefetched in every kPrefetchSteps steps of a product's inner loop, so that
// the data needed after the product is in cache by then.
constexpr int kPrefetchSteps = 32;
class Prefetch {
 public:
  struct Lines {
    const char* from;
    int lines;  // every kPrefetchSteps steps
    BPTT_INLINE void operator()() {
      for (const char* end = from + lines * kLine; from < end; from += kLine) __builtin_prefetch(from, 0, 2);
    }
  };
  // `bytes` from `from` on, during a product of some depth.
  static BPTT_INLINE Lines lines(const void* from, index bytes, int depth) {
    const index each = bytes / (kLine * ceil_div(depth, kPrefetchSteps)) + 1;
    return {static_cast<const char*>(from), each < kMostLines ? int(each) : kMostLines};
  }
  BPTT_INLINE void add(const void* from, index bytes) {
    if (bytes > 0 && count_ < kMost) region_[count_++] = {static_cast<const char*>(from), bytes};
  }
  BPTT_INLINE bool empty() const { return current_ == count_; }
  // What to prefetch during a product of some depth: `most` bytes at most.
  BPTT_INLINE Lines next(int depth, index most = index(1) << 40) {
    if (current_ < count_ && region_[current_].left <= kShort * kLine) fetch_short();
    if (current_ == count_) return {nullptr, 0};
    Region& r = region_[current_];
    const Lines found = lines(r.from, r.left < most ? r.left : most, depth);
    const index bytes = index(found.lines) * ceil_div(depth, kPrefetchSteps) * kLine;
    r.from += bytes, r.left -= bytes;
    if (r.left <= 0) ++current_;
    return found;
  }

 private:
  static constexpr int kLine = 64, kMost = 128, kShort = 16, kMostLines = 16;

  // A row of a caller's array is a few lines: a product's loop for each would leave most of its steps unused.
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

template <class T, int R, int N>
struct Tile {
  static constexpr bool kPrefetches = R > 2 && N > 2;  // it has enough work to hide them; else it compiles faster
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

  // a(r, k): address of one scalar; b(v, k): address of one vector; prefetch: some lines every kPrefetchSteps
  // steps
  template <class A, class B>
  BPTT_INLINE void multiply_add(int count, A a, B b, Prefetch::Lines& prefetch) {
    if constexpr (!kPrefetches) return multiply_add(0, count, a, b);
    for (int k = 0, end; k < count; k = end) {
      end = count;
      if (prefetch.lines) end = min(count, k + kPrefetchSteps), prefetch();
      multiply_add(k, end, a, b);
    }
  }

 private:
  template <class A, class B>
  BPTT_INLINE void multiply_add(int begin, int end, A a, B b) {
#pragma GCC unroll 2
    for (int k = begin; k < end; ++k) {
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

constexpr int kPack = 4;  // vectors of units whose gates are computed side by side

// Calls f(integral_constant<int, n>, i) for packs i .. i+n-1: of kPack vectors and, at the end, of two and of one.
// A pack of one takes nearly the time of two.
template <class F>
BPTT_INLINE void in_packs(int i, int end, F f) {
  for (; end - i >= kPack; i += kPack) f(std::integral_constant<int, kPack>{}, i);
  if (end - i >= 2) f(std::integral_constant<int, 2>{}, i), i += 2;
  if (i < end) f(std::integral_constant<int, 1>{}, i);
}

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

// `count` rows in tiles of nearly equal height, none higher than `most`: begin of tile i of n.
BPTT_INLINE int tile_begin(int count, int n, int i) { return int((std::int64_t(count) * i) / n); }

}  // namespace BPTT_NS
}  // namespace bptt
