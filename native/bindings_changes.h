// Changed arrays. A tape refers to the caller's x, table and parameters. The bits of a few elements are mixed
// into one number at forward and again at backward: updates and refilled buffers are found in less than 1 us;
// a change of a few single elements of a large array may be missed.
#pragma once
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "kernels/problem.h"

namespace bptt {

// Raised before anything is computed; `_native.ChangedError` in Python.
struct ChangedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Fingerprint {
 public:
  template <class T>
  void add(const T* from, index n) {
    for (index i = 0; i < n; ++i, factor_ += 2 * kOdd) {
      std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t> bits;
      std::memcpy(&bits, from + i, sizeof bits);
      sum_ += bits * factor_;
    }
  }
  // `runs` runs of `length` neighboring elements, evenly spread over n; all where there are no more.
  template <class T>
  void add_sample(const T* from, index n, index runs, index length) {
    if (n <= runs * length) return add(from, n);
    for (index i = 0; i < runs; ++i) add(from + (n - length) * i / (runs - 1), length);
  }
  std::uint64_t value() const { return sum_ ^ sum_ >> 32; }

 private:
  static constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  std::uint64_t sum_ = 0, factor_ = kOdd;
};

constexpr index kRuns = 64, kRun = 8;  // of x
constexpr index kSingles = 32;         // of a parameter

// Of x (m, T, n): steps that exist, because padding may change.
template <class T>
std::uint64_t fingerprint_of_x(const Rows<const T>& x, index m, index n, const int* row, const int* len) {
  Fingerprint f;
  for (index i = 0; i < kRuns && m; ++i) {
    const index r = m > kRuns ? i * m / kRuns : i % m, steps = len[r];
    if (steps == 0) continue;
    const T* step = x.at(row[r], steps * (i * 37 % kRuns) / kRuns);
    f.add(step + (n > kRun ? (n - kRun) * i / (kRuns - 1) : 0), n < kRun ? n : kRun);
  }
  return f.value();
}
template <class T>
std::uint64_t fingerprint_of_parameter(const T* p, index n) {
  Fingerprint f;
  f.add_sample(p, n, kSingles, 1);
  return f.value();
}

}  // namespace bptt
