// Softmax of one row.
#pragma once
#include "tile.h"
#include "vecmath.h"

namespace bptt {
namespace BPTT_NS {

// y = softmax of the n elements of x, and what it needs on the way: their largest and the sum of exp(x - most).
template <class T>
void softmax(const T* x, T* y, int n, T* most, T* sum) {
  constexpr int L = VL<T>;
  const int whole = n / L * L, packs = n / (L * kPack) * (L * kPack), rest = n - whole;
  Vec<T> largest = broadcast(x[0]), s{};
  for (int i = 0; i < whole; i += L) largest = at_least<T>(load(x + i), largest);
  *most = fold<T>(largest, [](Vec<T> a, Vec<T> b) { return at_least<T>(a, b); });
  for (int i = whole; i < n; ++i) *most = x[i] > *most ? x[i] : *most;
  for (int i = 0; i < packs; i += L * kPack) {
    const Pack<T, kPack> e = exp(load_pack<T, kPack>(x + i, L) - *most);
    store_pack(y + i, L, e);
    for (int j = 0; j < kPack; ++j) s += e.v[j];
  }
  for (int i = packs; i < whole; i += L) {
    const Pack<T, 1> e = exp(load_pack<T, 1>(x + i, L) - *most);
    store_pack(y + i, L, e);
    s += e.v[0];
  }
  if (rest) {
    store_first<T>(y + whole, exp(Pack<T, 1>{load_first(x + whole, rest)} - *most).v[0], rest);
    s += load_first(y + whole, rest);
  }
  *sum = fold<T>(s, [](Vec<T> a, Vec<T> b) { return a + b; });
  const Vec<T> by = broadcast(*sum);
  for (int i = 0; i < whole; i += L) store<T>(y + i, load(y + i) / by);
  for (int i = whole; i < n; ++i) y[i] /= *sum;
}

}  // namespace BPTT_NS
}  // namespace bptt
