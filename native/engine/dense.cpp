#include "dense.h"

#include <cmath>

#include "gradient.h"

namespace bptt {

namespace {

constexpr index kRows = 48;        // rows of a product handled at a time
constexpr index kChunkRows = 512;  // rows of a gradient at a time: their copies stay in cache

Affine dense_map(int n_in, int n_out, int L) { return {1, 0, n_in, n_out, (n_out + L - 1) / L * L}; }

}  // namespace

template <class T>
void dense_forward(const T* x, const T* w, const T* b, index rows, int n_in, int n_out, T* y, Watch watch) {
  const Kernels<T>& k = kernels<T>();
  const Affine f = dense_map(n_in, n_out, k.vector_length);
  const index padded = f.n_out_padded, ld = n_in;
  Array<T> packed(k.packed_affine_size(f)), bias(padded);
  k.pack_affine(f, &w, &ld, &b, packed.data(), bias.data(), 0, 1);
  const double work = double(rows) * n_in * n_out;
  const int parts = parts_for(work, int(std::min<index>((rows + kRows - 1) / kRows, 1 << 16)));
  const bool direct = padded == n_out;  // otherwise a row of y has no room for its last whole vector
  Array<T> stage(direct ? 0 : parts * kRows * padded);
  in_pieces(rows, 1, work, parts, watch, [&](index first, index last) {
    parallel(parts, [&](int i) {
      T* own = stage.data() + i * kRows * padded;
      const index end = first + (last - first) * (i + 1) / parts;
      for (index r = first + (last - first) * i / parts; r < end;) {
        const index n = std::min(kRows, end - r);
        k.affine_rows(f, packed.data(), bias.data(), x + r * n_in, direct ? y + r * n_out : own, 0, int(n));
        for (index j = 0; j < n && !direct; ++j) std::copy_n(own + j * padded, n_out, y + (r + j) * n_out);
        r += n;
      }
    });
  });
}

template <class T>
void dense_backward(const T* dy, const T* x, const T* w, int n_in, int n_out, T* dx,
                    const std::vector<DensePart<T>>& part, Watch watch) {
  const Kernels<T>& k = kernels<T>();
  const Affine f = dense_map(n_in, n_out, k.vector_length);
  const int L = k.vector_length, in_vecs = (n_in + L - 1) / L;
  index most = 0;
  for (const DensePart<T>& p : part) most = std::max(most, std::min(p.rows, kChunkRows));
  const index columns = index(in_vecs) * L, padded = f.n_out_padded, ld = n_in;
  Array<T> packed(dx ? k.packed_affine_back_size(f) : 0), copy(n_in % L ? most * columns : 0);
  Array<const T*> x_row(most);
  if (dx) k.pack_affine_back(f, &w, &ld, packed.data(), 0, 1);
  Array<T> acc(padded * columns), bias(padded);
  Gradient<T> g{};
  g.n_a = n_out, g.n_a_padded = int(padded);
  g.dz_step = n_out;  // rows as they are
  g.segment[g.segments++] = {1u, x_row.data(), in_vecs, 0};
  g.acc = acc.data(), g.columns = columns, g.bias = bias.data();
  GradientJob<T> job(g, double(most) * n_in * n_out);
  for (const DensePart<T>& p : part) {
    if (p.rows == 0) std::fill_n(acc.data(), acc.size(), T(0));
    std::fill_n(bias.data(), padded, T(0));
    for (index begin = 0; begin < p.rows; begin += kChunkRows) {
      if (begin) watch();
      const index n = std::min(kChunkRows, p.rows - begin);
      const double work = double(n) * n_in * n_out;
      const int parts = parts_for(work, int((n + kRows - 1) / kRows));
      g.dz = dy + begin * n_out;
      g.slots = int(n);
      if (dx)
        in_pieces(n, 1, work, parts, watch, [&](index r0, index r1) {
          parallel(parts, [&](int i) {
            k.affine_input_gradient(f, packed.data(), g.dz, n_out, dx + begin * n_in,
                                    int(r0 + (r1 - r0) * i / parts), int(r0 + (r1 - r0) * (i + 1) / parts));
          });
        });
      if (!p.dw) continue;
      point_to_vectors(x + begin * n_in, n, n_in, L, copy.data(), x_row.data());
      g.first = begin == 0;
      job.run(g, int(padded) / L, work, watch);
    }
    for (int u = 0; p.dw && u < n_out; ++u) std::copy_n(acc.data() + u * columns, n_in, p.dw + index(u) * n_in);
    if (p.db) std::copy_n(bias.data(), n_out, p.db);
    dy += p.rows * n_out, x += p.rows * n_in;
    if (dx) dx += p.rows * n_in;
  }
}

template <class T>
void softmax_cross_entropy(const T* logits, const index* id, index rows, int n, double* nats, T* dlogits,
                           Watch watch) {
  const Kernels<T>& k = kernels<T>();
  const double work = double(rows) * n * 20;  // exp: some 20
  const int parts = parts_for(work, int(std::clamp<index>(rows, 1, 1 << 16)));
  in_pieces(rows, 1, work, parts, watch, [&](index first, index last) {
    parallel(parts, [&](int i) {
      const index end = first + (last - first) * (i + 1) / parts;
      for (index r = first + (last - first) * i / parts; r < end; ++r) {
        T most, sum;
        k.softmax(logits + r * n, dlogits + r * n, n, &most, &sum);
        nats[r] = std::log(double(sum)) - double(logits[r * n + id[r]] - most);
        dlogits[r * n + id[r]] -= 1;
      }
    });
  });
}

#define BPTT_INSTANTIATE(T)                                                                                     \
  template void dense_forward<T>(const T*, const T*, const T*, index, int, int, T*, Watch);                     \
  template void dense_backward<T>(const T*, const T*, const T*, int, int, T*, const std::vector<DensePart<T>>&, \
                                  Watch);                                                                       \
  template void softmax_cross_entropy<T>(const T*, const index*, index, int, double*, T*, Watch);
BPTT_INSTANTIATE(float)
BPTT_INSTANTIATE(double)

}  // namespace bptt
