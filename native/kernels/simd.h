// One machine vector of T, for the instruction set this file is compiled for. Compiler vector
// extensions give + - * / and comparisons; only the fused multiply-add needs a name per set, so that
// whether a product is rounded before the sum is decided here and not by the compiler
// (everything is built with -ffp-contract=off).
#pragma once
#include <cstdint>
#include <cstring>
#include <utility>

#include "problem.h"
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace bptt {
namespace BPTT_NS {

#if defined(__AVX512F__)
constexpr int kVecBytes = 64, kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kVecBytes = 32, kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kVecBytes = 16, kRegisters = 32;
#elif defined(BPTT_KEEP_LOOPS)  // tests: the tiles of 32 registers, on machines that have fewer
constexpr int kVecBytes = 16, kRegisters = 32;
#else
constexpr int kVecBytes = 16, kRegisters = 16;
#endif

#if defined(__AVX2__) || defined(__aarch64__)
constexpr bool kFused = true;  // fma rounds once
#else
constexpr bool kFused = false;
#endif

template <class T>
struct Simd;
template <>
struct Simd<float> {
  typedef float V __attribute__((vector_size(kVecBytes), may_alias));
  typedef float U __attribute__((vector_size(kVecBytes), may_alias, aligned(4)));
  typedef std::int32_t I __attribute__((vector_size(kVecBytes), may_alias));
  typedef std::int32_t Int;
};
template <>
struct Simd<double> {
  typedef double V __attribute__((vector_size(kVecBytes), may_alias));
  typedef double U __attribute__((vector_size(kVecBytes), may_alias, aligned(8)));
  typedef std::int64_t I __attribute__((vector_size(kVecBytes), may_alias));
  typedef std::int64_t Int;
};

template <class T>
using Vec = typename Simd<T>::V;
template <class T>
constexpr int VL = kVecBytes / int(sizeof(T));

template <class T>
BPTT_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename Simd<T>::U*>(p);
}
template <class T>
BPTT_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename Simd<T>::U*>(p) = v;
}
// x - 0 is x for every x (NaN and -0 included), so this folds to a plain broadcast.
template <class T>
BPTT_INLINE Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}

// The first n lanes; the others are zero and not touched.
template <class T>
BPTT_INLINE Vec<T> load_first(const T* p, int n) {
  if (n >= VL<T>) return load(p);
  Vec<T> v{};
  std::memcpy(&v, p, std::size_t(n) * sizeof(T));
  return v;
}
template <class T>
BPTT_INLINE void store_first(T* p, Vec<T> v, int n) {
  if (n >= VL<T>) return store(p, v);
  std::memcpy(p, &v, std::size_t(n) * sizeof(T));
}

// a * b + c
BPTT_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}
BPTT_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
#if defined(__AVX512F__)
  return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX2__)
  return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__aarch64__)
  return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
  return a * b + c;
#endif
}

// x > hi ? hi : x and x < lo ? lo : x, so that NaN stays: the very rule of x86's min and max.
template <class T>
BPTT_INLINE Vec<T> at_most(Vec<T> x, Vec<T> hi) {
  return x > hi ? hi : x;
}
template <class T>
BPTT_INLINE Vec<T> at_least(Vec<T> x, Vec<T> lo) {
  return x < lo ? lo : x;
}
#if defined(__SSE2__)
#if defined(__AVX512F__)
#define BPTT_X86(type, name) __m512##type, _mm512_##name
#elif defined(__AVX2__)
#define BPTT_X86(type, name) __m256##type, _mm256_##name
#else
#define BPTT_X86(type, name) __m128##type, _mm_##name
#endif
#define BPTT_LIMIT(T, f, V, limit)                  \
  template <>                                       \
  BPTT_INLINE Vec<T> f<T>(Vec<T> x, Vec<T> bound) { \
    return (Vec<T>)limit((V)bound, (V)x);           \
  }
#define BPTT_LIMIT_(...) BPTT_LIMIT(__VA_ARGS__)
BPTT_LIMIT_(float, at_most, BPTT_X86(, min_ps))
BPTT_LIMIT_(float, at_least, BPTT_X86(, max_ps))
BPTT_LIMIT_(double, at_most, BPTT_X86(d, min_pd))
BPTT_LIMIT_(double, at_least, BPTT_X86(d, max_pd))
#endif

// f over all lanes: the upper half onto the lower, again and again.
template <class T, int kHalf, std::size_t... I>
BPTT_INLINE Vec<T> upper_half(Vec<T> v, std::index_sequence<I...>) {
  return __builtin_shufflevector(v, v, ((int(I) + kHalf) % VL<T>)...);
}
template <class T, int kHalf = VL<T> / 2, class F>
BPTT_INLINE T fold(Vec<T> v, F f) {
  v = f(v, upper_half<T, kHalf>(v, std::make_index_sequence<VL<T>>{}));
  if constexpr (kHalf > 1)
    return fold<T, kHalf / 2>(v, f);
  else
    return v[0];
}

constexpr int min(int a, int b) { return a < b ? a : b; }
constexpr int max(int a, int b) { return a > b ? a : b; }
constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

// N vectors that go through the same operations side by side. One chain of operations after the other
// would leave the processor waiting for each result.
template <class T, int N>
struct Pack {
  Vec<T> v[N];
};
template <class T, int N, class F>
BPTT_INLINE Pack<T, N> each(F f) {  // f(i) for every vector
  Pack<T, N> p;
  BPTT_UNROLL
  for (int i = 0; i < N; ++i) p.v[i] = f(i);
  return p;
}
// Vectors at p, p + step, p + 2 step, ...
template <class T, int N>
BPTT_INLINE Pack<T, N> load_pack(const T* p, index step) {
  return each<T, N>([&](int i) { return load<T>(p + i * step); });
}
template <class T, int N>
BPTT_INLINE void store_pack(T* p, index step, const Pack<T, N>& x) {
  BPTT_UNROLL
  for (int i = 0; i < N; ++i) store<T>(p + i * step, x.v[i]);
}
template <class T, int N>
BPTT_INLINE Vec<T> part(const Pack<T, N>& p, int i) {
  return p.v[i];
}
template <class T>
BPTT_INLINE Vec<T> part(T x, int) {
  return broadcast(x);
}
template <class T>
struct Same {
  typedef T type;
};
template <class T>
using Scalar = typename Same<T>::type;  // takes no part in deduction: 1 - p is T(1) - p

#define BPTT_OPERATOR(op)                                                        \
  template <class T, int N>                                                      \
  BPTT_INLINE Pack<T, N> operator op(const Pack<T, N>& a, const Pack<T, N>& b) { \
    return each<T, N>([&](int i) { return a.v[i] op b.v[i]; });                  \
  }                                                                              \
  template <class T, int N>                                                      \
  BPTT_INLINE Pack<T, N> operator op(const Pack<T, N>& a, Scalar<T> b) {         \
    return each<T, N>([&](int i) { return a.v[i] op broadcast(b); });            \
  }                                                                              \
  template <class T, int N>                                                      \
  BPTT_INLINE Pack<T, N> operator op(Scalar<T> a, const Pack<T, N>& b) {         \
    return each<T, N>([&](int i) { return broadcast(a) op b.v[i]; });            \
  }
BPTT_OPERATOR(+)
BPTT_OPERATOR(-)
BPTT_OPERATOR(*)
BPTT_OPERATOR(/)
#undef BPTT_OPERATOR
template <class T, int N>
BPTT_INLINE Pack<T, N> operator-(const Pack<T, N>& a) {
  return each<T, N>([&](int i) { return -a.v[i]; });
}
template <class T, int N, class B, class C>  // b and c: packs or single numbers
BPTT_INLINE Pack<T, N> fma(const Pack<T, N>& a, const B& b, const C& c) {
  return each<T, N>([&](int i) { return fma(a.v[i], part(b, i), part(c, i)); });
}
template <class T, int N>
BPTT_INLINE Pack<T, N> at_most(const Pack<T, N>& x, Scalar<T> hi) {
  return each<T, N>([&](int i) { return at_most<T>(x.v[i], broadcast(hi)); });
}
template <class T, int N>
BPTT_INLINE Pack<T, N> at_least(const Pack<T, N>& x, Scalar<T> lo) {
  return each<T, N>([&](int i) { return at_least<T>(x.v[i], broadcast(lo)); });
}

}  // namespace BPTT_NS
}  // namespace bptt
