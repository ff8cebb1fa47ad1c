#include <stdexcept>
#include <string>

#include "dispatch.h"
#include "engine.h"
#include "work.h"

namespace bptt {

namespace {

constexpr std::size_t kCoreCache = 1 << 20;  // bytes of weights up to which one core steps alone
constexpr int kStepPointers = 4;             // scratch of every row of a stream: chunks of one step
constexpr int kUnitGrain = 4;                // vectors of units: where panels begin, whatever the cell
constexpr index kChunkBytes = 128 << 10;  // pre-activations of one thread's chunk: a small part of an L2 cache

int chunk_steps(const Batch& b, int parts, std::size_t element) {
  const index row = index(info(b.cell).blocks) * b.n_a_padded * index(element);
  const index rows = (b.m + parts - 1) / parts;
  int steps = 1;
  while (steps < 64 && 2 * steps * row * rows <= kChunkBytes) steps *= 2;
  return steps;
}

double multiply_adds(const Plan& p) {
  return double(p.off.back()) * info(p.cell).blocks * p.n_a * (double(p.n_x) + p.n_a);
}

template <class T>
void check_tokens(const Batch& b, const Input<T>& in) {
  for (int r = 0; r < b.m; ++r)
    for (int t = 0; t < b.len[r]; ++t) {
      const index token = *in.token.at(b.row[r], t);
      if (token < 0 || token >= in.n_tokens)
        throw std::invalid_argument("token " + std::to_string(token) + " in row " +
                                    std::to_string(b.row[r]) + ", step " + std::to_string(t) +
                                    "; expected 0 .. n_tokens - 1 = " +
                                    std::to_string(in.n_tokens - 1) + ".");
    }
}

}  // namespace

template <class T>
States<T> Tape<T>::states() const {
  const bool kept = gates.data() != nullptr;
  T* unused = a.data();
  return {kept ? gates.data() : unused, a.data(), c.data() ? c.data() : unused, false, false, 1, 0};
}

template <class T>
void Tape<T>::unpack(int block, Rows<T> to) const {
  const Batch b = plan.batch();
  const States<T> st = states();
  const index width = index(info(b.cell).blocks) * b.n_a_padded;
  for (int s = 0; s < b.steps; ++s)
    for (int r = 0; r < b.active[s]; ++r) {
      const T* from = block >= 0 ? st.gates + (st.gate_row(b, s) + r) * width + block * b.n_a_padded
                                 : (block == -1 ? st.a : st.c) + (st.after(b, s) + r) * b.n_a_padded;
      std::copy_n(from, b.n_a, to.at(b.row[r], b.time(r, s)));
    }
  zero_padding(b, plan.T, to, b.n_a);
}

template <class T>
void forward(const Problem& problem, const Weights<const T>& w, const Input<T>& input, Rows<const T> a0,
             Rows<const T> c0, Rows<T> out, Rows<T> a_final, Rows<T> c_final, Tape<T>* tape) {
  const Kernels<T>& k = kernels<T>();
  const CellInfo& cell = info(problem.cell);
  const int L = k.vector_length, n_x = problem.n_x, n_a = problem.n_a;
  Plan own(problem, (n_a + L - 1) / L * L);
  if (tape) tape->plan = std::move(own);
  const Plan& plan = tape ? tape->plan : own;
  const Batch b = plan.batch();
  if (input.table) check_tokens(b, input);

  const double work = multiply_adds(plan);
  const int parts = parts_for(work, b.m), chunk = chunk_steps(b, parts, sizeof(T));
  const bool keep_gates = tape && cell.keep_blocks;

  Array<T> packed_x(k.packed_x_size(problem.cell, n_x, n_a)), bias(k.packed_bias_size(problem.cell, n_a));
  Array<T> packed_a[2];
  for (int i = 0; i < cell.stages; ++i) packed_a[i] = Array<T>(k.packed_a_size(problem.cell, n_a, i));
  T* const pack_a[2] = {packed_a[0].data(), packed_a[1].data()};
  const int pack_parts = parts_for(double(packed_x.size() + packed_a[0].size()) * kPackCost, 1 << 10);
  parallel(pack_parts, [&](int i) {
    k.pack_forward(problem.cell, n_x, n_a, w, packed_x.data(), bias.data(), pack_a, i, pack_parts);
  });

  const index state_rows = tape ? b.m + b.slots() : 2 * index(b.m);
  const index gate_rows = keep_gates ? b.slots() : index(chunk) * b.m;
  Array<T> a(state_rows * b.n_a_padded), c(cell.has_c ? state_rows * b.n_a_padded : 0);
  Array<T> gates(gate_rows * cell.blocks * b.n_a_padded), reset(cell.stages > 1 ? index(b.m) * b.n_a_padded : 0);
  const index pointers = 2 * index(chunk) + 2;  // scratch of every row
  Array<void*> scratch(pointers * b.m);

  Array<T> projected;
  Input<T> in = input;
  if (in.table && in.n_tokens < b.slots()) {
    projected = Array<T>(in.n_tokens * cell.blocks * b.n_a_padded);
    const int n = parts_for(double(projected.size()) * n_x, 1 << 10);
    parallel(n, [&](int i) {
      k.project_table(problem.cell, n_x, n_a, packed_x.data(), bias.data(), in.table, projected.data(),
                      int(in.n_tokens * i / n), int(in.n_tokens * (i + 1) / n));
    });
    in.projected = projected.data();
  }

  Forward<T> f{};
  f.batch = b;
  f.in = in;
  f.st = {gates.data(), a.data(), cell.has_c ? c.data() : a.data(), !keep_gates, !tape, chunk, 0};
  f.packed_x = packed_x.data();
  f.packed_bias = bias.data();
  f.packed_a[0] = packed_a[0].data(), f.packed_a[1] = packed_a[1].data();
  f.reset_a = cell.stages > 1 ? reset.data() : a.data();
  f.out = out;
  load_state(b, a0, f.st.a);
  if (cell.has_c) load_state(b, c0, f.st.c);

  const std::vector<int> begin = split_rows(b, 0, b.steps, parts);
  parallel(parts, [&](int i) {
    k.forward(f, begin[i], begin[i + 1], scratch.data() + pointers * begin[i]);
  });

  zero_padding(b, problem.T, out, n_a);
  for (int r = 0; r < b.m; ++r) {
    const index at = b.len[r] ? f.st.after(b, b.len[r] - 1) + r : r;
    if (a_final.data) std::copy_n(f.st.a + at * b.n_a_padded, n_a, a_final.at(b.row[r], 0));
    if (c_final.data) std::copy_n(f.st.c + at * b.n_a_padded, n_a, c_final.at(b.row[r], 0));
  }
  if (tape) {
    tape->in = input;
    tape->weights = w;
    tape->a = std::move(a);
    tape->c = std::move(c);
    if (!cell.has_c) tape->c = Array<T>();
    if (keep_gates) tape->gates = std::move(gates);
  }
}

template <class T>
Stream<T>::Stream(Cell which, int n_x, int n_a, int m, const Weights<const T>& w) {
  const Kernels<T>& k = kernels<T>();
  const CellInfo& cell = info(which);
  const int L = k.vector_length;
  Problem p;
  p.cell = which, p.n_x = n_x, p.n_a = n_a, p.m = m, p.T = 1;
  plan_ = Plan(p, (n_a + L - 1) / L * L);
  packed_x_ = Array<T>(k.packed_x_size(which, n_x, n_a));
  packed_bias_ = Array<T>(k.packed_bias_size(which, n_a));
  for (int i = 0; i < cell.stages; ++i) packed_a_[i] = Array<T>(k.packed_a_size(which, n_a, i));
  T* const pack_a[2] = {packed_a_[0].data(), packed_a_[1].data()};
  k.pack_forward(which, n_x, n_a, w, packed_x_.data(), packed_bias_.data(), pack_a, 0, 1);
  const index state = index(m) * plan_.n_a_padded;
  gates_ = Array<T>(cell.blocks * state);
  a_ = Array<T>(2 * state);
  c_ = Array<T>(2 * state);
  reset_ = Array<T>(state);
  scratch_ = Array<void*>(kStepPointers * m);
  call_.batch = plan_.batch();
  call_.st = {gates_.data(), a_.data(), c_.data(), true, true, 1, 0};
  call_.packed_x = packed_x_.data();
  call_.packed_bias = packed_bias_.data();
  call_.packed_a[0] = pack_a[0], call_.packed_a[1] = pack_a[1];
  call_.reset_a = reset_.data();
  parts_ = parts_for(multiply_adds(plan_), m);
  const std::size_t weights = (packed_x_.size() + packed_a_[0].size()) * sizeof(T);
  share_row_ = m == 1 && cell.stages == 1 && cell.x_blocks == cell.blocks && weights > kCoreCache;
  set_state({}, {});
}

template <class T>
void Stream<T>::step(Rows<const T> x, Rows<T> out) {
  const Kernels<T>& k = kernels<T>();
  call_.in.x = x;
  call_.out = out;
  const int m = plan_.m, units = plan_.n_a_padded / k.vector_length;
  const int threads = get_num_threads(), grains = (units + kUnitGrain - 1) / kUnitGrain;
  const int shares = share_row_ ? std::min(threads, grains) : 1, parts = std::min(parts_, threads);
  const auto begin = [&](int i) { return std::min(units, grains * i / shares * kUnitGrain); };
  if (shares > 1) {
    parallel(shares, [&](int i) { k.forward_units(call_, begin(i), begin(i + 1)); });
  } else parallel(parts, [&](int i) {
    const int r0 = m * i / parts, r1 = m * (i + 1) / parts;
    k.forward(call_, r0, r1, scratch_.data() + kStepPointers * r0);
  });
  call_.st.phase ^= 1;
}

template <class T>
void Stream<T>::get_state(Rows<T> a, Rows<T> c) const {
  const Batch& b = call_.batch;
  const index at = call_.st.before(b, 0);
  for (int r = 0; r < b.m; ++r) {
    if (a.data) std::copy_n(a_.data() + (at + r) * b.n_a_padded, b.n_a, a.at(r, 0));
    if (c.data) std::copy_n(c_.data() + (at + r) * b.n_a_padded, b.n_a, c.at(r, 0));
  }
}

template <class T>
void Stream<T>::set_state(Rows<const T> a, Rows<const T> c) {
  call_.st.phase = 0;
  load_state(call_.batch, a, a_.data());
  load_state(call_.batch, c, c_.data());
}

#define BPTT_INSTANTIATE(T)                                                                       \
  template struct Tape<T>;                                                                        \
  template class Stream<T>;                                                                       \
  template void forward<T>(const Problem&, const Weights<const T>&, const Input<T>&, Rows<const T>, \
                           Rows<const T>, Rows<T>, Rows<T>, Rows<T>, Tape<T>*);
BPTT_INSTANTIATE(float)
BPTT_INSTANTIATE(double)

}  // namespace bptt
