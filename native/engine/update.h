// What a training step does to its parameters besides the passes: the gradients' norm and Adam, over all
// arrays in one job. Bits do not depend on the number of threads.
#pragma once
#include <vector>

#include "../kernels/kernels.h"

namespace bptt {

template <class T>
struct AdamArray {  // n elements each, none aliased
  T* p;
  const T* gradient;
  T* m;
  T* v;
  index n;
  double decay;
};
template <class T>
void adam(const std::vector<AdamArray<T>>& arrays, const AdamRates& rates);

template <class T>
struct Span {
  const T* data;
  index n;
};
template <class T>
double squared_norm(const std::vector<Span<T>>& arrays);

}  // namespace bptt
