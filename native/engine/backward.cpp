#include <cstring>

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
std::vector<Chunk> chunks_of(const Batch& b) {
  std::vector<Chunk> chunks;
  for (int s1 = b.steps; s1 > 0;) {
    int s0 = s1 - 1;
    while (s0 > 0 && b.off[s1] - b.off[s0 - 1] <= kChunkSlots) --s0;
    chunks.push_back({s0, s1});
    s1 = s0;
  }
  return chunks;
}

template <class T>
void store_rows(const T* from, index from_stride, T* to, index to_stride, int rows, index n) {
  for (int r = 0; r < rows; ++r) std::copy_n(from + r * from_stride, n, to + r * to_stride);
}

// What a backward pass allocates, and how the kernels' arguments point into it.
template <class T>
struct BackwardBuffers {
  const Batch b;
  const CellInfo& cell;
  const Input<T>& in;
  const int L, units, x_vecs;  // elements of a vector; vectors of n_a and of n_x
  const index padded = index(units) * L;
  const bool tokens = in.table != nullptr;
  const bool by_token = tokens && in.n_tokens < b.slots();  // dz is summed by token first
  const bool by_row = tokens && !by_token;                  // the gradient of x is added to the table's rows
  const bool copy_x = !by_token && b.n_x % L != 0;
  const std::vector<Chunk> chunks = chunks_of(b);
  const index most = most_slots();                                   // slots of a chunk
  const index dz_step = (cell.blocks + cell.per_unit) * padded + L;  // rows a power of two apart share cache sets
  const index columns = padded + index(x_vecs) * L;

  Array<T> packed_x, packed_a[kMaxStages], per_unit;
  Array<T> dstate[kMaxStages], stage_da, dz, stage_rows, x_copy, dx_slots, acc, bias, token_dz;
  Array<const T*> rows{(kMaxStages + 1) * most};
  Array<index> slot_token{tokens ? most : 0};
  Array<void*> scratch{2 * most};
  Backward<T> w{};
  Gradient<T> g{};

  BackwardBuffers(const Tape<T>& tape, Rows<const T> dy, const StateRows<const T>& dfinal, const Gradients<T>& to)
      : b(tape.plan.batch()),
        cell(info(b.cell)),
        in(tape.in),
        L(kernels<T>().vector_length),
        units(b.units),
        x_vecs((b.n_x + L - 1) / L) {
    pack(tape.weights, to.dx.data || tokens);
    const index state = index(b.m) * b.n_a_padded;
    dz = Array<T>(most * dz_step);
    if (cell.stages > 1) stage_da = Array<T>(state), stage_rows = Array<T>(most * b.n_a_padded);
    if (copy_x) x_copy = Array<T>(most * x_vecs * L);
    if (by_row) dx_slots = Array<T>(most * b.n_x);
    acc = Array<T>(cell.blocks * padded * columns);
    if (chunks.empty()) std::fill_n(acc.data(), acc.size(), T(0));
    bias = zeros((cell.blocks + cell.per_unit) * padded);
    if (by_token) token_dz = zeros(in.n_tokens * cell.x_blocks * padded);

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
    w.x_row = by_token ? nullptr : rows.data() + kMaxStages * most;
    w.x_copy = x_copy.data();

    g.n_a = b.n_a, g.n_a_padded = int(padded);
    g.dz = dz.data(), g.dz_step = dz_step;
    for (int i = 0; i < cell.stages; ++i) add_segment(blocks_of_stage(i), w.a_row[i], units, 0);
    if (w.x_row) add_segment((1u << cell.x_blocks) - 1, w.x_row, x_vecs, int(padded));
    g.first = true, g.acc = acc.data(), g.columns = columns, g.bias = bias.data();
    g.slot_token = by_token ? slot_token.data() : nullptr;
    g.token_dz = token_dz.data(), g.token_vectors = cell.x_blocks * units;
  }

  int vectors() const { return (cell.blocks + cell.per_unit) * units; }

  void add_segment(unsigned blocks, const T* const* row, int vecs, int column) {
    g.segment[g.segments++] = {blocks, row, vecs, column};
  }

  // Where the sums of block `block` are: (n_a, columns), a_prev's columns, then x's.
  const T* sums(int block) const { return acc.data() + index(block) * padded * columns; }

 private:
  index most_slots() const {
    index slots = 0;
    for (const Chunk& c : chunks) slots = std::max(slots, b.off[c.s1] - b.off[c.s0]);
    return slots;
  }
  unsigned blocks_of_stage(int stage) const {
    unsigned blocks = 0;
    for (int i = 0; i < cell.rec_count[stage]; ++i) blocks |= 1u << cell.rec[stage][i];
    return blocks;
  }
  static Array<T> zeros(index n) {
    Array<T> z(n);
    std::fill_n(z.data(), n, T(0));
    return z;
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

// The backward pass of the steps of a chunk, its slots added to the weight gradients.
template <class T>
void walk_back(const Chunk& c, BackwardBuffers<T>& buffers, GradientJob<T>& job, T* dtable, Watch& watch) {
  const Kernels<T>& k = kernels<T>();
  const Batch& b = buffers.b;
  Backward<T>& w = buffers.w;
  w.s0 = c.s0, w.s1 = c.s1;
  const index slots = b.off[c.s1] - b.off[c.s0];
  const double work = double(slots) * buffers.cell.blocks * b.n_a * (double(b.n_x) + b.n_a);
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
  index* token = buffers.slot_token.data();
  if (buffers.tokens)
    for (int s = c.s0; s < c.s1; ++s)
      for (int r = 0; r < b.active[s]; ++r)
        token[b.off[s] - b.off[c.s0] + r] = *buffers.in.token.at(b.row[r], b.time(r, s));
  if (buffers.by_row)
    for (index i = 0; i < slots; ++i) {
      T* to = dtable + token[i] * b.n_x;
      for (int j = 0; j < b.n_x; ++j) to[j] += buffers.dx_slots.data()[i * b.n_x + j];
    }
  buffers.g.slots = int(slots);
  job.run(buffers.g, buffers.vectors(), work, watch);
  buffers.g.first = false;
}

// What the sums of dz by token give: the gradient of the table and that of the input weights, as if each
// token were one slot.
template <class T>
void add_tokens(BackwardBuffers<T>& buffers, T* dtable, Watch& watch) {
  const Kernels<T>& k = kernels<T>();
  const Batch& b = buffers.b;
  const int n = int(buffers.in.n_tokens), L = buffers.L;
  Array<T> copy(b.n_x % L ? index(n) * buffers.x_vecs * L : 0);
  Array<const T*> row(n);
  point_to_vectors(buffers.in.table, n, b.n_x, L, copy.data(), row.data());
  const double work = double(n) * b.n_x * b.n_a * buffers.cell.x_blocks;
  const int parts = parts_for(work, n);
  Gradient<T>& g = buffers.g;
  in_pieces(n, 1, work, parts, watch, [&](index t0, index t1) {
    parallel(parts, [&](int i) {
      k.affine_input_gradient(input_projection(b), buffers.packed_x.data(), buffers.token_dz.data(),
                              g.token_vectors * L, dtable, int(t0 + (t1 - t0) * i / parts),
                              int(t0 + (t1 - t0) * (i + 1) / parts));
    });
  });
  g.first = true, g.dz = buffers.token_dz.data(), g.dz_step = g.token_vectors * L;
  g.segments = 0;
  buffers.add_segment((1u << buffers.cell.x_blocks) - 1, row.data(), buffers.x_vecs, int(buffers.padded));
  g.slots = n, g.bias = nullptr, g.slot_token = nullptr;
  GradientJob<T>(g, work).run(g, g.token_vectors, work, watch);
}

}  // namespace

template <class T>
void backward(const Tape<T>& tape, Rows<const T> dy, const StateRows<const T>& dfinal, const Gradients<T>& to,
              Watch watch) {
  BackwardBuffers<T> buffers(tape, dy, dfinal, to);
  const Batch& b = buffers.b;
  const CellInfo& cell = buffers.cell;
  if (buffers.tokens) std::fill_n(to.dtable, tape.in.n_tokens * b.n_x, T(0));
  GradientJob<T> job(buffers.g, double(b.slots()) * cell.blocks * b.n_a * (double(b.n_x) + b.n_a));
  for (const Chunk& c : buffers.chunks) {
    if (c.s1 < b.steps) watch();
    walk_back(c, buffers, job, to.dtable, watch);
  }
  if (buffers.by_token) add_tokens(buffers, to.dtable, watch);

  const Weights<T>& g = to.weights;
  for (int i = 0; i < cell.blocks; ++i) {
    if (g.wa[i]) store_rows(buffers.sums(i), buffers.columns, g.wa[i], g.ld_a[i], b.n_a, b.n_a);
    if (g.wx[i]) store_rows(buffers.sums(i) + buffers.padded, buffers.columns, g.wx[i], g.ld_x[i], b.n_a, b.n_x);
    if (g.b[i]) std::copy_n(buffers.bias.data() + i * buffers.padded, b.n_a, g.b[i]);
  }
  for (int i = 0; i < cell.per_unit; ++i)
    if (g.per_unit[i]) std::copy_n(buffers.bias.data() + (cell.blocks + i) * buffers.padded, b.n_a, g.per_unit[i]);
  for (int i = 0; i < cell.n_states; ++i)
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
