// The activations of variants by name: those of bptt.equations.nonlinearities that the kernels have.
#pragma once
#include <cmath>

#include "../kernels/problem.h"

namespace bptt {

struct ActivationRow {
  const char* name;
  Activation of;  // alpha and beta are the caller's where the activation has them
  int values;     // how many of them it has
};

inline const ActivationRow kActivations[] = {
    {"sigmoid", {Activation::sigmoid}, 0},
    {"tanh", {Activation::tanh}, 0},
    {"relu", {Activation::line, 1, 0, 0, NAN}, 0},
    {"hard_sigmoid", {Activation::line, 0, 0, 0, 1}, 2},
    {"linear", {Activation::line, 0, 0, NAN, NAN}, 2},
};

}  // namespace bptt
