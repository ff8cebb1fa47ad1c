#include "update.h"

#include "dispatch.h"
#include "memory.h"
#include "work.h"

namespace bptt {

namespace {

constexpr index kPiece = 8192;                      // elements of one array summed at a time, whatever the threads
constexpr double kAdamCost = 60, kSquareCost = 10;  // an element's time in multiply-adds of a product

}  // namespace

template <class T>
void adam(const std::vector<AdamArray<T>>& arrays, const AdamRates& rates) {
  const Kernels<T>& k = kernels<T>();
  index all = 0;
  for (const auto& a : arrays) all += a.n;
  const int parts = parts_for(double(all) * kAdamCost, 1 << 10);
  parallel(parts, [&](int i) {  // elements begin .. end-1 of all arrays joined
    const index begin = all * i / parts, end = all * (i + 1) / parts;
    index at = 0;
    for (const auto& a : arrays) {
      const index from = std::max<index>(begin - at, 0), to = std::min(end - at, a.n);
      if (from < to) k.adam(a.p + from, a.gradient + from, a.m + from, a.v + from, to - from, rates, a.decay);
      at += a.n;
    }
  });
}

template <class T>
double squared_norm(const std::vector<Span<T>>& arrays) {
  const Kernels<T>& k = kernels<T>();
  std::vector<Span<T>> pieces;
  index all = 0;
  for (const auto& a : arrays) {
    for (index i = 0; i < a.n; i += kPiece) pieces.push_back({a.data + i, std::min(kPiece, a.n - i)});
    all += a.n;
  }
  const index n = index(pieces.size());
  std::vector<double> sums(pieces.size());
  const int parts = parts_for(double(all) * kSquareCost, 1 << 10);
  parallel(parts, [&](int i) {
    for (index j = n * i / parts; j < n * (i + 1) / parts; ++j) sums[j] = k.squares(pieces[j].data, pieces[j].n);
  });
  double sum = 0;
  for (double s : sums) sum += s;
  return sum;
}

#define BPTT_INSTANTIATE(T)                                                  \
  template void adam<T>(const std::vector<AdamArray<T>>&, const AdamRates&); \
  template double squared_norm<T>(const std::vector<Span<T>>&);
BPTT_INSTANTIATE(float)
BPTT_INSTANTIATE(double)

}  // namespace bptt
