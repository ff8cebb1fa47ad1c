// The second half of a backward pass: the weight gradients of each part of a batch, from dz of its slots.
#pragma once
#include "backward_walk.h"
#include "gradient.h"

namespace bptt {

template <class T>
void store_rows(const T* from, index from_stride, T* to, index to_stride, int rows, index n) {
  for (int r = 0; r < rows; ++r) std::copy_n(from + r * from_stride, n, to + r * to_stride);
}

// The weight gradients of one part: sums over its slots, chunk by chunk. Their order depends on the rows of the
// part alone.
template <class T>
class PartSums {
 public:
  PartSums(const BackwardBuffers<T>& buffers, const PartRows& rows, const typename Gradients<T>::Part& to)
      : buffers_(buffers),
        to_(to),
        by_token_(buffers.by_token(rows)),
        by_row_(buffers.by_row(rows)),
        columns_(buffers.padded + index(buffers.x_vecs) * buffers.L),
        acc_(buffers.cell.blocks * buffers.padded * columns_),
        bias_(zeros((buffers.cell.blocks + buffers.cell.per_unit) * buffers.padded)),
        token_dz_(zeros(by_token_ ? buffers.in.n_tokens * buffers.cell.x_blocks * buffers.padded : 0)),
        g_(gradient()),
        job_(g_, buffers.work(rows.slots())) {
    if (buffers.tokens) std::fill_n(to.dtable, buffers.in.n_tokens * buffers.b.n_x, T(0));
  }

  void add(const Slots<T>& of, Watch& watch) {
    const int n_x = buffers_.b.n_x;
    for (index i = 0; by_row_ && i < of.n; ++i) {
      T* sum = to_.dtable + of.token[i] * n_x;
      for (int j = 0; j < n_x; ++j) sum[j] += of.dx[i * n_x + j];
    }
    for (int i = 0; i < buffers_.cell.stages; ++i) g_.segment[i].row = of.a_row[i];
    if (!by_token_) g_.segment[buffers_.cell.stages].row = of.x_row;
    g_.dz = of.dz, g_.slots = int(of.n), g_.slot_token = by_token_ ? of.token : nullptr;
    const CellInfo& cell = buffers_.cell;
    job_.run(g_, (cell.blocks + cell.per_unit) * buffers_.units, buffers_.work(of.n), watch);
    g_.first = false;
  }

  // Writes the sums to the caller's arrays.
  void finish(Watch& watch) {
    if (g_.first) std::fill_n(acc_.data(), acc_.size(), T(0));
    if (by_token_) add_tokens(watch);
    const Weights<T>& g = to_.weights;
    const CellInfo& cell = buffers_.cell;
    const int n_a = buffers_.b.n_a;
    const index padded = buffers_.padded;
    for (int i = 0; i < cell.blocks; ++i) {
      const T* sums = acc_.data() + i * padded * columns_;  // (n_a, columns): a_prev's, then x's
      if (g.wa[i]) store_rows(sums, columns_, g.wa[i], g.ld_a[i], n_a, n_a);
      if (g.wx[i]) store_rows(sums + padded, columns_, g.wx[i], g.ld_x[i], n_a, buffers_.b.n_x);
      if (g.b[i]) std::copy_n(bias_.data() + i * padded, n_a, g.b[i]);
    }
    for (int i = 0; i < cell.per_unit; ++i)
      if (g.per_unit[i]) std::copy_n(bias_.data() + (cell.blocks + i) * padded, n_a, g.per_unit[i]);
  }

 private:
  static Array<T> zeros(index n) {
    Array<T> z(n);
    std::fill_n(z.data(), n, T(0));
    return z;
  }

  Gradient<T> gradient() const {
    const CellInfo& cell = buffers_.cell;
    Gradient<T> g{};
    g.n_a = buffers_.b.n_a, g.n_a_padded = int(buffers_.padded);
    g.dz_step = buffers_.dz_step;
    for (int stage = 0; stage < cell.stages; ++stage) {
      unsigned blocks = 0;
      for (int i = 0; i < cell.rec_count[stage]; ++i) blocks |= 1u << cell.rec[stage][i];
      g.segment[g.segments++] = {blocks, nullptr, buffers_.units, 0};
    }
    if (!by_token_) g.segment[g.segments++] = x_segment(nullptr);
    g.first = true, g.acc = acc_.data(), g.columns = columns_, g.bias = bias_.data();
    g.token_dz = token_dz_.data(), g.token_vectors = cell.x_blocks * buffers_.units;
    return g;
  }
  typename Gradient<T>::Segment x_segment(const T* const* row) const {
    return {(1u << buffers_.cell.x_blocks) - 1, row, buffers_.x_vecs, int(buffers_.padded)};
  }

  // What the sums of dz by token give: the gradient of the table and that of the input weights, as if each
  // token were one slot.
  void add_tokens(Watch& watch) {
    const Kernels<T>& k = kernels<T>();
    const Batch& b = buffers_.b;
    const int n = int(buffers_.in.n_tokens), L = buffers_.L;
    Array<T> copy(b.n_x % L ? index(n) * buffers_.x_vecs * L : 0);
    Array<const T*> row(n);
    point_to_vectors(buffers_.in.table, n, b.n_x, L, copy.data(), row.data());
    const double work = double(n) * b.n_x * b.n_a * buffers_.cell.x_blocks;
    const int parts = parts_for(work, n);
    Gradient<T> g = g_;
    g.first = true, g.dz = token_dz_.data(), g.dz_step = g.token_vectors * L;
    in_pieces(n, 1, work, parts, watch, [&](index t0, index t1) {
      parallel(parts, [&](int i) {
        k.affine_input_gradient(input_projection(b), buffers_.packed_x.data(), g.dz, g.dz_step, to_.dtable,
                                int(t0 + (t1 - t0) * i / parts), int(t0 + (t1 - t0) * (i + 1) / parts));
      });
    });
    g.segments = 1, g.segment[0] = x_segment(row.data());
    g.slots = n, g.bias = nullptr, g.slot_token = nullptr;
    GradientJob<T>(g, work).run(g, g.token_vectors, work, watch);
  }

  const BackwardBuffers<T>& buffers_;
  const typename Gradients<T>::Part& to_;
  const bool by_token_, by_row_;
  const index columns_;
  const Array<T> acc_, bias_, token_dz_;
  Gradient<T> g_;
  GradientJob<T> job_;
};

// Copies of the slots of one part in one of its chunks, side by side. They cost 4 % of a backward pass of 64 rows.
template <class T>
class Collected {
 public:
  Collected(const BackwardBuffers<T>& buffers, index most)
      : buffers_(buffers),
        most_(most),
        dz_(most * buffers.dz_step),
        dx_(buffers.dx_slots.data() ? most * buffers.b.n_x : 0),
        row_((kMaxStages + 1) * most),
        token_(buffers.tokens ? most : 0) {}

  Slots<T> slots(const PartRows& rows, const Chunk& c) {
    const index n = rows.off[c.s1] - rows.off[c.s0];
    const double elements = double(n) * double(buffers_.dz_step);
    const int parts = parts_for(elements * kFillCost, c.s1 - c.s0);
    parallel(parts, [&](int i) {
      const int s0 = c.s0 + (c.s1 - c.s0) * i / parts, s1 = c.s0 + (c.s1 - c.s0) * (i + 1) / parts;
      for (int s = s0; s < s1; ++s)
        for (index k = rows.off[s]; k < rows.off[s + 1]; ++k)
          copy(buffers_.b.off[s] + rows.row[k - rows.off[s]], k - rows.off[c.s0]);
    });
    Slots<T> all{n, dz_.data(), {}, row_.data() + kMaxStages * most_, token_.data(), dx_.data()};
    for (int i = 0; i < buffers_.cell.stages; ++i) all.a_row[i] = row_.data() + i * most_;
    return all;
  }

 private:
  void copy(index from, index to) {
    const BackwardBuffers<T>& all = buffers_;
    std::copy_n(all.dz.data() + from * all.dz_step, all.dz_step, dz_.data() + to * all.dz_step);
    for (int i = 0; i < all.cell.stages; ++i) row_.data()[i * most_ + to] = all.w.a_row[i][from];
    if (all.w.x_row) row_.data()[kMaxStages * most_ + to] = all.w.x_row[from];
    if (all.tokens) token_.data()[to] = all.slot_token.data()[from];
    if (all.dx_slots.data())
      std::copy_n(all.dx_slots.data() + from * all.b.n_x, all.b.n_x, dx_.data() + to * all.b.n_x);
  }

  const BackwardBuffers<T>& buffers_;
  const index most_;
  const Array<T> dz_, dx_;
  const Array<const T*> row_;
  const Array<index> token_;
};

template <class T>
void sum_each_part(const BackwardBuffers<T>& buffers, const Gradients<T>& to, Watch& watch) {
  index most = 0;
  for (const PartRows& rows : buffers.parts) most = std::max(most, most_slots(rows.chunks, rows.off.data()));
  Collected<T> collected(buffers, most);
  for (std::size_t i = 0; i < to.parts.size(); ++i) {
    PartSums<T> sums(buffers, buffers.parts[i], to.parts[i]);
    for (const Chunk& c : buffers.parts[i].chunks) {
      watch();
      sums.add(collected.slots(buffers.parts[i], c), watch);
    }
    sums.finish(watch);
  }
}

}  // namespace bptt
