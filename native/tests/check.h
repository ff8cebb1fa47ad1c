// A few lines of test harness, a seeded generator, and one layer call in plain vectors.
#pragma once
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

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
  Problem p;
  std::vector<std::vector<T>> params;
  std::vector<T> x, a0, c0, dy, dy, d_c;      // x is (m, T, n_x); d_* gradients coming in
  std::vector<index> lengths;
  std::vector<T> out, a_last, c_last;
  std::vector<T> dx, d_a0, d_c0;
  std::vector<std::vector<T>> d_params;
  Tape<T> tape;

  Layer(Cell cell, int n_x, int n_a, int m, int T_x, bool reverse, bool ragged, Random& rng) {
    p.cell = cell, p.reverse = reverse, p.n_x = n_x, p.n_a = n_a, p.m = m, p.T = T_x;
    const ParamInfo* info = kParams[int(cell)];
    for (int i = 0; info[i].kind != ParamInfo::end; ++i)
      params.push_back(random_vector<T>(rng, std::size_t(n_a * param_columns(info[i], n_x, n_a)), 0.6));
    x = random_vector<T>(rng, std::size_t(m) * T_x * n_x, 1);
    a0 = random_vector<T>(rng, std::size_t(m) * n_a, 0.8), c0 = random_vector<T>(rng, std::size_t(m) * n_a, 1);
    dy = random_vector<T>(rng, std::size_t(m) * T_x * n_a, 1);
    dy = random_vector<T>(rng, std::size_t(m) * n_a, 1), d_c = random_vector<T>(rng, std::size_t(m) * n_a, 1);
    lengths.assign(m, T_x);
    if (ragged)
      for (index& n : lengths) n = rng.below(T_x + 1);
    p.lengths = lengths.data();
  }
  // The rest of the object must not move once p.lengths points into it.
  Layer(const Layer&) = delete;

  bool has_c() const { return info(p.cell).has_c; }
  Weights<const T> weights() const {
    Weights<const T> w{};
    for (std::size_t i = 0; i < params.size(); ++i)
      attach<const T>(kParams[int(p.cell)][i], params[i].data(), p.n_x, p.n_a, w);
    return w;
  }
  void forward(bool keep = true) {
    out.assign(dy.size(), T(99)), a_last.assign(a0.size(), T(0)), c_last.assign(a0.size(), T(0));
    Input<T> in;
    in.x = {x.data(), index(p.T) * p.n_x, p.n_x};
    run_forward(in, keep);
  }
  void run_forward(const Input<T>& in, bool keep) {
    bptt::forward<T>(p, weights(), in, {a0.data(), p.n_a, 0}, {c0.data(), p.n_a, 0},
                     {out.data(), index(p.T) * p.n_a, p.n_a}, {a_last.data(), p.n_a, 0},
                     {has_c() ? c_last.data() : nullptr, p.n_a, 0}, keep ? &tape : nullptr);
  }
  void backward(T* dtable = nullptr) {
    dx.assign(x.size(), T(99)), d_a0.assign(a0.size(), T(0)), d_c0.assign(a0.size(), T(0));
    d_params.clear();
    Gradients<T> g{};
    for (std::size_t i = 0; i < params.size(); ++i) {
      d_params.emplace_back(params[i].size());
      attach<T>(kParams[int(p.cell)][i], d_params[i].data(), p.n_x, p.n_a, g.weights);
    }
    if (!dtable) g.dx = {dx.data(), index(p.T) * p.n_x, p.n_x};
    g.dtable = dtable;
    g.d_a0 = {d_a0.data(), p.n_a, 0};
    g.d_c0 = {has_c() ? d_c0.data() : nullptr, p.n_a, 0};
    bptt::backward<T>(tape, {dy.data(), index(p.T) * p.n_a, p.n_a}, {dy.data(), p.n_a, 0},
                      {d_c.data(), p.n_a, 0}, g);
  }
  double loss() {  // whose gradients backward() gives
    forward(false);
    double sum = 0;
    for (int i = 0; i < p.m; ++i)
      for (index t = 0; t < lengths[i] * p.n_a; ++t)
        sum += double(out[std::size_t(i) * p.T * p.n_a + t]) * dy[std::size_t(i) * p.T * p.n_a + t];
    for (std::size_t i = 0; i < a0.size(); ++i)
      sum += double(a_last[i]) * dy[i] + (has_c() ? double(c_last[i]) * d_c[i] : 0);
    return sum;
  }
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

inline void for_each_isa(const std::function<void(const std::string&)>& f) {
  for (const std::string& name : available_isas()) {
    choose_isa(name);
    f(name);
  }
}

}  // namespace bptt
