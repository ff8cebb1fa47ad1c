// A few lines of test harness, a seeded generator, and one layer call in plain vectors.
#pragma once
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "../engine/activations.h"
#include "../engine/dispatch.h"
#include "../engine/engine.h"
#include "../engine/params.h"
#include "../engine/pool.h"

namespace bptt {

inline int failures = 0;
inline void check(bool ok, const std::string& what) {
  if (ok) return;
  if (++failures <= 20) std::printf("FAILED: %s\n", what.c_str());
}
inline int finish(const char* name) {
  std::printf("%s: %s\n", name, failures ? "FAILED" : "ok");
  return failures ? 1 : 0;
}

struct Random {  // xorshift: the same numbers everywhere
  std::uint64_t s = 88172645463325252ull;
  std::uint64_t next() {
    s ^= s << 13, s ^= s >> 7, s ^= s << 17;
    return s;
  }
  double uniform() { return double(next() >> 11) * 0x1p-53 * 2 - 1; }  // -1 .. 1
  int below(int n) { return int(next() % std::uint64_t(n)); }
};

template <class T>
std::vector<T> random_vector(Random& rng, std::size_t n, double scale) {
  std::vector<T> v(n);
  for (T& x : v) x = T(rng.uniform() * scale);
  return v;
}

// Parameters, data and results of one call, owned.
template <class T>
struct Layer {
  using Vector = std::vector<T>;
  Problem p;
  const CellInfo& cell;
  std::vector<Vector> params;
  Vector x, dy;                                   // x (m, T, n_x); dy the gradient of the outputs
  Vector state0[kMaxStates], dfinal[kMaxStates];  // (m, n_a); dfinal the gradients of the final states
  std::vector<index> lengths;
  Vector out, final_state[kMaxStates];
  Vector dx, dstate0[kMaxStates];
  std::vector<Vector> d_params;
  Tape<T> tape;

  Layer(Cell which, int n_x, int n_a, int m, int T_x, bool reverse, bool ragged, Random& rng) : cell(info(which)) {
    if (cell.activations) p.activations = smooth();
    p.cell = which, p.reverse = reverse, p.n_x = n_x, p.n_a = n_a, p.m = m, p.T = T_x;
    for (int i = 0; i < cell.n_params; ++i)
      params.push_back(random_vector<T>(rng, std::size_t(n_a * param_columns(cell.params[i], n_x, n_a)), 0.6));
    x = random_vector<T>(rng, std::size_t(m) * T_x * n_x, 1);
    dy = random_vector<T>(rng, std::size_t(m) * T_x * n_a, 1);
    for (int i = 0; i < cell.n_states; ++i) {
      state0[i] = random_vector<T>(rng, std::size_t(m) * n_a, 0.8);
      dfinal[i] = random_vector<T>(rng, std::size_t(m) * n_a, 1);
    }
    lengths.assign(m, T_x);
    if (ragged)
      for (index& n : lengths) n = rng.below(T_x + 1);
    p.lengths = lengths.data();
  }
  // Activations of a variant, without a kink near 0.
  static Activations smooth() {
    Activations all{{kActivations[3].of, kActivations[4].of, kActivations[1].of}};  // hard_sigmoid, linear, tanh
    all.of[0].alpha = 0.05, all.of[0].beta = 0.5, all.of[1].alpha = 0.7, all.of[1].beta = 0.1;
    return all;
  }
  // The rest of the object must not move once p.lengths points into it.
  Layer(const Layer&) = delete;

  Weights<const T> weights() const {
    Weights<const T> w{};
    for (std::size_t i = 0; i < params.size(); ++i)
      attach<const T>(cell.params[i], params[i].data(), p.n_x, p.n_a, w);
    return w;
  }
  // Row r of states, and those after it.
  StateRows<const T> from(const Vector (&v)[kMaxStates], int r = 0) const {
    StateRows<const T> rows;
    for (int i = 0; i < cell.n_states; ++i) rows.of[i] = {v[i].data() + std::size_t(r) * p.n_a, p.n_a, 0};
    return rows;
  }
  StateRows<T> to(Vector (&v)[kMaxStates], int m) const {
    StateRows<T> rows;
    for (int i = 0; i < cell.n_states; ++i) {
      v[i].assign(std::size_t(m) * p.n_a, T(0));
      rows.of[i] = {v[i].data(), p.n_a, 0};
    }
    return rows;
  }
  void forward(bool keep = true) {
    Input<T> in;
    in.x = {x.data(), index(p.T) * p.n_x, p.n_x};
    run_forward(in, keep);
  }
  void run_forward(const Input<T>& in, bool keep) {
    out.assign(dy.size(), T(99));
    bptt::forward<T>(p, weights(), in, from(state0), {out.data(), index(p.T) * p.n_a, p.n_a}, to(final_state, p.m),
                     keep ? &tape : nullptr);
  }
  // d_params receives the gradients of one part behind those of the one before, dtable likewise.
  void backward(T* dtable = nullptr, bool need_dx = true, std::vector<int> parts = {}) {
    if (parts.empty()) parts = {p.m};
    dx.assign(x.size(), T(99));
    d_params.clear();
    Gradients<T> g{};
    for (std::size_t k = 0; k < parts.size(); ++k)
      g.parts.push_back({parts[k], {}, dtable ? dtable + k * tape.in.n_tokens * p.n_x : nullptr});
    for (std::size_t i = 0; i < params.size(); ++i) {
      d_params.emplace_back(params[i].size() * parts.size());
      for (std::size_t k = 0; k < parts.size(); ++k)
        attach<T>(cell.params[i], d_params[i].data() + k * params[i].size(), p.n_x, p.n_a, g.parts[k].weights);
    }
    if (!dtable && need_dx) g.dx = {dx.data(), index(p.T) * p.n_x, p.n_x};
    g.dstate0 = to(dstate0, p.m);
    bptt::backward<T>(tape, {dy.data(), index(p.T) * p.n_a, p.n_a}, from(dfinal), g);
  }
  double loss() {  // whose gradients backward() gives
    forward(false);
    double sum = 0;
    for (int i = 0; i < p.m; ++i)
      for (index t = 0; t < lengths[i] * p.n_a; ++t)
        sum += double(out[std::size_t(i) * p.T * p.n_a + t]) * dy[std::size_t(i) * p.T * p.n_a + t];
    for (int k = 0; k < cell.n_states; ++k)
      for (std::size_t i = 0; i < state0[k].size(); ++i) sum += double(final_state[k][i]) * dfinal[k][i];
    return sum;
  }
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class T, std::size_t N>
bool same_bits(const std::vector<T> (&a)[N], const std::vector<T> (&b)[N]) {
  for (std::size_t i = 0; i < N; ++i)
    if (!same_bits(a[i], b[i])) return false;
  return true;
}

inline void for_each_isa(const std::function<void(const std::string&)>& f) {
  for (const std::string& name : available_isas()) {
    choose_isa(name);
    f(name);
  }
}

}  // namespace bptt
