// The equations of the cells, each once: forward from pre-activations, backward to their gradients, for a
// pack of vectors of units. Notation of the course. What is a product (W [a_prev ; xt] + b and its
// transposes) is done by the drivers. `forward` returns what the next product takes: a of this step, or
// rt * a_prev between the two stages of the GRU.
#pragma once
#include "problem.h"
#include "vecmath.h"

namespace bptt {
namespace BPTT_NS {

// Where N vectors of units of one step live: the same units of N rows, or neighbors of one row. Each
// pointer is the first vector's; the others follow at equal distances.
template <class T, int N>
struct Unit {
  index n_a_padded, z_step, step;
  T* z;             // block g at z + g * n_a_padded: pre-activation, overwritten by its gate; z_step apart
  const T* a_prev;  // states: step apart
  const T* c_prev;  // lstm
  T* c;

  BPTT_INLINE Pack<T, N> block(int g) const { return load_pack<T, N>(z + g * n_a_padded, z_step); }
  BPTT_INLINE void set(int g, const Pack<T, N>& x) const { store_pack(z + g * n_a_padded, z_step, x); }
  BPTT_INLINE Pack<T, N> get(const T* state) const { return load_pack<T, N>(state, step); }
  BPTT_INLINE void put(T* state, const Pack<T, N>& x) const { store_pack(state, step, x); }
};

// Where one vector of units lives on the way back. `da`, `dc` carry the gradients from step to step: they
// come in as the gradient of this step's a, c through later steps and leave as the part of the gradient of
// a_prev, c_prev that does not pass through a product.
template <class T>
using One = Pack<T, 1>;
template <class T>
struct UnitGrad {
  index n_a_padded, dz_block;
  const T* gate;    // block g at gate + g * n_a_padded
  const T *a_prev, *a, *c_prev, *c;
  One<T> dy;     // gradient of the output of this step
  T *da, *dc;
  T* reset_da;      // gru: gradient of rt * a_prev
  T* dz;            // block g at dz + g * dz_block

  BPTT_INLINE One<T> block(int g) const { return get(gate + g * n_a_padded); }
  BPTT_INLINE void set(int g, const One<T>& x) const { put(dz + g * dz_block, x); }
  BPTT_INLINE One<T> get(const T* p) const { return {load<T>(p)}; }
  BPTT_INLINE void put(T* p, const One<T>& x) const { store<T>(p, x.v[0]); }
};

// gate * (1 - gate) and 1 - gate^2: derivatives of sigmoid and tanh by their own value
template <class V>
BPTT_INLINE V sigmoid_slope(const V& g) { return g - g * g; }
template <class V>
BPTT_INLINE V tanh_slope(const V& g) { return (1 - g) * (1 + g); }

template <class T, Cell C>
struct CellMath;

template <class T, bool kRelu>
struct RnnMath {
  // a = tanh(Wax xt + Waa a_prev + ba)
  template <int N>
  static BPTT_INLINE Pack<T, N> forward(int, const Unit<T, N>& u) {
    const Pack<T, N> z = u.block(0);
    return kRelu ? relu(z) : tanh(z);
  }
  static BPTT_INLINE void backward(int, const UnitGrad<T>& u) {
    const One<T> da = u.dy + u.get(u.da), a = u.get(u.a);
    if constexpr (kRelu) {
      u.set(0, each<T, 1>([&](int i) { return a.v[i] > Vec<T>{} ? da.v[i] : a.v[i]; }));  // else 0, or NaN
    } else {
      u.set(0, da * tanh_slope(a));
    }
    u.put(u.da, {});
  }
};
template <class T>
struct CellMath<T, Cell::rnn> : RnnMath<T, false> {};
template <class T>
struct CellMath<T, Cell::rnn_relu> : RnnMath<T, true> {};

template <class T>
struct CellMath<T, Cell::lstm> {
  enum { f, i, c, o };  // blocks
  template <int N>
  static BPTT_INLINE Pack<T, N> forward(int, const Unit<T, N>& u) {
    const Pack<T, N> it = sigmoid(u.block(i));
    u.set(i, it);
    const Pack<T, N> cct = tanh(u.block(c));
    u.set(c, cct);
    const Pack<T, N> ft = sigmoid(u.block(f));
    u.set(f, ft);
    const Pack<T, N> c_next = fma(ft, u.get(u.c_prev), it * cct);
    u.put(u.c, c_next);
    const Pack<T, N> ot = sigmoid(u.block(o));  // here: it fills the wait for tanh(c)
    u.set(o, ot);
    return ot * tanh(c_next);
  }
  static BPTT_INLINE void backward(int, const UnitGrad<T>& u) {
    const One<T> ft = u.block(f), it = u.block(i), cct = u.block(c), ot = u.block(o);
    const One<T> tanh_c = tanh(u.get(u.c));
    const One<T> da = u.dy + u.get(u.da);
    const One<T> dc = fma(da * ot, tanh_slope(tanh_c), u.get(u.dc));  // both roads into c
    u.set(f, dc * u.get(u.c_prev) * sigmoid_slope(ft));
    u.set(i, dc * cct * sigmoid_slope(it));
    u.set(c, dc * it * tanh_slope(cct));
    u.set(o, da * tanh_c * sigmoid_slope(ot));
    u.put(u.dc, dc * ft);
    u.put(u.da, {});
  }
};

// Reset before the product: cct = tanh(Wc [rt * a_prev ; xt] + bc), in two stages.
template <class T>
struct CellMath<T, Cell::gru> {
  enum { u_, r_, c_ };
  template <int N>
  static BPTT_INLINE Pack<T, N> forward(int stage, const Unit<T, N>& u) {
    const Pack<T, N> a_prev = u.get(u.a_prev);
    if (stage == 0) {
      const Pack<T, N> ut = sigmoid(u.block(u_)), rt = sigmoid(u.block(r_));
      u.set(u_, ut), u.set(r_, rt);
      return rt * a_prev;
    } else {
      const Pack<T, N> ut = u.block(u_), cct = tanh(u.block(c_));
      u.set(c_, cct);
      return fma(ut, cct, (1 - ut) * a_prev);
    }
  }
  // Walked stage 1, then 0; between them reset_da = dzc @ Wca.
  static BPTT_INLINE void backward(int stage, const UnitGrad<T>& u) {
    const One<T> a_prev = u.get(u.a_prev);
    if (stage == 1) {
      const One<T> ut = u.block(u_), cct = u.block(c_);
      const One<T> da = u.dy + u.get(u.da);
      u.set(u_, da * (cct - a_prev) * sigmoid_slope(ut));
      u.set(c_, da * ut * tanh_slope(cct));
      u.put(u.da, da * (1 - ut));
    } else {
      const One<T> rt = u.block(r_), d_reset = u.get(u.reset_da);
      u.set(r_, d_reset * a_prev * sigmoid_slope(rt));
      u.put(u.da, fma(d_reset, rt, u.get(u.da)));
    }
  }
};

// Reset after the product: pct = Wca a_prev + bca, cct = tanh(Wcx xt + bc + rt * pct).
template <class T>
struct CellMath<T, Cell::gru_reset_after> {
  enum { u_, r_, c_, h_ };
  template <int N>
  static BPTT_INLINE Pack<T, N> forward(int, const Unit<T, N>& u) {
    const Pack<T, N> ut = sigmoid(u.block(u_)), rt = sigmoid(u.block(r_));
    const Pack<T, N> cct = tanh(fma(rt, u.block(h_), u.block(c_)));
    u.set(u_, ut), u.set(r_, rt), u.set(c_, cct);
    return fma(ut, cct, (1 - ut) * u.get(u.a_prev));
  }
  static BPTT_INLINE void backward(int, const UnitGrad<T>& u) {
    const One<T> ut = u.block(u_), rt = u.block(r_), cct = u.block(c_), pct = u.block(h_);
    const One<T> da = u.dy + u.get(u.da);
    const One<T> dzc = da * ut * tanh_slope(cct);
    u.set(u_, da * (cct - u.get(u.a_prev)) * sigmoid_slope(ut));
    u.set(r_, dzc * pct * sigmoid_slope(rt));
    u.set(c_, dzc);
    u.set(h_, dzc * rt);
    u.put(u.da, da * (1 - ut));
  }
};

}  // namespace BPTT_NS
}  // namespace bptt
