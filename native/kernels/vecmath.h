// exp, tanh and sigmoid on packs of vectors. All three stand on expm1: with y = n ln2 + r, |r| <= ln2/2,
//   expm1(r) = r + r^2 Q(r),   exp(y) = 2^n + 2^n expm1(r),   expm1(y) = (2^n - 1) + 2^n expm1(r).
// Q is a minimax polynomial (Remez, error weighted by 1/expm1), 1.8e-17 relative for double and 2.4e-10 for float;
// that of degree 4 for float was found by search for the least error of tanh, rounding included. Comparisons are
// written so that NaN falls through to the result. Subnormal results are flushed to zero (the kernels run with
// flush-to-zero set); sigmoid relies on that for its last stretch towards -inf, where the true value is below the
// smallest normal number.
#pragma once
#include "simd.h"

namespace bptt {
namespace BPTT_NS {

template <class T>
struct MathConst;

template <>
struct MathConst<float> {
  static constexpr float log2e = 1.44269504088896341f;
  static constexpr float ln2 = 0.693147180559945309f;
  static constexpr float ln2_hi = 0.693359375f, ln2_lo = -2.12194440e-4f;  // n * ln2_hi is exact
  static constexpr float round = 0x1.8p23f;  // adding it rounds to an integer in the low bits
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float exp_max = 88.7228394f, exp_min = -87.3365402f;  // beyond: inf, below normal
  static constexpr float sig_max = 88.3f, tanh_max = 20.0f;
  // Degree 4 is enough for less than 2 ulp of tanh only if fma rounds once.
  static constexpr int degree = kFused ? 4 : 5;
  static constexpr float q4[] = {0.5000000596f, 0.1666653901f, 0.0416665487f, 0.008365273476f, 0.001383709256f};
  static constexpr float q5[] = {0.5000000045f,   0.1666666637f,   0.0416663586f,
                                 0.008333389797f, 0.001394082323f, 0.0001984589406f};
  static constexpr const float* q = kFused ? q4 : q5;
};

template <>
struct MathConst<double> {
  static constexpr double log2e = 1.44269504088896340736;
  static constexpr double ln2 = 0.693147180559945309417;
  static constexpr double ln2_hi = 0x1.62e42fefap-1, ln2_lo = 0x1.cf79abc9e3b3ap-40;
  static constexpr double round = 0x1.8p52;
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double exp_max = 709.782712893383973096, exp_min = -708.396418532264106224;
  static constexpr double sig_max = 709.0, tanh_max = 44.0;
  static constexpr int degree = 9;
  static constexpr double q[degree + 1] = {
      0.50000000000000052777,   0.166666666666665878,      0.041666666666575386657,    0.0083333333333904117408,
      0.001388888893205172579,  0.00019841269717604284841, 0.000024801504650465333811, 2.7557408220117563188e-6,
      2.7626298740795788038e-7, 2.5053779381117135629e-8};
};

// Coefficients of kScale Q(kScale r).
template <class T, int kScale>
struct ScaledQ {
  T of[MathConst<T>::degree + 1] = {};
  constexpr ScaledQ() {
    T power = kScale;
    for (int i = 0; i <= MathConst<T>::degree; ++i, power *= kScale) of[i] = MathConst<T>::q[i] * power;
  }
};

// kScale y = n ln2 + kScale r: returns expm1(kScale r) / kScale; t = n + round + bias, whose low bits are the
// exponent of 2^n. kScale is 1, -1 or a power of two: it is part of the constants, and changes no bit. ln2 has two
// parts, or one where the error of a rounded ln2, n times 2e-9 for float, does not matter.
template <int kScale, int kParts, class T, int N>
BPTT_INLINE Pack<T, N> reduce(const Pack<T, N>& y, Pack<T, N>& t) {
  using C = MathConst<T>;
  constexpr ScaledQ<T, kScale> q;
  constexpr T shift = C::round + C::bias;
  t = fma(y, kScale * C::log2e, shift);
  const Pack<T, N> n = t - shift;
  Pack<T, N> r;
  if constexpr (kParts == 2)
    r = fma(n, -C::ln2_lo / kScale, fma(n, -C::ln2_hi / kScale, y));
  else
    r = fma(n, -C::ln2 / kScale, y);
  const Pack<T, N> r2 = r * r;
  // Q in pairs of terms, which do not wait for one another.
  const auto pair = [&](int i) BPTT_ALWAYS { return fma(r, q.of[i + 1], q.of[i]); };
  constexpr int odd = C::degree % 2;
  Pack<T, N> sum;
  if constexpr (odd)
    sum = pair(C::degree - 1);
  else
    sum = fma(r2, q.of[C::degree], pair(C::degree - 2));
  BPTT_UNROLL
  for (int i = C::degree - 4 + odd; i >= 0; i -= 2) sum = fma(sum, r2, pair(i));
  return fma(r2, sum, r);
}
template <class T, int N>
BPTT_INLINE Pack<T, N> power_of_two(const Pack<T, N>& t) {
  using I = typename Simd<T>::I;
  return each<T, N>([&](int i) { return (Vec<T>)((I)t.v[i] << MathConst<T>::mantissa); });
}

template <class T, int N>
BPTT_INLINE Pack<T, N> exp(const Pack<T, N>& x) {
  using C = MathConst<T>;
  const Pack<T, N> y = at_least(at_most(x, C::exp_max), C::exp_min);
  Pack<T, N> t;
  const Pack<T, N> p = reduce<1, 2>(y, t);
  // 2^n may be past the largest power, and 2^n expm1(r) may be subnormal: work 2^32 nearer to 1.
  const Vec<T> zero{}, inf = broadcast(T(__builtin_inf()));
  const Vec<T> near = broadcast(T(32)), up = broadcast(T(4294967296)), down = 1 / up;
  const Pack<T, N> s =
      power_of_two(each<T, N>([&](int i) { return y.v[i] < zero ? t.v[i] + near : t.v[i] - near; }));
  const Pack<T, N> scaled = fma(s, p, s);
  return each<T, N>([&](int i) {
    Vec<T> out = scaled.v[i] * (y.v[i] < zero ? down : up);
    out = x.v[i] > broadcast(C::exp_max) ? inf : out;
    return x.v[i] < broadcast(C::exp_min) ? zero : out;
  });
}

// 1 / (1 + exp(-x)); exp(-x) <= exp(sig_max) is finite, and 1 / exp(sig_max) flushes to 0.
template <class T, int N>
BPTT_INLINE Pack<T, N> sigmoid(const Pack<T, N>& x) {
  using C = MathConst<T>;
  Pack<T, N> t;
  const Pack<T, N> p = reduce<-1, 2>(at_most(at_least(x, -C::sig_max), C::sig_max / 2), t);
  const Pack<T, N> s = power_of_two(t);
  return 1 / (fma(s, -p, T(1)) + s);  // the order that rounds least
}

// tanh|x| = h / (h + 1) with h = expm1(2|x|) / 2: no cancellation near 0; then the sign of x. What
// d = h + 1 lost in rounding is put back to first order, h / (d - lost) = t + t lost / d with t = h / d
// and 1 / d = 1 - t: 2.4 ulp become less than 2. One part of ln2 is enough: the larger n, the
// nearer tanh is to 1.
template <class T, int N>
BPTT_INLINE Pack<T, N> tanh(const Pack<T, N>& x) {
  using C = MathConst<T>;
  using I = typename Simd<T>::I;
  const I minus = (I)broadcast(T(-0.0));
  const Pack<T, N> ax = each<T, N>([&](int i) { return (Vec<T>)((I)x.v[i] & ~minus); });
  Pack<T, N> t;
  const Pack<T, N> p = reduce<2, 1>(at_most(ax, C::tanh_max), t);
  const Pack<T, N> s = power_of_two(t), h = fma(s, p, fma(s, T(0.5), T(-0.5))), d = h + 1, q = h / d;
  const Pack<T, N> lost = at_most((d - 1) - h, 1);  // exact; where d - 1 rounds, lost is 1 or q is 1
  const Pack<T, N> out = fma(q * lost, 1 - q, q);
  return each<T, N>([&](int i) { return (Vec<T>)((I)out.v[i] | ((I)x.v[i] & minus)); });
}

template <class T, int N>
BPTT_INLINE Pack<T, N> relu(const Pack<T, N>& x) {  // NaN stays
  return each<T, N>([&](int i) { return x.v[i] < Vec<T>{} ? Vec<T>{} : x.v[i]; });
}

}  // namespace BPTT_NS
}  // namespace bptt
