// The kernels of one instruction set and one element type, as a table of functions.
#pragma once
#include "problem.h"

namespace bptt {

struct AdamRates {  // see update.h
  double scale, learning_rate, beta1, beta2, epsilon, correction1, correction2;
};

template <class T>
struct Kernels {
  int vector_length;
  int gradient_rows;  // rows of dW in a group: a part of a vector

  // Elements of the packed buffers: input weights, their bias, recurrent weights of a stage.
  // A `part` of `parts` packs its share; parts may run at the same time.
  index (*packed_x_size)(Cell, int n_x, int n_a);
  index (*packed_bias_size)(Cell, int n_a);
  index (*packed_a_size)(Cell, int n_a, int stage);
  void (*pack_forward)(Cell, int n_x, int n_a, const Weights<const T>&, T* x, T* bias, T* const a[2],
                       int part, int parts);
  index (*packed_back_x_size)(Cell, int n_x, int n_a);
  index (*packed_back_a_size)(Cell, int n_a, int stage);
  void (*pack_backward)(Cell, int n_x, int n_a, const Weights<const T>&, T* x, T* const a[2], int part,
                        int parts);

  // Rows r0 .. r1-1 (sorted positions). Scratch: see forward.h and backward.h.
  void (*forward)(const Forward<T>&, int r0, int r1, void** scratch);
  void (*forward_units)(const Forward<T>&, int ua, int ub);  // lstm and the plain RNNs
  void (*backward)(const Backward<T>&, int r0, int r1, void** scratch);
  void (*gradient)(const Gradient<T>&, int g0, int g1, int n_part, int n_parts);

  // Tokens: projected = table @ Wx.T + b for rows r0 .. r1-1, and the way back, dtable[r] = dz[r] @ Wx;
  // column vector j of dz's row r lies at dz + j * stride + r * step.
  void (*project_table)(Cell, int n_x, int n_a, const T* packed_x, const T* bias, const T* table,
                        T* projected, int r0, int r1);
  void (*table_gradient)(Cell, int n_x, int n_a, const T* packed_back_x, const T* dz, index stride,
                         index step, T* dtable, int r0, int r1);

  // The update of n parameters and their two moments, and the sum of n squares: see update.h.
  void (*adam)(T* p, const T* gradient, T* m, T* v, index n, const AdamRates&, double decay);
  double (*squares)(const T*, index n);

  // y = softmax of the n elements of x, and what it needs on the way: their largest and the sum of
  // exp(x - most).
  void (*softmax)(const T* x, T* y, int n, T* most, T* sum);

  void (*exp)(const T*, T*, index n);
  void (*tanh)(const T*, T*, index n);
  void (*sigmoid)(const T*, T*, index n);
};

struct InstructionSet {
  const char* name;
  bool (*runs_here)();
  Kernels<float> (*f32)();
  Kernels<double> (*f64)();
};

}  // namespace bptt
