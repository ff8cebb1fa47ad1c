#include "dense.h"

#include <cmath>

#include "dispatch.h"
#include "memory.h"
#include "work.h"

namespace bptt {

namespace {

constexpr index kRows = 48;        // rows of a product handled at a time
constexpr index kChunkRows = 512;  // rows of a gradient at a time: their copies stay in cache

}  // namespace

template <class T>
void dense_forward(const T* x, const T* w, const T* b, index rows, int n_in, int n_out, T* y) {
  const Kernels<T>& k = kernels<T>();
  const Affine f{1, 0, n_in, n_out};
  const index padded = k.packed_bias_size(f), ld = n_in;
  Array<T> packed(k.packed_affine_size(f)), bias(padded);
  k.pack_affine(f, &w, &ld, &b, packed.data(), bias.data(), 0, 1);
  const int parts = parts_for(double(rows) * n_in * n_out, int((rows + kRows - 1) / kRows));
  const bool direct = padded == n_out;  // otherwise a row of y has no room for its last whole vector
  Array<T> stage(direct ? 0 : parts * kRows * padded);
  parallel(parts, [&](int i) {
    T* own = stage.data() + i * kRows * padded;
    for (index r = rows * i / parts; r < rows * (i + 1) / parts;) {
      const index n = std::min(kRows, rows * (i + 1) / parts - r);
      k.affine_rows(f, packed.data(), bias.data(), x + r * n_in, direct ? y + r * n_out : own, 0, int(n));
      for (index j = 0; j < n && !direct; ++j) std::copy_n(own + j * padded, n_out, y + (r + j) * n_out);
      r += n;
    }
  });
}

template <class T>
void dense_backward(const T* dy, const T* x, const T* w, index rows, int n_in, int n_out, T* dx, T* dw, T* db) {
  const Kernels<T>& k = kernels<T>();
  const Affine f{1, 0, n_in, n_out};
  const int L = k.vector_length, in_vecs = (n_in + L - 1) / L;
  const index most = std::min(rows, kChunkRows), columns = index(in_vecs) * L, padded = k.packed_bias_size(f);
  const index ld = n_in;
  Array<T> packed(dx ? k.packed_affine_back_size(f) : 0), copy(n_in % L ? most * columns : 0);
  Array<const T*> x_row(most);
  if (dx) k.pack_affine_back(f, &w, &ld, packed.data(), 0, 1);
  Array<T> acc(padded * columns), bias(padded);
  std::fill_n(acc.data(), acc.size(), T(0));
  std::fill_n(bias.data(), padded, T(0));
  Gradient<T> g{};
  g.n_a = n_out, g.n_a_padded = int(padded);
  g.dz_stride = L, g.dz_step = n_out;  // rows as they are
  g.segment[g.segments++] = {1u, x_row.data(), in_vecs, 0};
  g.acc = acc.data(), g.columns = columns, g.bias = bias.data();
  for (index begin = 0; begin < rows; begin += kChunkRows) {
    const index n = std::min(kChunkRows, rows - begin);
    const double work = double(n) * n_in * n_out;
    const int parts = parts_for(work, int((n + kRows - 1) / kRows));
    g.dz = dy + begin * n_out;
    g.slots = int(n);
    point_to_vectors(x + begin * n_in, n, n_in, L, copy.data(), x_row.data());
    if (dx)
      parallel(parts, [&](int i) {
        k.affine_input_gradient(f, packed.data(), g.dz, L, n_out, dx + begin * n_in, int(n * i / parts),
                                int(n * (i + 1) / parts));
      });
    const int groups = (n_out + k.gradient_rows - 1) / k.gradient_rows;
    const int by_group = std::min(parts_for(work, 1 << 10), groups);
    parallel(by_group, [&](int i) { k.gradient(g, groups * i / by_group, groups * (i + 1) / by_group, 0, 1); });
  }
  for (int u = 0; u < n_out; ++u) std::copy_n(acc.data() + u * columns, n_in, dw + index(u) * n_in);
  std::copy_n(bias.data(), n_out, db);
}

template <class T>
void softmax_cross_entropy(const T* logits, const index* id, index rows, int n, double* nats, T* dlogits) {
  const Kernels<T>& k = kernels<T>();
  const int parts = parts_for(double(rows) * n * 20, int(std::max<index>(1, rows)));  // exp: some 20
  parallel(parts, [&](int i) {
    for (index r = rows * i / parts; r < rows * (i + 1) / parts; ++r) {
      T most, sum;
      k.softmax(logits + r * n, dlogits + r * n, n, &most, &sum);
      nats[r] = std::log(double(sum)) - double(logits[r * n + id[r]] - most);
      dlogits[r * n + id[r]] -= 1;
    }
  });
}

#define BPTT_INSTANTIATE(T)                                                                   \
  template void dense_forward<T>(const T*, const T*, const T*, index, int, int, T*);          \
  template void dense_backward<T>(const T*, const T*, const T*, index, int, int, T*, T*, T*); \
  template void softmax_cross_entropy<T>(const T*, const index*, index, int, double*, T*);
BPTT_INSTANTIATE(float)
BPTT_INSTANTIATE(double)

}  // namespace bptt
