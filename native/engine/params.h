// The named parameters of each cell and the blocks they feed (the same as in the records of bptt.equations).
#pragma once
#include "../kernels/problem.h"

namespace bptt {

struct ParamInfo {
  enum Kind { end, joint, recurrent, input, bias };  // joint: (n_a, n_a + n_x), columns [a_prev ; xt]
  const char* name;
  Kind kind;
  int a_block, x_block;  // joint matrices feed both; a bias feeds x_block
};

constexpr int kMaxParams = 8;
using P = ParamInfo;
constexpr ParamInfo kParams[kCells][kMaxParams + 1] = {
    {{"Wax", P::input, 0, 0}, {"Waa", P::recurrent, 0, 0}, {"ba", P::bias, 0, 0}},
    {{"Wax", P::input, 0, 0}, {"Waa", P::recurrent, 0, 0}, {"ba", P::bias, 0, 0}},
    {{"Wf", P::joint, 0, 0}, {"bf", P::bias, 0, 0}, {"Wi", P::joint, 1, 1}, {"bi", P::bias, 1, 1},
     {"Wc", P::joint, 2, 2}, {"bc", P::bias, 2, 2}, {"Wo", P::joint, 3, 3}, {"bo", P::bias, 3, 3}},
    {{"Wu", P::joint, 0, 0}, {"bu", P::bias, 0, 0}, {"Wr", P::joint, 1, 1}, {"br", P::bias, 1, 1},
     {"Wc", P::joint, 2, 2}, {"bc", P::bias, 2, 2}},
    {{"Wu", P::joint, 0, 0}, {"bu", P::bias, 0, 0}, {"Wr", P::joint, 1, 1}, {"br", P::bias, 1, 1},
     {"Wc", P::joint, 3, 2}, {"bc", P::bias, 2, 2}, {"bca", P::bias, 3, 3}},
};

inline index param_columns(const ParamInfo& p, int n_x, int n_a) {
  return p.kind == P::joint ? index(n_a) + n_x : p.kind == P::recurrent ? n_a : p.kind == P::input ? n_x : 1;
}

// Points the blocks of w at the parameter's elements (C-contiguous, param_columns() wide).
template <class T>
void attach(const ParamInfo& p, T* data, int n_x, int n_a, Weights<T>& w) {
  const index ld = param_columns(p, n_x, n_a);
  if (p.kind == P::bias) w.b[p.x_block] = data;
  if (p.kind == P::joint || p.kind == P::recurrent) w.wa[p.a_block] = data, w.ld_a[p.a_block] = ld;
  if (p.kind == P::joint) w.wx[p.x_block] = data + n_a, w.ld_x[p.x_block] = ld;
  if (p.kind == P::input) w.wx[p.x_block] = data, w.ld_x[p.x_block] = ld;
}

}  // namespace bptt
