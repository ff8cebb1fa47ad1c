// One training step's update of the parameters: plain loops, which the compiler turns into vectors. Nothing
// is fused and every operation is rounded as written, so all instruction sets give the same bits.
#pragma once
#include "kernels.h"

namespace bptt {
namespace BPTT_NS {

BPTT_INLINE float root(float x) { return __builtin_sqrtf(x); }
BPTT_INLINE double root(double x) { return __builtin_sqrt(x); }

// g = scale * gradient; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
// p -= rate * (m / correction1 / (sqrt(v / correction2) + epsilon) + decay p)
template <class T>
void adam(T* __restrict p, const T* __restrict gradient, T* __restrict m, T* __restrict v, index n,
          const AdamRates& a, double decay_) {
  const T scale = T(a.scale), rate = T(a.learning_rate), epsilon = T(a.epsilon), decay = T(decay_);
  const T beta1 = T(a.beta1), beta2 = T(a.beta2), rest1 = T(1 - a.beta1), rest2 = T(1 - a.beta2);
  const T correction1 = T(a.correction1), correction2 = T(a.correction2);
  for (index i = 0; i < n; ++i) {
    const T g = scale * gradient[i];
    const T m_next = beta1 * m[i] + rest1 * g, v_next = beta2 * v[i] + rest2 * g * g;
    m[i] = m_next, v[i] = v_next;
    const T step = m_next / correction1 / (root(v_next / correction2) + epsilon);
    p[i] -= rate * (step + decay * p[i]);
  }
}
// The sum of squares in double, in 16 interleaved sums that are joined in a fixed order.
template <class T>
double squares(const T* x, index n) {
  constexpr int kWays = 16;
  double sum[kWays] = {};
  index i = 0;
  for (; i + kWays <= n; i += kWays)
    for (int j = 0; j < kWays; ++j) sum[j] += double(x[i + j]) * double(x[i + j]);
  for (int j = 0; i + j < n; ++j) sum[j] += double(x[i + j]) * double(x[i + j]);
  for (int half = kWays / 2; half > 0; half /= 2)
    for (int j = 0; j < half; ++j) sum[j] += sum[j + half];
  return sum[0];
}

}  // namespace BPTT_NS
}  // namespace bptt
