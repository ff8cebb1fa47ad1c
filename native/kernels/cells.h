// The equations of the cells, each once: forward from pre-activations, backward to their gradients,
// for one vector of units of one row. Notation of the course. What is a product (W [a_prev ; xt] + b and
// its transposes) is done by the drivers. Forward comes in two loops, `gates` then `state`: one long chain
// of exp, division, exp, division per unit would leave the processor waiting.
#pragma once
#include "problem.h"
#include "vecmath.h"

namespace bptt {
namespace BPTT_NS {

// Where one vector of units of one row and step lives.
template <class T>
struct Unit {
  T* z;             // block g at z + g * nap: pre-activation, overwritten by its gate
  index nap;
  const T* a_prev;
  T* a;
  const T* c_prev;  // lstm
  T* c;
  T* reset_a;       // gru: rt * a_prev

  BPTT_INLINE Vec<T> block(int g) const { return load<T>(z + g * nap); }
  BPTT_INLINE void set(int g, Vec<T> v) const { store<T>(z + g * nap, v); }
};

// The same for the way back. `da`, `dc` carry the gradients from step to step: they come in as the
// gradient of this step's a, c through later steps and leave as the part of the gradient of a_prev,
// c_prev that does not pass through a product.
template <class T>
struct UnitGrad {
  const T* gate;
  index nap;
  const T *a_prev, *a, *c_prev, *c;
  Vec<T> d_out;     // gradient of the output of this step
  T *da, *dc;
  T* reset_da;      // gru: gradient of rt * a_prev
  T* dz;            // block g at dz + g * dz_block
  index dz_block;

  BPTT_INLINE Vec<T> block(int g) const { return load<T>(gate + g * nap); }
  BPTT_INLINE void set(int g, Vec<T> v) const { store<T>(dz + g * dz_block, v); }
  BPTT_INLINE Vec<T> dz_of(int g) const { return load<T>(dz + g * dz_block); }
};

// gate * (1 - gate) and 1 - gate^2: derivatives of sigmoid and tanh by their own value
template <class V>
BPTT_INLINE V sigmoid_slope(V g) { return g - g * g; }
template <class V>
BPTT_INLINE V tanh_slope(V g) { return (1 - g) * (1 + g); }

template <class T, Cell C>
struct CellMath;

template <class T, bool kRelu>
struct RnnMath {
  // a = tanh(Wax xt + Waa a_prev + ba)
  static BPTT_INLINE void gates(int, const Unit<T>&) {}
  static BPTT_INLINE void state(int, const Unit<T>& u) {
    const Vec<T> z = u.block(0);
    store<T>(u.a, kRelu ? relu<T>(z) : tanh<T>(z));
  }
  static BPTT_INLINE void backward(int, const UnitGrad<T>& u) {
    const Vec<T> da = u.d_out + load(u.da), a = load(u.a), zero{};
    if constexpr (kRelu) {
      u.set(0, a > zero ? da : a);  // here a is 0, or NaN, which stays
    } else {
      u.set(0, da * tanh_slope(a));
    }
    store(u.da, zero);
  }
};
template <class T>
struct CellMath<T, Cell::rnn> : RnnMath<T, false> {};
template <class T>
struct CellMath<T, Cell::rnn_relu> : RnnMath<T, true> {};

template <class T>
struct CellMath<T, Cell::lstm> {
  enum { f, i, c, o };  // blocks
  static BPTT_INLINE void gates(int, const Unit<T>& u) {
    u.set(f, sigmoid<T>(u.block(f)));
    u.set(i, sigmoid<T>(u.block(i)));
    u.set(c, tanh<T>(u.block(c)));
  }
  static BPTT_INLINE void state(int, const Unit<T>& u) {
    const Vec<T> c_next = fma(u.block(f), load(u.c_prev), u.block(i) * u.block(c));
    const Vec<T> ot = sigmoid<T>(u.block(o));  // here: it fills the wait for tanh(c)
    store<T>(u.c, c_next);
    u.set(o, ot);
    store<T>(u.a, ot * tanh<T>(c_next));
  }
  static BPTT_INLINE void backward(int, const UnitGrad<T>& u) {
    const Vec<T> ft = u.block(f), it = u.block(i), cct = u.block(c), ot = u.block(o);
    const Vec<T> tanh_c = tanh<T>(load(u.c));
    const Vec<T> da = u.d_out + load(u.da);
    const Vec<T> dc = fma(da * ot, tanh_slope(tanh_c), load(u.dc));  // both roads into c
    u.set(f, dc * load(u.c_prev) * sigmoid_slope(ft));
    u.set(i, dc * cct * sigmoid_slope(it));
    u.set(c, dc * it * tanh_slope(cct));
    u.set(o, da * tanh_c * sigmoid_slope(ot));
    store(u.dc, dc * ft);
    store(u.da, Vec<T>{});
  }
};

// Reset before the product: cct = tanh(Wc [rt * a_prev ; xt] + bc), in two stages.
template <class T>
struct CellMath<T, Cell::gru> {
  enum { u_, r_, c_ };
  static BPTT_INLINE void gates(int stage, const Unit<T>& u) {
    if (stage == 0) {
      u.set(u_, sigmoid<T>(u.block(u_)));
      u.set(r_, sigmoid<T>(u.block(r_)));
    } else {
      u.set(c_, tanh<T>(u.block(c_)));
    }
  }
  static BPTT_INLINE void state(int stage, const Unit<T>& u) {
    const Vec<T> a_prev = load(u.a_prev), ut = u.block(u_);
    if (stage == 0) {
      store<T>(u.reset_a, u.block(r_) * a_prev);
    } else {
      store<T>(u.a, fma(ut, u.block(c_), (1 - ut) * a_prev));
    }
  }
  // Walked stage 1, then 0; between them reset_da = dzc @ Wca.
  static BPTT_INLINE void backward(int stage, const UnitGrad<T>& u) {
    const Vec<T> a_prev = load(u.a_prev);
    if (stage == 1) {
      const Vec<T> ut = u.block(u_), cct = u.block(c_);
      const Vec<T> da = u.d_out + load(u.da);
      u.set(u_, da * (cct - a_prev) * sigmoid_slope(ut));
      u.set(c_, da * ut * tanh_slope(cct));
      store(u.da, da * (1 - ut));
    } else {
      const Vec<T> rt = u.block(r_), d_reset = load(u.reset_da);
      u.set(r_, d_reset * a_prev * sigmoid_slope(rt));
      store(u.da, fma(d_reset, rt, load(u.da)));
    }
  }
};

// Reset after the product: hct = Wca a_prev + bca, cct = tanh(Wcx xt + bc + rt * hct).
template <class T>
struct CellMath<T, Cell::gru_reset_after> {
  enum { u_, r_, c_, h_ };
  static BPTT_INLINE void gates(int, const Unit<T>& u) {
    u.set(u_, sigmoid<T>(u.block(u_)));
    u.set(r_, sigmoid<T>(u.block(r_)));
  }
  static BPTT_INLINE void state(int, const Unit<T>& u) {
    const Vec<T> ut = u.block(u_), cct = tanh<T>(fma(u.block(r_), u.block(h_), u.block(c_)));
    u.set(c_, cct);
    store<T>(u.a, fma(ut, cct, (1 - ut) * load(u.a_prev)));
  }
  static BPTT_INLINE void backward(int, const UnitGrad<T>& u) {
    const Vec<T> ut = u.block(u_), rt = u.block(r_), cct = u.block(c_), hct = u.block(h_);
    const Vec<T> da = u.d_out + load(u.da);
    const Vec<T> dzc = da * ut * tanh_slope(cct);
    u.set(u_, da * (cct - load(u.a_prev)) * sigmoid_slope(ut));
    u.set(r_, dzc * hct * sigmoid_slope(rt));
    u.set(c_, dzc);
    u.set(h_, dzc * rt);
    store(u.da, da * (1 - ut));
  }
};

}  // namespace BPTT_NS
}  // namespace bptt
