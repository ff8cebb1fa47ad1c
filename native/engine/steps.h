// Sums and maxima over the time steps of each sequence. The bits of a sequence depend neither on the other
// sequences nor on the number of threads, and steps taken one at a time give those of all at once.
#pragma once
#include "../kernels/problem.h"
#include "watch.h"

namespace bptt {

// sum (m, n) = total (m, n) + x<0> + x<1> + ... in this order, in float64. x (m, T, n); lengths (m) in 0 .. T.
template <class T>
void add_steps(Rows<const T> x, const index* lengths, index m, index n, const double* total, double* sum,
               Watch watch = {});

// most (m, n) = the maximum of top (m, n) and the steps; NaN where one of them is. at (m, n): the first that
// is it, 0 for top, 1 + t for step t.
template <class T>
void max_steps(Rows<const T> x, const index* lengths, index m, index n, const T* top, T* most, index* at,
               Watch watch = {});

}  // namespace bptt
