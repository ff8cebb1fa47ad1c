#include <cstring>

#include "dispatch.h"
#include "engine.h"
#include "work.h"

namespace bptt {

namespace {

// Steps are walked back in chunks of about this many slots: dz of a chunk is summed into the weight
// gradients while it is still in cache, and memory does not grow with T. The cut depends on the shape
// alone, never on the threads, so the order of every sum is fixed.
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

// Groups of rows over `parts` threads, and groups of columns where there are more threads still.
template <class T>
void run_gradient(const Kernels<T>& k, const Gradient<T>& g, int vectors, int parts) {
  const int groups = vectors * (k.vector_length / k.gradient_rows);
  const int by_row = std::min(parts, groups), by_n = std::max(1, parts / by_row);
  parallel(by_row * by_n, [&](int i) {
    const int j = i / by_n;
    k.gradient(g, groups * j / by_row, groups * (j + 1) / by_row, i % by_n, by_n);
  });
}

}  // namespace

template <class T>
void backward(const Tape<T>& tape, Rows<const T> dy, Rows<const T> d_a_final, Rows<const T> d_c_final,
              const Gradients<T>& grad) {
  const Kernels<T>& k = kernels<T>();
  const Plan& plan = tape.plan;
  const Batch b = plan.batch();
  const CellInfo& cell = info(b.cell);
  const int L = k.vector_length, n_x = b.n_x, n_a = b.n_a;
  const int units = b.n_a_padded / L, x_vecs = (n_x + L - 1) / L, vectors = cell.blocks * units;
  const bool tokens = tape.in.table != nullptr, by_token = tokens && tape.in.n_tokens < b.slots();
  const bool by_row = tokens && !by_token;
  const bool want_x = grad.dx.data != nullptr;
  const std::vector<Chunk> chunks = chunks_of(b);
  index most = 0;
  for (const Chunk& c : chunks) most = std::max(most, b.off[c.s1] - b.off[c.s0]);

  Array<T> packed_x, packed_a[2];
  if (want_x || tokens) packed_x = Array<T>(k.packed_back_x_size(b.cell, n_x, n_a));
  for (int i = 0; i < cell.stages; ++i) packed_a[i] = Array<T>(k.packed_back_a_size(b.cell, n_a, i));
  T* const pack_a[2] = {packed_a[0].data(), packed_a[1].data()};
  const int pack_parts = parts_for(double(packed_x.size() + packed_a[0].size()) * kPackCost, 1 << 10);
  parallel(pack_parts, [&](int i) {
    k.pack_backward(b.cell, n_x, n_a, tape.weights, packed_x.data(), pack_a, i, pack_parts);
  });

  const index state = index(b.m) * b.n_a_padded, stride = (most | 1) * L;  // odd: columns spread over cache sets
  Array<T> da(state), dc(cell.has_c ? state : 0), reset_da(cell.stages > 1 ? state : 0);
  const bool copy_x = !by_token && n_x % L != 0;
  Array<T> dz(vectors * stride), reset(cell.stages > 1 ? most * b.n_a_padded : 0);
  Array<T> x_copy(copy_x ? most * x_vecs * L : 0);
  Array<const T*> rows(3 * most);
  Array<T> dx_slots(by_row ? most * n_x : 0);
  Array<void*> scratch(2 * most);
  const index columns = b.n_a_padded + index(x_vecs) * L;
  Array<T> acc(vectors * L * columns), bias(vectors * L);
  std::fill_n(acc.data(), acc.size(), T(0));
  std::fill_n(bias.data(), bias.size(), T(0));

  const index token_stride = tokens ? (tape.in.n_tokens | 1) * L : 0;
  Array<index> slot_token(tokens ? most : 0);
  Array<T> token_dz(by_token ? cell.x_blocks * units * token_stride : 0);
  std::fill_n(token_dz.data(), by_token ? token_dz.size() : 0, T(0));
  if (tokens) std::fill_n(grad.dtable, tape.in.n_tokens * n_x, T(0));

  Backward<T> w{};
  w.batch = b;
  w.in = tape.in;
  w.st = tape.states();
  w.dy = dy;
  w.dx = grad.dx;
  w.dx_slots = by_row ? dx_slots.data() : nullptr;
  w.packed_a[0] = pack_a[0], w.packed_a[1] = pack_a[1];
  w.packed_x = packed_x.data();
  w.da = da.data();
  w.dc = cell.has_c ? dc.data() : da.data();
  w.reset_da = cell.stages > 1 ? reset_da.data() : da.data();
  w.dz = dz.data();
  w.stride = stride;
  w.a_row = rows.data(), w.reset_row = rows.data() + most;
  w.x_row = by_token ? nullptr : rows.data() + 2 * most;
  w.reset = reset.data();
  w.x_copy = copy_x ? x_copy.data() : nullptr;
  load_state(b, d_a_final, da.data());
  if (cell.has_c) load_state(b, d_c_final, dc.data());

  Gradient<T> g{};
  g.cell = b.cell;
  g.n_a = n_a, g.n_a_padded = b.n_a_padded;
  g.dz = dz.data(), g.dz_stride = stride, g.dz_step = L;
  g.row[0] = w.a_row, g.row[1] = cell.stages > 1 ? w.reset_row : nullptr;
  g.x_row = w.x_row, g.x_vecs = x_vecs;
  g.acc = acc.data(), g.columns = columns, g.bias = bias.data();
  g.slot_token = by_token ? slot_token.data() : nullptr;
  g.token_dz = token_dz.data(), g.token_stride = token_stride;

  for (const Chunk& c : chunks) {
    w.s0 = c.s0, w.s1 = c.s1;
    const index slots = b.off[c.s1] - b.off[c.s0];
    const double work = double(slots) * cell.blocks * n_a * (double(n_x) + n_a);
    const int parts = parts_for(work, b.active[c.s0]);
    const std::vector<int> begin = split_rows(b, c.s0, c.s1, parts);
    std::vector<index> before(parts + 1, 0);  // slots of the parts before: where each one's scratch is
    for (int i = 0; i < parts; ++i) {
      before[i + 1] = before[i];
      for (int r = begin[i]; r < begin[i + 1]; ++r) before[i + 1] += std::min(b.len[r], c.s1) - c.s0;
    }
    parallel(parts, [&](int i) { k.backward(w, begin[i], begin[i + 1], scratch.data() + 2 * before[i]); });
    if (tokens)
      for (int s = c.s0; s < c.s1; ++s)
        for (int r = 0; r < b.active[s]; ++r)
          slot_token.data()[b.off[s] - b.off[c.s0] + r] = *tape.in.token.at(b.row[r], b.time(r, s));
    if (by_row)
      for (index i = 0; i < slots; ++i) {
        T* to = grad.dtable + slot_token.data()[i] * n_x;
        for (int j = 0; j < n_x; ++j) to[j] += dx_slots.data()[i * n_x + j];
      }
    g.slots = int(slots);
    run_gradient(k, g, vectors, parts_for(work, 1 << 10));
  }

  if (by_token) {  // as if each token were one slot, with the summed dz
    const int n = int(tape.in.n_tokens);
    Array<T> copy(n_x % L ? index(n) * x_vecs * L : 0);
    Array<const T*> row(n);
    point_to_vectors(tape.in.table, n, n_x, L, copy.data(), row.data());
    const double work = double(n) * n_x * n_a * cell.x_blocks;
    const int parts = parts_for(work, n);
    parallel(parts, [&](int i) {
      k.table_gradient(b.cell, n_x, n_a, packed_x.data(), token_dz.data(), token_stride, L, grad.dtable,
                       n * i / parts, n * (i + 1) / parts);
    });
    Gradient<T> t = g;
    t.dz = token_dz.data(), t.dz_stride = token_stride;
    t.row[0] = t.row[1] = nullptr, t.x_row = row.data();
    t.slots = n, t.bias = nullptr, t.slot_token = nullptr;
    run_gradient(k, t, cell.x_blocks * units, parts_for(work, 1 << 10));
  }

  for (int i = 0; i < cell.blocks; ++i) {
    const T* sums = acc.data() + index(i) * b.n_a_padded * columns;
    if (grad.weights.wa[i]) store_rows(sums, columns, grad.weights.wa[i], grad.weights.ld_a[i], n_a, n_a);
    if (grad.weights.wx[i])
      store_rows(sums + b.n_a_padded, columns, grad.weights.wx[i], grad.weights.ld_x[i], n_a, n_x);
    if (grad.weights.b[i]) std::copy_n(bias.data() + index(i) * b.n_a_padded, n_a, grad.weights.b[i]);
  }
  for (int r = 0; r < b.m; ++r) {
    if (grad.d_a0.data) std::copy_n(da.data() + r * b.n_a_padded, n_a, grad.d_a0.at(b.row[r], 0));
    if (grad.d_c0.data) std::copy_n(dc.data() + r * b.n_a_padded, n_a, grad.d_c0.at(b.row[r], 0));
  }
  if (want_x) zero_padding(b, plan.T, grad.dx, n_x);
}

template void backward<float>(const Tape<float>&, Rows<const float>, Rows<const float>, Rows<const float>,
                              const Gradients<float>&);
template void backward<double>(const Tape<double>&, Rows<const double>, Rows<const double>,
                               Rows<const double>, const Gradients<double>&);

}  // namespace bptt
