// The equations of the cells, each once: forward from pre-activations, backward to their gradients, for a
// pack of vectors of units. Notation and equation numbers are those of bptt/equations, where LSTM and RNN
// have the numbers of the course notebook. The drivers compute the products: W [a_prev ; xt] + b forward;
// the transposes, dW, db, and their sums in da_prev and dxt backward.
#pragma once
#include "problem.h"
#include "vecmath.h"

namespace bptt {
namespace BPTT_NS {

// Where N vectors of units of one step lie: the same units of N rows, or neighbors of one row. Each
// pointer is the first vector's; the others follow at equal distances.
template <class T, int N>
struct Unit {
  index n_a_padded, z_step, step, weight_step;
  T* z;  // block g at z + g * n_a_padded: pre-activation, overwritten by its gate; z_step apart
  const T* state[kMaxStates];    // before the step; step apart
  T* next[kMaxStates];           // after it: next[0] is written by the driver
  const T* per_unit;             // weight i at per_unit + i * n_a_padded; weight_step apart
  const Activation* activation;  // of variants

  BPTT_INLINE Pack<T, N> block(int g) const { return load_pack<T, N>(z + g * n_a_padded, z_step); }
  BPTT_INLINE void set(int g, const Pack<T, N>& x) const { store_pack(z + g * n_a_padded, z_step, x); }
  BPTT_INLINE Pack<T, N> prev(int i) const { return load_pack<T, N>(state[i], step); }
  BPTT_INLINE void set_next(int i, const Pack<T, N>& x) const { store_pack(next[i], step, x); }
  BPTT_INLINE Pack<T, N> weight(int i) const { return load_pack<T, N>(per_unit + i * n_a_padded, weight_step); }
};

// Where N neighboring vectors of units of one row lie on the way back. `dstate` carries the gradients from step to
// step: in comes the gradient of this step's state through later steps, out goes the part of the gradient of the
// state before it that does not pass through a product.
template <class T, int N>
struct UnitGrad {
  index n_a_padded, dz_block;
  int blocks;
  const T* gate;               // block g at gate + g * n_a_padded
  const T* state[kMaxStates];  // before the step
  const T* next[kMaxStates];   // after it
  const T* per_unit;
  const Activation* activation;
  Pack<T, N> dy;  // gradient of the output of this step
  T* dstate[kMaxStates];
  T* stage_da;  // gradient of what stage 1 multiplies
  T* dz;        // block g at dz + g * dz_block

  BPTT_INLINE Pack<T, N> block(int g) const { return get(gate + g * n_a_padded); }
  BPTT_INLINE Pack<T, N> prev(int i) const { return get(state[i]); }
  BPTT_INLINE Pack<T, N> after(int i) const { return get(next[i]); }
  BPTT_INLINE Pack<T, N> weight(int i) const { return get(per_unit + i * n_a_padded); }
  BPTT_INLINE Pack<T, N> d_next(int i) const { return get(dstate[i]); }
  BPTT_INLINE Pack<T, N> d_stage() const { return get(stage_da); }
  BPTT_INLINE void set(int g, const Pack<T, N>& x) const { put(dz + g * dz_block, x); }
  BPTT_INLINE void set_weight(int i, const Pack<T, N>& x) const { set(blocks + i, x); }
  BPTT_INLINE void set_prev(int i, const Pack<T, N>& x) const { put(dstate[i], x); }
  BPTT_INLINE Pack<T, N> get(const T* p) const { return load_pack<T, N>(p, VL<T>); }
  BPTT_INLINE void put(T* p, const Pack<T, N>& x) const { store_pack(p, VL<T>, x); }
};

// gate * (1 - gate) and 1 - gate^2: derivatives of sigmoid and tanh by their own value
template <class V>
BPTT_INLINE V sigmoid_slope(const V& g) {
  return g - g * g;
}
template <class V>
BPTT_INLINE V tanh_slope(const V& g) {
  return (1 - g) * (1 + g);
}

// The activations that a call chooses. Functions that are called and not inlined: a variant costs little to
// compile.
template <class T>
using One = Pack<T, 1>;
template <class T>
__attribute__((noinline)) One<T> activated(const Activation& f, One<T> x) {
  if (f.kind == Activation::line) return at_least(at_most(x * T(f.alpha) + T(f.beta), T(f.high)), T(f.low));
  return f.kind == Activation::sigmoid ? sigmoid(x) : tanh(x);
}
// d times the derivative of the activation that gave g; that of a line is 0 at its bounds and NaN where g is.
template <class T>
__attribute__((noinline)) One<T> times_slope(const Activation& f, One<T> g, One<T> d) {
  if (f.kind != Activation::line) return d * (f.kind == Activation::sigmoid ? sigmoid_slope(g) : tanh_slope(g));
  Vec<T> slope = broadcast(T(f.alpha));
  slope = g.v[0] <= broadcast(T(f.low)) ? Vec<T>{} : slope;
  slope = g.v[0] >= broadcast(T(f.high)) ? Vec<T>{} : slope;
  return {d.v[0] * (g.v[0] == g.v[0] ? slope : g.v[0])};
}

// What a cell computes in one step. Its row of the table defines blocks, states and per-unit weights.
//   forward(stage, unit)   after the products of a stage: sets gates and next states; returns the next
//                          output or, before the last stage, what the next stage multiplies
//   backward(stage, unit)  the stages last to first: sets dz, the gradients of the per-unit weights, dstate
//   stage_input(...)       cells with two stages: what stage 1 multiplied, from gates and state
template <class T, Cell C>
struct CellMath;

enum { a, c };  // states

template <class T, bool kRelu>
struct RnnMath {
  template <int N>
  static BPTT_INLINE Pack<T, N> forward(int, const Unit<T, N>& u) {
    const Pack<T, N> z = u.block(0);
    return kRelu ? relu(z) : tanh(z);  // (1)
  }
  template <int N>
  static BPTT_INLINE void backward(int, const UnitGrad<T, N>& u) {
    const Pack<T, N> da = u.dy + u.d_next(a), a_next = u.after(a);
    if constexpr (kRelu) {  // 0 where a is 0, NaN where it is NaN
      u.set(0, each<T, N>([&](int i) { return a_next.v[i] > Vec<T>{} ? da.v[i] : a_next.v[i]; }));
    } else {
      u.set(0, da * tanh_slope(a_next));  // dz of (1)
    }
    u.set_prev(a, {});
  }
};
template <class T>
struct CellMath<T, find_cell("rnn")> : RnnMath<T, false> {};
template <class T>
struct CellMath<T, find_cell("rnn_relu")> : RnnMath<T, true> {};

template <class T>
struct CellMath<T, find_cell("lstm")> {
  enum { f, i, cc, o };  // blocks
  template <int N>
  static BPTT_INLINE Pack<T, N> forward(int, const Unit<T, N>& u) {
    const Pack<T, N> it = sigmoid(u.block(i));  // (2)
    u.set(i, it);
    const Pack<T, N> cct = tanh(u.block(cc));  // (3)
    u.set(cc, cct);
    const Pack<T, N> ft = sigmoid(u.block(f));  // (1)
    u.set(f, ft);
    const Pack<T, N> c_next = fma(ft, u.prev(c), it * cct);  // (4)
    u.set_next(c, c_next);
    const Pack<T, N> ot = sigmoid(u.block(o));  // (5), here: it is computed while tanh(c) waits for c
    u.set(o, ot);
    return ot * tanh(c_next);  // (6)
  }
  template <int N>
  static BPTT_INLINE void backward(int, const UnitGrad<T, N>& u) {
    const Pack<T, N> ft = u.block(f), it = u.block(i), cct = u.block(cc), ot = u.block(o);
    const Pack<T, N> tanh_c = tanh(u.after(c));
    const Pack<T, N> da = u.dy + u.d_next(a);
    const Pack<T, N> dc = fma(da * ot, tanh_slope(tanh_c), u.d_next(c));  // the sum common to (8)-(10), (20)
    u.set(f, dc * u.prev(c) * sigmoid_slope(ft));                         // (10)
    u.set(i, dc * cct * sigmoid_slope(it));                               // (9)
    u.set(cc, dc * it * tanh_slope(cct));                                 // (8)
    u.set(o, da * tanh_c * sigmoid_slope(ot));                            // (7)
    u.set_prev(c, dc * ft);                                               // (20)
    u.set_prev(a, {});                                                    // (19) is the product alone
  }
};

// The forget gate is coupled to the input gate and has no parameters; ft is kept for the tape.
template <class T>
struct CellMath<T, find_cell("lstm_cifg")> {
  enum { i, cc, o, f };
  template <int N>
  static BPTT_INLINE Pack<T, N> forward(int, const Unit<T, N>& u) {
    const Pack<T, N> it = sigmoid(u.block(i)), cct = tanh(u.block(cc)), ft = 1 - it;  // (2) (3) (1)
    u.set(i, it), u.set(cc, cct), u.set(f, ft);
    const Pack<T, N> c_next = fma(ft, u.prev(c), it * cct);  // (4)
    u.set_next(c, c_next);
    const Pack<T, N> ot = sigmoid(u.block(o));  // (5)
    u.set(o, ot);
    return ot * tanh(c_next);  // (6)
  }
  template <int N>
  static BPTT_INLINE void backward(int, const UnitGrad<T, N>& u) {
    const Pack<T, N> it = u.block(i), cct = u.block(cc), ot = u.block(o);
    const Pack<T, N> tanh_c = tanh(u.after(c)), da = u.dy + u.d_next(a);
    const Pack<T, N> dc = fma(da * ot, tanh_slope(tanh_c), u.d_next(c));
    u.set(i, dc * (cct - u.prev(c)) * sigmoid_slope(it));  // (9)
    u.set(cc, dc * it * tanh_slope(cct));                  // (8)
    u.set(o, da * tanh_c * sigmoid_slope(ot));             // (7)
    u.set(f, {});                                          // its pre-activation does not exist
    u.set_prev(c, dc * u.block(f));                        // (20)
    u.set_prev(a, {});
  }
};

// An LSTM whose activations the call chooses: sigma, g, h. With peepholes, pf c_prev, pi c_prev and po c_next are
// added inside ft, it and ot. Equation numbers: bptt.equations.variants.
template <class T, bool kPeephole>
struct LstmVariant {
  enum { f, i, cc, o };
  static BPTT_INLINE One<T> forward(int, const Unit<T, 1>& u) {
    const Activation &sigma = u.activation[0], &g = u.activation[1], &h = u.activation[2];
    const auto z = [&](int k, int weight, const One<T>& state)
                       BPTT_ALWAYS { return kPeephole ? fma(u.weight(weight), state, u.block(k)) : u.block(k); };
    const One<T> c_prev = u.prev(c);
    const One<T> ft = activated<T>(sigma, z(f, 0, c_prev));  // (1)
    const One<T> it = activated<T>(sigma, z(i, 1, c_prev));  // (2)
    const One<T> cct = activated<T>(g, u.block(cc));         // (3)
    const One<T> c_next = fma(ft, c_prev, it * cct);         // (4)
    const One<T> ot = activated<T>(sigma, z(o, 2, c_next));  // (5)
    u.set(f, ft), u.set(i, it), u.set(cc, cct), u.set(o, ot), u.set_next(c, c_next);
    return ot * activated<T>(h, c_next);  // (6)
  }
  static BPTT_INLINE void backward(int, const UnitGrad<T, 1>& u) {
    const Activation &sigma = u.activation[0], &g = u.activation[1], &h = u.activation[2];
    const One<T> ft = u.block(f), it = u.block(i), cct = u.block(cc), ot = u.block(o);
    const One<T> c_prev = u.prev(c), c_next = u.after(c), hc = activated<T>(h, c_next), da = u.dy + u.d_next(a);
    const One<T> dzo = times_slope<T>(sigma, ot, da * hc);     // (7)
    One<T> dc = times_slope<T>(h, hc, da * ot) + u.d_next(c);  // (7a)
    if constexpr (kPeephole) dc = fma(dzo, u.weight(2), dc);
    const One<T> dzi = times_slope<T>(sigma, it, dc * cct);     // (9)
    const One<T> dzf = times_slope<T>(sigma, ft, dc * c_prev);  // (10)
    u.set(f, dzf), u.set(i, dzi), u.set(o, dzo);
    u.set(cc, times_slope<T>(g, cct, dc * it));  // (8)
    One<T> dc_prev = dc * ft;                    // (20)
    if constexpr (kPeephole) {
      u.set_weight(0, dzf * c_prev), u.set_weight(1, dzi * c_prev), u.set_weight(2, dzo * c_next);
      dc_prev = fma(dzf, u.weight(0), fma(dzi, u.weight(1), dc_prev));
    }
    u.set_prev(c, dc_prev);
    u.set_prev(a, {});
  }
};
template <class T>
struct CellMath<T, find_cell("lstm_variant")> : LstmVariant<T, false> {};
template <class T>
struct CellMath<T, find_cell("lstm_peephole_variant")> : LstmVariant<T, true> {};

// Reset before the product: two stages.
template <class T>
struct CellMath<T, find_cell("gru")> {
  enum { u_, r_, c_ };
  template <int N>
  static BPTT_INLINE Pack<T, N> forward(int stage, const Unit<T, N>& u) {
    const Pack<T, N> a_prev = u.prev(a);
    if (stage == 0) {
      const Pack<T, N> ut = sigmoid(u.block(u_)), rt = sigmoid(u.block(r_));  // (1) (2)
      u.set(u_, ut), u.set(r_, rt);
      return rt * a_prev;
    } else {
      const Pack<T, N> ut = u.block(u_), cct = tanh(u.block(c_));  // (3)
      u.set(c_, cct);
      return fma(ut, cct, (1 - ut) * a_prev);  // (4)
    }
  }
  static BPTT_INLINE Vec<T> stage_input(const T* gate, index n_a_padded, const T* a_prev) {
    return load<T>(gate + r_ * n_a_padded) * load<T>(a_prev);
  }
  template <int N>
  static BPTT_INLINE void backward(int stage, const UnitGrad<T, N>& u) {
    const Pack<T, N> a_prev = u.prev(a);
    if (stage == 1) {
      const Pack<T, N> ut = u.block(u_), cct = u.block(c_);
      const Pack<T, N> da = u.dy + u.d_next(a);
      u.set(u_, da * (cct - a_prev) * sigmoid_slope(ut));  // (5)
      u.set(c_, da * ut * tanh_slope(cct));                // (6)
      u.set_prev(a, da * (1 - ut));
    } else {
      const Pack<T, N> rt = u.block(r_), dq = u.d_stage();  // (7)
      u.set(r_, dq * a_prev * sigmoid_slope(rt));           // (8)
      u.set_prev(a, fma(dq, rt, u.d_next(a)));              // (10) without the products
    }
  }
};

template <class T>
struct CellMath<T, find_cell("gru_reset_after")> {
  enum { u_, r_, c_, p_ };
  template <int N>
  static BPTT_INLINE Pack<T, N> forward(int, const Unit<T, N>& u) {
    const Pack<T, N> ut = sigmoid(u.block(u_)), rt = sigmoid(u.block(r_));  // (1) (2)
    const Pack<T, N> cct = tanh(fma(rt, u.block(p_), u.block(c_)));         // (3b); block p_ is pct of (3a)
    u.set(u_, ut), u.set(r_, rt), u.set(c_, cct);
    return fma(ut, cct, (1 - ut) * u.prev(a));  // (4)
  }
  template <int N>
  static BPTT_INLINE void backward(int, const UnitGrad<T, N>& u) {
    const Pack<T, N> ut = u.block(u_), rt = u.block(r_), cct = u.block(c_), pct = u.block(p_);
    const Pack<T, N> da = u.dy + u.d_next(a);
    const Pack<T, N> dzc = da * ut * tanh_slope(cct);       // (6)
    u.set(u_, da * (cct - u.prev(a)) * sigmoid_slope(ut));  // (5)
    u.set(r_, dzc * pct * sigmoid_slope(rt));               // (8a)
    u.set(c_, dzc);
    u.set(p_, dzc * rt);           // (7a)
    u.set_prev(a, da * (1 - ut));  // (10a) without the products
  }
};

#if defined(BPTT_TEST_CELLS)
#include "../tests/cells_of_tests.h"
#endif

// Calls f(integral_constant<Cell, C>) for the cell of a row of the table.
template <int I = 0, class F>
BPTT_INLINE void with_cell(Cell cell, F f) {
  if (static_cast<int>(cell) == I) return f(std::integral_constant<Cell, static_cast<Cell>(I)>{});
  if constexpr (I + 1 < kCells) with_cell<I + 1>(cell, f);
}

}  // namespace BPTT_NS
}  // namespace bptt
