// The kernels of one instruction set and one element type, as a table of functions.
#pragma once
#include "problem.h"
#include "team.h"

namespace bptt {

struct AdamRates {  // see update.h
  double scale, learning_rate, beta1, beta2, epsilon, correction1, correction2;
};

template <class T>
struct Kernels {
  int vector_length;

  // Affine maps: elements of the packed weights and their biases; packing, where a `part` of `parts` packs
  // its share and parts may run at the same time; y (rows, packed_bias_size) of rows r0 .. r1-1 of
  // x (rows, n_in); and backward dx[r] = dz[r] @ W, where rows of dz, the blocks side by side as in y, are `step`
  // elements apart. w[g], ld[g], b[g] as in Weights.
  index (*packed_affine_size)(const Affine&);
  index (*packed_bias_size)(const Affine&);
  void (*pack_affine)(const Affine&, const T* const* w, const index* ld, const T* const* b, T* packed, T* bias,
                      int part, int parts);
  index (*packed_affine_back_size)(const Affine&);
  void (*pack_affine_back)(const Affine&, const T* const* w, const index* ld, T* packed, int part, int parts);
  void (*affine_rows)(const Affine&, const T* packed, const T* bias, const T* x, T* y, int r0, int r1);
  void (*affine_input_gradient)(const Affine&, const T* packed, const T* dz, index step, T* dx, int r0, int r1);

  // The recurrent products of a cell: elements of a stage's packed weights, the same forward and backward.
  index (*packed_a_size)(Cell, int n_a, int stage);
  index (*packed_a_back_size)(Cell, int n_a, int stage);
  void (*pack_a)(Cell, int n_a, const Weights<const T>&, T* const* packed, int part, int parts);
  void (*pack_a_back)(Cell, int n_a, const Weights<const T>&, T* const* packed, int part, int parts);

  // Rows r0 .. r1-1 (sorted positions). Team, scratch: see forward.h and backward.h.
  void (*forward)(const Forward<T>&, int r0, int r1, Team* team, int member, void** scratch);
  void (*forward_units)(const Forward<T>&, int ua, int ub);  // where can_share_row()
  void (*backward)(const Backward<T>&, int r0, int r1, void** scratch);

  // Weight gradients: see gradient.h. Elements of scratch of a part.
  index (*gradient_scratch)(const Gradient<T>&);
  void (*gradient)(const Gradient<T>&, int j0, int j1, int n_part, int n_parts, T* scratch);

  // The update of n parameters and their two moments, and the sum of n squares: see update.h.
  void (*adam)(T* p, const T* gradient, T* m, T* v, index n, const AdamRates&, double decay);
  double (*squares)(const T*, index n);

  void (*softmax)(const T* x, T* y, int n, T* most, T* sum);  // see softmax.h

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
