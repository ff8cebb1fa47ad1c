#include <optional>

#include "dispatch.h"
#include "engine.h"
#include "gradient.h"

namespace bptt {

namespace {

// Steps are processed backward in chunks of about this many slots: dz of a chunk is summed into the weight
// gradients while it is still in cache, and memory does not grow with T. The chunks depend on the
// shape alone, never on the threads, so the order of every sum is fixed.
constexpr index kChunkSlots = 1024;

struct Chunk {
  int s0, s1;
};
// off (steps+1): slots before each step.
std::vector<Chunk> chunks_of(const index* off, int steps) {
  std::vector<Chunk> chunks;
  for (int s1 = steps; s1 > 0;) {
    int s0 = s1 - 1;
    while (s0 > 0 && off[s1] - off[s0 - 1] <= kChunkSlots) --s0;
    chunks.push_back({s0, s1});
    s1 = s0;
  }
  return chunks;
}
index most_slots(const std::vector<Chunk>& chunks, const index* off) {
  index slots = 0;
  for (const Chunk& c : chunks) slots = std::max(slots, off[c.s1] - off[c.s0]);
  return slots;
}

template <class T>
void store_rows(const T* from, index from_stride, T* to, index to_stride, int rows, index n) {
  for (int r = 0; r < rows; ++r) std::copy_n(from + r * from_stride, n, to + r * to_stride);
}

// The rows of a part of the batch, as a batch of their own has them.
struct PartRows {
  std::vector<int> row;    // positions among the sorted rows
  std::vector<index> off;  // slots before each step
  std::vector<Chunk> chunks;

  PartRows(const Batch& b, int begin, int end) {
    for (int r = 0; r < b.m; ++r)
      if (b.row[r] >= begin && b.row[r] < end) row.push_back(r);
    off.resize((row.empty() ? 0 : b.len[row[0]]) + 1, 0);
    for (int s = 0, alive = int(row.size()); s + 1 < int(off.size()); ++s) {
      while (b.len[row[alive - 1]] <= s) --alive;
      off[s + 1] = off[s] + alive;
    }
    chunks = chunks_of(off.data(), int(off.size()) - 1);
  }
  index slots() const { return off.back(); }
};

// Slots whose dz lie side by side: those of a chunk, or those of a part in a chunk.
template <class T>
struct Slots {
  index n;
  const T* dz;
  const T* const* a_row[kMaxStages];  // what each stage multiplied
  const T* const* x_row;
  const index* token;
  const T* dx;  // (n, n_x), where it is added to the rows of a table
};

// What the backward pass of the states and of x allocates, and how the kernels' arguments point into it.
template <class T>
struct BackwardBuffers {
  const Batch b;
  const CellInfo& cell;
  const Input<T>& in;
  const int L, units, x_vecs;  // elements of a vector; vectors of n_a and of n_x
  const index padded = index(units) * L;
  const std::vector<PartRows> parts;
  const bool tokens = in.table && !parts.empty();  // the gradient of the table is computed
  const std::vector<Chunk> chunks;
  const index most = most_slots(chunks, b.off);                      // slots of a chunk
  const index dz_step = (cell.blocks + cell.per_unit) * padded + L;  // rows a power of two apart share cache sets

  Array<T> packed_x, packed_a[kMaxStages], per_unit;
  Array<T> dstate[kMaxStages], stage_da, dz, stage_rows, x_copy, dx_slots;
  Array<const T*> rows{(kMaxStages + 1) * most};
  Array<index> slot_token{tokens ? most : 0};
  Array<void*> scratch{2 * most};
  Backward<T> w{};

  BackwardBuffers(const Tape<T>& tape, Rows<const T> dy, const StateRows<const T>& dfinal, const Gradients<T>& to)
      : b(tape.plan.batch()),
        cell(info(b.cell)),
        in(tape.in),
        L(kernels<T>().vector_length),
        units(b.units),
        x_vecs((b.n_x + L - 1) / L),
        parts(parts_of(b, to)),
        // Several parts have chunks of their own, collected from the slots of all steps.
        chunks(parts.size() > 1 && b.steps ? std::vector<Chunk>{{0, b.steps}} : chunks_of(b.off, b.steps)) {
    pack(tape.weights, to.dx.data || tokens);
    const index state = index(b.m) * b.n_a_padded;
    const bool need_x = any_part([&](const PartRows& p) { return !by_token(p); });
    dz = Array<T>(most * dz_step);
    if (cell.stages > 1) stage_da = Array<T>(state), stage_rows = Array<T>(most * b.n_a_padded);
    if (need_x && b.n_x % L != 0) x_copy = Array<T>(most * x_vecs * L);
    if (any_part([&](const PartRows& p) { return by_row(p); })) dx_slots = Array<T>(most * b.n_x);

    w.batch = b, w.in = in, w.st = tape.states();
    w.dy = dy, w.dx = to.dx, w.dx_slots = dx_slots.data();
    w.packed_x = packed_x.data(), w.per_unit = per_unit.data();
    for (int i = 0; i < cell.stages; ++i) w.packed_a[i] = packed_a[i].data(), w.a_row[i] = rows.data() + i * most;
    for (int i = 0; i < cell.n_states; ++i) {
      dstate[i] = Array<T>(state);
      w.dstate[i] = dstate[i].data();
      load_state(b, dfinal.of[i], w.dstate[i]);
    }
    w.stage_da = stage_da.data(), w.stage_rows = stage_rows.data();
    w.dz = dz.data(), w.dz_step = dz_step;
    w.x_row = need_x ? rows.data() + kMaxStages * most : nullptr;
    w.x_copy = x_copy.data();
  }

  // How the gradient of a table is computed: of dz summed by token first, or added to the table's rows.
  bool by_token(const PartRows& p) const { return tokens && in.n_tokens < p.slots(); }
  bool by_row(const PartRows& p) const { return tokens && !by_token(p); }

  double work(index slots) const { return double(slots) * cell.blocks * b.n_a * (double(b.n_x) + b.n_a); }

  Slots<T> slots_of(const Chunk& c) const {
    Slots<T> all{b.off[c.s1] - b.off[c.s0], dz.data(), {}, w.x_row, slot_token.data(), dx_slots.data()};
    for (int i = 0; i < cell.stages; ++i) all.a_row[i] = w.a_row[i];
    return all;
  }

 private:
  static std::vector<PartRows> parts_of(const Batch& b, const Gradients<T>& to) {
    std::vector<PartRows> parts;
    int begin = 0;
    for (const auto& part : to.parts) parts.emplace_back(b, begin, begin + part.rows), begin += part.rows;
    return parts;
  }
  template <class F>
  bool any_part(F f) const {
    return std::any_of(parts.begin(), parts.end(), f);
  }
  void pack(const Weights<const T>& weights, bool need_x) {
    const Kernels<T>& k = kernels<T>();
    const Affine f = input_projection(b);
    if (need_x) packed_x = Array<T>(k.packed_affine_back_size(f));
    T* to[kMaxStages] = {};
    for (int i = 0; i < cell.stages; ++i)
      packed_a[i] = Array<T>(k.packed_a_back_size(b.cell, b.n_a, i)), to[i] = packed_a[i].data();
    const int parts = parts_for(double(packed_x.size() + packed_a[0].size()) * kPackCost, 1 << 10);
    parallel(parts, [&](int i) {
      if (need_x) k.pack_affine_back(f, weights.wx, weights.ld_x, packed_x.data(), i, parts);
      k.pack_a_back(b.cell, b.n_a, weights, to, i, parts);
    });
    per_unit = padded_per_unit(b, weights);
  }
};

// The backward pass of the steps of a chunk: dz of its slots, and the gradients of states and of x.
template <class T>
void walk_back(const Chunk& c, BackwardBuffers<T>& buffers, Watch& watch) {
  const Kernels<T>& k = kernels<T>();
  const Batch& b = buffers.b;
  Backward<T>& w = buffers.w;
  w.s0 = c.s0, w.s1 = c.s1;
  const double work = buffers.work(b.off[c.s1] - b.off[c.s0]);
  const int parts = parts_for(work, b.active[c.s0]);
  in_pieces(c.s1 - c.s0, 1, work, parts, watch, [&](index from, index to) {  // counted from the last step
    w.begin = c.s1 - int(to), w.end = c.s1 - int(from);
    const std::vector<int> begin = split_rows(b, w.begin, w.end, parts);
    std::vector<index> before(parts + 1, 0);  // slots of the parts before: where each one's scratch is
    for (int i = 0; i < parts; ++i) {
      before[i + 1] = before[i];
      for (int r = begin[i]; r < begin[i + 1]; ++r) before[i + 1] += std::min(b.len[r], w.end) - w.begin;
    }
    parallel(parts, [&](int i) { k.backward(w, begin[i], begin[i + 1], buffers.scratch.data() + 2 * before[i]); });
  });
  if (buffers.tokens)
    for (int s = c.s0; s < c.s1; ++s)
      for (int r = 0; r < b.active[s]; ++r)
        buffers.slot_token.data()[b.off[s] - b.off[c.s0] + r] = *buffers.in.token.at(b.row[r], b.time(r, s));
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

}  // namespace

template <class T>
void backward(const Tape<T>& tape, Rows<const T> dy, const StateRows<const T>& dfinal, const Gradients<T>& to,
              Watch watch) {
  BackwardBuffers<T> buffers(tape, dy, dfinal, to);
  const Batch& b = buffers.b;
  std::optional<PartSums<T>> whole;
  if (to.parts.size() == 1) whole.emplace(buffers, buffers.parts[0], to.parts[0]);
  for (const Chunk& c : buffers.chunks) {
    if (c.s1 < b.steps) watch();
    walk_back(c, buffers, watch);
    if (whole) whole->add(buffers.slots_of(c), watch);
  }
  if (whole) whole->finish(watch);
  if (to.parts.size() > 1) sum_each_part(buffers, to, watch);

  for (int i = 0; i < buffers.cell.n_states; ++i)
    for (int r = 0; r < b.m; ++r)
      if (to.dstate0.of[i].data)
        std::copy_n(buffers.dstate[i].data() + r * index(b.n_a_padded), b.n_a, to.dstate0.of[i].at(b.row[r], 0));
  if (to.dx.data) zero_padding(b, tape.plan.T, to.dx, b.n_x);
}

template void backward<float>(const Tape<float>&, Rows<const float>, const StateRows<const float>&,
                              const Gradients<float>&, Watch);
template void backward<double>(const Tape<double>&, Rows<const double>, const StateRows<const double>&,
                               const Gradients<double>&, Watch);

}  // namespace bptt
