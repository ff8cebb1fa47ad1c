// The first half of a backward pass: dz of every step, and the gradients of states and of x.
#pragma once
#include <algorithm>
#include <vector>

#include "dispatch.h"
#include "engine.h"
#include "work.h"

namespace bptt {

// Steps are processed backward in chunks of about this many slots: dz of a chunk is summed into the weight
// gradients while it is still in cache, and memory does not grow with T. The chunks depend on the
// shape alone, never on the threads, so the order of every sum is fixed.
constexpr index kChunkSlots = 1024;

struct Chunk {
  int s0, s1;
};
// off (steps+1): slots before each step.
inline std::vector<Chunk> chunks_of(const index* off, int steps) {
  std::vector<Chunk> chunks;
  for (int s1 = steps; s1 > 0;) {
    int s0 = s1 - 1;
    while (s0 > 0 && off[s1] - off[s0 - 1] <= kChunkSlots) --s0;
    chunks.push_back({s0, s1});
    s1 = s0;
  }
  return chunks;
}
inline index most_slots(const std::vector<Chunk>& chunks, const index* off) {
  index slots = 0;
  for (const Chunk& c : chunks) slots = std::max(slots, off[c.s1] - off[c.s0]);
  return slots;
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

  const int most_groups = parts_for(work(b.slots()), b.m);  // for this call
  RowGroups groups;
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
    groups = RowGroups(split_rows(b, 0, b.steps, most_groups), b.m, b.n_a_padded * index(sizeof(T)));
    const index state = groups.size() * b.n_a_padded;
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
      load_state(b, groups, 1, dfinal.of[i], w.dstate[i]);
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

// What the kernel is given for the rows of a group.
template <class T>
Backward<T> of_group(Backward<T> w, const RowGroups& groups, int i) {
  const index shift = groups.shift(i) * w.batch.n_a_padded;
  for (int k = 0; k < info(w.batch.cell).n_states; ++k) w.dstate[k] += shift;
  if (w.stage_da) w.stage_da += shift;
  return w;
}

// The backward pass of the steps of a chunk: dz of its slots, and the gradients of states and of x.
template <class T>
void walk_back(const Chunk& c, BackwardBuffers<T>& buffers, Watch& watch) {
  const Kernels<T>& k = kernels<T>();
  const Batch& b = buffers.b;
  Backward<T>& w = buffers.w;
  RowGroups& groups = buffers.groups;
  w.s0 = c.s0, w.s1 = c.s1;
  const double work = buffers.work(b.off[c.s1] - b.off[c.s0]);
  const int parts = std::min(parts_for(work, b.active[c.s0]), buffers.most_groups);
  in_pieces(c.s1 - c.s0, 1, work, parts, watch, [&](index from, index to) {  // counted from the last step
    w.begin = c.s1 - int(to), w.end = c.s1 - int(from);
    groups.regroup(split_rows(b, w.begin, w.end, parts), [&](auto move) {
      for (int i = 0; i < buffers.cell.n_states; ++i) move(w.dstate[i], b.n_a_padded, 1);
    });
    std::vector<index> before(parts + 1, 0);  // slots of the parts before: where each one's scratch is
    for (int i = 0; i < parts; ++i) {
      before[i + 1] = before[i];
      for (int r = groups.begin(i); r < groups.begin(i + 1); ++r)
        before[i + 1] += std::min(b.len[r], w.end) - w.begin;
    }
    parallel(parts, [&](int i) {
      k.backward(of_group(w, groups, i), groups.begin(i), groups.begin(i + 1),
                 buffers.scratch.data() + 2 * before[i]);
    });
  });
  if (buffers.tokens)
    for (int s = c.s0; s < c.s1; ++s)
      for (int r = 0; r < b.active[s]; ++r)
        buffers.slot_token.data()[b.off[s] - b.off[c.s0] + r] = *buffers.in.token.at(b.row[r], b.time(r, s));
}

}  // namespace bptt
