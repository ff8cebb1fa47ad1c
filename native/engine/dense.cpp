#include "dense.h"

#include <cmath>

#include "dispatch.h"
#include "memory.h"
#include "work.h"

namespace bptt {

namespace {

constexpr index kRows = 48;  // rows of a product handled at a time
constexpr index kChunkRows = 512;  // rows of a gradient at a time: their copies stay in cache
constexpr Cell kPlain = Cell::rnn;  // one block of units with input weights: here without the recurrent ones

template <class T>
Weights<const T> plain_weights(const T* w, const T* b, int n_in) {
  Weights<const T> weights{};
  weights.wx[0] = w, weights.ld_x[0] = n_in, weights.b[0] = b;
  return weights;
}

}  // namespace

template <class T>
void dense_forward(const T* x, const T* w, const T* b, index rows, int n_in, int n_out, T* y) {
  const Kernels<T>& k = kernels<T>();
  const index nap = (n_out + k.vector_length - 1) / k.vector_length * k.vector_length;
  Array<T> packed(k.packed_x_size(kPlain, n_in, n_out)), bias(k.packed_bias_size(kPlain, n_out));
  T* const none[2] = {nullptr, nullptr};
  k.pack_forward(kPlain, n_in, n_out, plain_weights(w, b, n_in), packed.data(), bias.data(), none, 0, 1);
  const int parts = parts_for(double(rows) * n_in * n_out, int((rows + kRows - 1) / kRows));
  const bool direct = nap == n_out;  // otherwise a row of y has no room for its last whole vector
  Array<T> stage(direct ? 0 : parts * kRows * nap);
  parallel(parts, [&](int i) {
    T* own = stage.data() + i * kRows * nap;
    for (index r = rows * i / parts; r < rows * (i + 1) / parts;) {
      const index n = std::min(kRows, rows * (i + 1) / parts - r);
      k.project_table(kPlain, n_in, n_out, packed.data(), bias.data(), x + r * n_in,
                      direct ? y + r * n_out : own, 0, int(n));
      for (index j = 0; j < n && !direct; ++j) std::copy_n(own + j * nap, n_out, y + (r + j) * n_out);
      r += n;
    }
  });
}

template <class T>
void dense_backward(const T* dy, const T* x, const T* w, index rows, int n_in, int n_out, T* dx, T* dw,
                    T* db) {
  const Kernels<T>& k = kernels<T>();
  const int L = k.vector_length, in_vecs = (n_in + L - 1) / L, out_vecs = (n_out + L - 1) / L;
  const index stride = (std::min(rows, kChunkRows) | 1) * L;  // odd: columns spread over cache sets
  Array<T> packed(k.packed_back_x_size(kPlain, n_in, n_out));
  T* const none[2] = {nullptr, nullptr};
  k.pack_backward(kPlain, n_in, n_out, plain_weights<T>(w, nullptr, n_in), packed.data(), none, 0, 1);
  Array<T> dz(out_vecs * stride), p(in_vecs * stride);  // vector-major: see Backward in problem.h
  const index columns = index(in_vecs) * L, nap = index(out_vecs) * L;
  Array<T> acc(nap + nap * columns), bias(nap);  // the kernel puts x behind nap recurrent columns: none here
  std::fill_n(acc.data(), acc.size(), T(0));
  std::fill_n(bias.data(), nap, T(0));
  Gradient<T> g{};
  g.cell = kPlain, g.n_a = n_out, g.nap = int(nap);
  g.dz = dz.data(), g.dz_stride = stride;
  g.p = p.data(), g.p_stride = stride, g.p_x = 0, g.x_vecs = in_vecs;
  g.acc = acc.data(), g.columns = columns, g.bias = bias.data();
  for (index begin = 0; begin < rows; begin += kChunkRows) {
    const index n = std::min(kChunkRows, rows - begin);
    const double work = double(n) * n_in * n_out;
    const int parts = parts_for(work, int((n + kRows - 1) / kRows));
    parallel(parts, [&](int i) {
      const int r0 = int(n * i / parts), r1 = int(n * (i + 1) / parts);
      k.table_columns(n_out, dy + begin * n_out, dz.data(), stride, r0, r1);
      k.table_columns(n_in, x + begin * n_in, p.data(), stride, r0, r1);
      k.table_gradient(kPlain, n_in, n_out, packed.data(), dz.data(), stride, dx + begin * n_in, r0, r1);
    });
    g.slots = int(n);
    const int by_unit = std::min(parts_for(work, 1 << 10), out_vecs);
    parallel(by_unit, [&](int i) {
      k.gradient(g, out_vecs * i / by_unit, out_vecs * (i + 1) / by_unit, 0, 1);
    });
  }
  for (int u = 0; u < n_out; ++u) std::copy_n(acc.data() + nap + u * columns, n_in, dw + index(u) * n_in);
  std::copy_n(bias.data(), n_out, db);
}

template <class T>
void softmax_cross_entropy(const T* z, const index* label, index rows, int n, double* nats, T* dz) {
  const Kernels<T>& k = kernels<T>();
  const int parts = parts_for(double(rows) * n * 20, int(std::max<index>(1, rows)));  // exp: some 20
  parallel(parts, [&](int i) {
    for (index r = rows * i / parts; r < rows * (i + 1) / parts; ++r) {
      T most, sum;
      k.softmax(z + r * n, dz + r * n, n, &most, &sum);
      nats[r] = std::log(double(sum)) - double(z[r * n + label[r]] - most);
      dz[r * n + label[r]] -= 1;
    }
  });
}

#define BPTT_INSTANTIATE(T)                                                                          \
  template void dense_forward<T>(const T*, const T*, const T*, index, int, int, T*);                 \
  template void dense_backward<T>(const T*, const T*, const T*, index, int, int, T*, T*, T*);        \
  template void softmax_cross_entropy<T>(const T*, const index*, index, int, double*, T*);
BPTT_INSTANTIATE(float)
BPTT_INSTANTIATE(double)

}  // namespace bptt
