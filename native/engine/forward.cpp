#include <stdexcept>
#include <string>
#include <thread>

#include "dispatch.h"
#include "engine.h"
#include "work.h"

namespace bptt {

namespace {

constexpr std::size_t kCoreCache = 1 << 20;  // bytes of weights up to which one core steps alone
constexpr int kStepPointers = 4;             // scratch of every row of a stream: chunks of one step
constexpr int kUnitGrain = 4;                // vectors of units: where panels begin, whatever the cell
constexpr index kChunkBytes = 128 << 10;     // pre-activations of one thread's chunk: a small part of an L2 cache

int chunk_steps(const Batch& b, int parts, std::size_t element) {
  const index row = index(info(b.cell).blocks) * b.n_a_padded * index(element);
  const index rows = (b.m + parts - 1) / parts;
  int steps = 1;
  while (steps < 64 && 2 * steps * row * rows <= kChunkBytes) steps *= 2;
  return steps;
}

// Vectors of units that a thread takes at a time: whole panels and whole cache lines.
template <class T>
int unit_grain(const Batch& b) {
  const CellInfo& cell = info(b.cell);
  int panels = 1;
  for (int count : {cell.x_blocks, cell.rec_count[0], cell.rec_count[1]})
    if (count == 1 || count == 2) panels = std::max(panels, 4 / count);
  return std::max(panels, 64 / int(kernels<T>().vector_length * sizeof(T)));
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
        throw std::invalid_argument("token " + std::to_string(token) + " in row " + std::to_string(b.row[r]) +
                                    ", step " + std::to_string(t) +
                                    "; expected 0 .. n_tokens - 1 = " + std::to_string(in.n_tokens - 1) + ".");
    }
}

}  // namespace

template <class T>
std::size_t Tape<T>::bytes() const {
  index elements = gates.size();
  for (const Array<T>& s : state) elements += s.size();
  return sizeof(T) * std::size_t(elements);
}

template <class T>
States<T> Tape<T>::states() const {
  States<T> st{};
  st.gates = gates.data() ? gates.data() : state[0].data();  // never read where they are not kept
  for (int i = 0; i < info(plan.cell).n_states; ++i) st.state[i] = state[i].data();
  st.chunk_steps = 1;
  return st;
}

template <class T>
typename Tape<T>::Part Tape<T>::part(const std::string& name) const {
  const CellInfo& cell = info(plan.cell);
  for (int i = 0; i < cell.n_states; ++i)
    if (name == cell.states[i]) return {state[i].data() + index(plan.m) * plan.n_a_padded, plan.n_a_padded};
  for (int g = 0; g < cell.blocks && cell.gates[g]; ++g)
    if (name == cell.gates[g])
      return {gates.data() + index(g) * plan.n_a_padded, index(cell.blocks) * plan.n_a_padded};
  return {nullptr, 0};
}

template <class T>
void Tape<T>::unpack(const Part& part, Rows<T> to) const {
  const Batch b = plan.batch();
  for (int s = 0; s < b.steps; ++s)
    for (int r = 0; r < b.active[s]; ++r)
      std::copy_n(part.first + (b.off[s] + r) * part.width, b.n_a, to.at(b.row[r], b.time(r, s)));
  zero_padding(b, plan.T, to, b.n_a);
}

template <class T>
Packed<T>::Packed(const Batch& b, const Weights<const T>& w, bool threads) {
  const Kernels<T>& k = kernels<T>();
  const CellInfo& cell = info(b.cell);
  const Affine f = input_projection(b);
  x = Array<T>(k.packed_affine_size(f)), bias = Array<T>(k.packed_bias_size(f));
  T* to[kMaxStages] = {};
  for (int i = 0; i < cell.stages; ++i) a[i] = Array<T>(k.packed_a_size(b.cell, b.n_a, i)), to[i] = a[i].data();
  const int parts = threads ? parts_for(double(x.size() + a[0].size()) * kPackCost, 1 << 10) : 1;
  parallel(parts, [&](int i) {
    k.pack_affine(f, w.wx, w.ld_x, w.b, x.data(), bias.data(), i, parts);
    k.pack_a(b.cell, b.n_a, w, to, i, parts);
  });
  per_unit = padded_per_unit(b, w);
}

template <class T>
Packed<T>::Packed(const Problem& problem, const Weights<const T>& w, const T* table, int n_tokens) {
  const Plan plan(problem, kernels<T>().vector_length, sizeof(T));
  const Batch b = plan.batch();
  *this = Packed(b, w, false);
  if (!table) return;
  projected = Array<T>(index(n_tokens) * info(b.cell).blocks * b.n_a_padded);
  kernels<T>().affine_rows(input_projection(b), x.data(), bias.data(), table, projected.data(), 0, n_tokens);
}

template <class T>
void Packed<T>::attach(Forward<T>& f) const {
  f.packed_x = x.data(), f.packed_bias = bias.data(), f.per_unit = per_unit.data();
  for (int i = 0; i < kMaxStages; ++i) f.packed_a[i] = a[i].data();
}

// Whether threads take units of the one row of a step, because one core's cache does not hold its weights.
template <class T>
bool share_row(const Plan& p, const Packed<T>& w) {
  return p.m == 1 && can_share_row(info(p.cell)) && (w.x.size() + w.a[0].size()) * sizeof(T) > kCoreCache;
}
template <class T>
void step_of_shared_row(const Forward<T>& f) {
  const Kernels<T>& k = kernels<T>();
  const int units = f.batch.units, grains = (units + kUnitGrain - 1) / kUnitGrain;
  const int shares = std::min(get_num_threads(), grains);
  const auto begin = [&](int i) { return std::min(units, grains * i / shares * kUnitGrain); };
  parallel(shares, [&](int i) { k.forward_units(f, begin(i), begin(i + 1)); });
}

// How many threads share the steps of the same rows: more than one if the weights exceed twice a core's cache.
// Each thread then reads only its part of them. With smaller weights that gains less than it costs to pass lines
// from core to core in every step.
template <class T>
int team_members(const Batch& b, const Packed<T>& w, int parts) {
  index weights = w.x.size();
  for (const Array<T>& a : w.a) weights += a.size();
  const int grains = (b.units + unit_grain<T>(b) - 1) / unit_grain<T>(b);
  const int most = std::min({parts, grains, +Team::kMost});
  int members = 1;
  while (2 * members <= most && weights * index(sizeof(T)) > 2 * cache_sizes.l2 * members) members *= 2;
  return members;
}

// What the kernel is given for the rows of a group.
template <class T>
Forward<T> of_group(Forward<T> f, const RowGroups& groups, int i) {
  const CellInfo& cell = info(f.batch.cell);
  const index n_a_padded = f.batch.n_a_padded;
  if (f.st.ring_gates) f.st.gates += groups.shift(i, f.st.chunk_steps) * cell.blocks * n_a_padded;
  for (int k = 0; f.st.ring_states && k < cell.n_states; ++k) f.st.state[k] += groups.shift(i, 2) * n_a_padded;
  if (f.stage_a) f.stage_a += groups.shift(i) * n_a_padded;
  f.st.ring = groups.rows(i);
  return f;
}

// False where there are not as many threads.
template <class T>
bool forward_together(const Forward<T>& f, const RowGroups& groups, int members, void** scratch, index pointers) {
  const Batch& b = f.batch;
  std::vector<Team> team(groups.count());
  for (Team& t : team) {
    t.members = members, t.units = b.units, t.grain = unit_grain<T>(b), t.yield = std::this_thread::yield;
    t.begin();
  }
  return together(groups.count() * members, [&](int i) {
    const int group = i / members, member = i % members;
    const int r0 = groups.begin(group), r1 = groups.begin(group + 1);
    kernels<T>().forward(of_group(f, groups, group), r0, r1, &team[group], member,
                         scratch + pointers * (index(r0) * members + index(r1 - r0) * member));
  });
}

template <class T>
void forward(const Problem& problem, const Weights<const T>& w, const Input<T>& input,
             const StateRows<const T>& state0, Rows<T> out, const StateRows<T>& final_state, Tape<T>* tape,
             const Packed<T>* packed, Watch watch) {
  const Kernels<T>& k = kernels<T>();
  const CellInfo& cell = info(problem.cell);
  const int n_x = problem.n_x, n_a = problem.n_a;
  Plan own(problem, k.vector_length, sizeof(T));
  if (tape) tape->plan = std::move(own);
  const Plan& plan = tape ? tape->plan : own;
  const Batch b = plan.batch();
  if (input.table) check_tokens(b, input);

  const double work = multiply_adds(plan);
  Packed<T> own_packed;
  if (!packed) own_packed = Packed<T>(b, w, true), packed = &own_packed;
  const int parts = parts_for(work, b.m), members = team_members<T>(b, *packed, parts), teams = parts / members;
  const int chunk = chunk_steps(b, teams, sizeof(T));
  const bool keep_gates = tape && cell.keep_blocks;

  RowGroups groups(split_rows(b, 0, b.steps, teams), b.m, b.n_a_padded * index(sizeof(T)));
  const index state_rows = tape ? b.m + b.slots() : groups.size(2);
  const index gate_rows = keep_gates ? b.slots() : groups.size(chunk);
  Array<T> state[kMaxStates];
  for (int i = 0; i < cell.n_states; ++i) state[i] = Array<T>(state_rows * b.n_a_padded);
  Array<T> gates(gate_rows * cell.blocks * b.n_a_padded),
      stage(cell.stages > 1 ? groups.size() * b.n_a_padded : 0);
  const index pointers = 2 * index(chunk) + 2;  // scratch of every row
  Array<void*> scratch(pointers * b.m * members);

  Array<T> projected;
  Input<T> in = input;
  if (packed->projected.data()) {
    in.projected = packed->projected.data();
  } else if (in.table && in.n_tokens < b.slots()) {
    projected = Array<T>(in.n_tokens * cell.blocks * b.n_a_padded);
    const double products = double(projected.size()) * n_x;
    const int n = parts_for(products, 1 << 10);
    in_pieces(in.n_tokens, 1, products, n, watch, [&](index t0, index t1) {
      parallel(n, [&](int i) {
        k.affine_rows(input_projection(b), packed->x.data(), packed->bias.data(), in.table, projected.data(),
                      int(t0 + (t1 - t0) * i / n), int(t0 + (t1 - t0) * (i + 1) / n));
      });
    });
    in.projected = projected.data();
  }

  Forward<T> f{};
  f.batch = b;
  f.in = in;
  f.st.gates = gates.data(), f.st.ring_gates = !keep_gates, f.st.ring_states = !tape, f.st.chunk_steps = chunk;
  for (int i = 0; i < cell.n_states; ++i) {
    f.st.state[i] = state[i].data();
    load_state(b, tape ? RowGroups() : groups, tape ? 1 : 2, state0.of[i], f.st.state[i]);
  }
  packed->attach(f);
  f.stage_a = stage.data();
  f.out = out;

  if (b.steps == 1 && !tape && !in.table && share_row(plan, *packed)) {
    step_of_shared_row(of_group(f, groups, 0));
  } else
    in_pieces(b.steps, chunk, work, parts, watch, [&](index s0, index s1) {
      f.s0 = int(s0), f.s1 = int(s1);
      groups.regroup(split_rows(b, f.s0, f.s1, teams), [&](auto move) {
        for (int i = 0; !tape && i < cell.n_states; ++i) move(f.st.state[i], b.n_a_padded, 2);
      });
      if (members > 1 && forward_together(f, groups, members, scratch.data(), pointers)) return;
      parallel(teams, [&](int i) {
        const int r0 = groups.begin(i), r1 = groups.begin(i + 1);
        k.forward(of_group(f, groups, i), r0, r1, nullptr, 0, scratch.data() + pointers * r0);
      });
    });

  zero_padding(b, problem.T, out, n_a);
  for (int r = 0; r < b.m; ++r) {
    const index at = !tape ? groups.place(r, 2, b.len[r] & 1) : b.len[r] ? f.st.after(b, b.len[r] - 1) + r : r;
    for (int i = 0; i < cell.n_states; ++i)
      if (final_state.of[i].data)
        std::copy_n(f.st.state[i] + at * b.n_a_padded, n_a, final_state.of[i].at(b.row[r], 0));
  }
  if (tape) {
    tape->in = input;
    tape->weights = w;
    for (int i = 0; i < kMaxStates; ++i) tape->state[i] = std::move(state[i]);
    tape->gates = keep_gates ? std::move(gates) : Array<T>();
  }
}

template <class T>
Stream<T>::Stream(Cell which, const Activations& activations, int n_x, int n_a, int m, const Weights<const T>& w) {
  const Kernels<T>& k = kernels<T>();
  const CellInfo& cell = info(which);
  Problem p;
  p.cell = which, p.activations = activations, p.n_x = n_x, p.n_a = n_a, p.m = m, p.T = 1;
  plan_ = Plan(p, k.vector_length, sizeof(T));
  packed_ = Packed<T>(plan_.batch(), w, false);
  multiply_adds_ = bptt::multiply_adds(plan_);
  groups_ = RowGroups(split_rows(plan_.batch(), 0, 1, parts_for(multiply_adds_, m)), m,
                      plan_.n_a_padded * index(sizeof(T)));
  const index state = groups_.size(2) * plan_.n_a_padded;
  gates_ = Array<T>(cell.blocks * groups_.size() * plan_.n_a_padded);
  for (int i = 0; i < cell.n_states; ++i) state_[i] = Array<T>(state), call_.st.state[i] = state_[i].data();
  stage_ = Array<T>(cell.stages > 1 ? groups_.size() * plan_.n_a_padded : 0);
  scratch_ = Array<void*>(kStepPointers * m);
  call_.batch = plan_.batch();
  call_.st.gates = gates_.data(), call_.st.ring_gates = call_.st.ring_states = true, call_.st.chunk_steps = 1;
  packed_.attach(call_);
  call_.stage_a = stage_.data();
  call_.s1 = 1;
  share_row_ = share_row(plan_, packed_);
  set_state({});
}

template <class T>
void Stream<T>::step(Rows<const T> x, Rows<T> out) {
  const Kernels<T>& k = kernels<T>();
  call_.in.x = x;
  call_.out = out;
  if (share_row_)
    step_of_shared_row(of_group(call_, groups_, 0));
  else
    parallel(groups_.count(), [&](int i) {
      const int r0 = groups_.begin(i), r1 = groups_.begin(i + 1);
      k.forward(of_group(call_, groups_, i), r0, r1, nullptr, 0, scratch_.data() + kStepPointers * r0);
    });
  call_.st.phase ^= 1;
}

template <class T>
void Stream<T>::get_state(const StateRows<T>& to) const {
  const Batch& b = call_.batch;
  for (int i = 0; i < info(b.cell).n_states; ++i)
    for (int r = 0; r < b.m; ++r)
      if (to.of[i].data)
        std::copy_n(state_[i].data() + groups_.place(r, 2, call_.st.phase) * b.n_a_padded, b.n_a,
                    to.of[i].at(r, 0));
}

template <class T>
void Stream<T>::set_state(const StateRows<const T>& from) {
  call_.st.phase = 0;
  for (int i = 0; i < info(plan_.cell).n_states; ++i)
    load_state(call_.batch, groups_, 2, from.of[i], state_[i].data());
}

#define BPTT_INSTANTIATE(T)                                                                                     \
  template struct Tape<T>;                                                                                      \
  template struct Packed<T>;                                                                                    \
  template class Stream<T>;                                                                                     \
  template void forward<T>(const Problem&, const Weights<const T>&, const Input<T>&, const StateRows<const T>&, \
                           Rows<T>, const StateRows<T>&, Tape<T>*, const Packed<T>*, Watch);
BPTT_INSTANTIATE(float)
BPTT_INSTANTIATE(double)

}  // namespace bptt
