// The output layer and its loss, over plain rows: what is not recurrent but belongs in the same pool of
// threads. The bits of a row depend neither on the other rows nor on the number of threads.
#pragma once
#include <vector>

#include "../kernels/problem.h"
#include "watch.h"

namespace bptt {

// y (rows, n_out) = x (rows, n_in) @ w (n_out, n_in).T + b (n_out). All contiguous, none aliased.
template <class T>
void dense_forward(const T* x, const T* w, const T* b, index rows, int n_in, int n_out, T* y, Watch watch = {});

// The gradients of some rows: dw (n_out, n_in) = dy.T @ x, db (n_out) = sum of dy.
template <class T>
struct DensePart {
  index rows;
  T *dw, *db;  // may be nullptr: they are then not computed
};

// dx (rows, n_in) = dy @ w, which may be nullptr: it is then not computed. `parts` follow one another and have
// all rows.
template <class T>
void dense_backward(const T* dy, const T* x, const T* w, int n_in, int n_out, T* dx,
                    const std::vector<DensePart<T>>& parts, Watch watch = {});

// nats (rows): -log softmax(logits)[id]; dlogits (rows, n) = softmax(logits) - onehot(id). Ids are 0 .. n-1.
template <class T>
void softmax_cross_entropy(const T* logits, const index* id, index rows, int n, double* nats, T* dlogits,
                           Watch watch = {});

}  // namespace bptt
