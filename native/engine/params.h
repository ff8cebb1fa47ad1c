// Where the arrays of a cell's parameters go in `Weights`.
#pragma once
#include "../kernels/problem.h"

namespace bptt {

inline index param_columns(const Param& p, int n_x, int n_a) {
  return p.kind == Param::joint       ? index(n_a) + n_x
         : p.kind == Param::recurrent ? n_a
         : p.kind == Param::input     ? n_x
                                      : 1;
}

// Points the blocks of w at the parameter's elements (C-contiguous, param_columns() wide).
template <class T>
void attach(const Param& p, T* data, int n_x, int n_a, Weights<T>& w) {
  const index ld = param_columns(p, n_x, n_a);
  if (p.kind == Param::bias) w.b[p.block] = data;
  if (p.kind == Param::per_unit) w.per_unit[p.block] = data;
  if (p.kind == Param::joint || p.kind == Param::recurrent) w.wa[p.a_block] = data, w.ld_a[p.a_block] = ld;
  if (p.kind == Param::joint) w.wx[p.block] = data + n_a, w.ld_x[p.block] = ld;
  if (p.kind == Param::input) w.wx[p.block] = data, w.ld_x[p.block] = ld;
}

}  // namespace bptt
