// The promises: bits independent of neighbors, padding, threads and streaming; NaN stays in its row;
// the tape is not touched; callers' floating-point mode; fork; two callers at once; long sequences.
#include <atomic>
#include <cstdlib>
#include <limits>
#include <thread>

#include "../engine/fpmode.h"
#include "check.h"
#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

// Counts what the engine allocates, operator new included. Sanitizers have an allocator of their own.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BPTT_COUNTS_ALLOCATIONS
static std::atomic<long> allocations{0};
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
__attribute__((visibility("default"))) void* malloc(std::size_t n) noexcept {
  ++allocations;
  return __libc_malloc(n);
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t align, std::size_t n) noexcept {
  ++allocations;
  return __libc_memalign(align, n);
}
}
#endif

namespace bptt {

template <class T>
static void bits(const std::string& isa, Cell cell, int n_x, int n_a) {
  const std::string what = isa + " " + info(cell).name + (sizeof(T) == 4 ? " float " : " double ");
  Random rng;
  const int m = 23, T_x = 11;
  Layer<T> l(cell, n_x, n_a, m, T_x, false, true, rng);
  const T nan = std::numeric_limits<T>::quiet_NaN();
  for (int i = 0; i < m; ++i)
    for (index k = l.lengths[i]; k < T_x; ++k) {
      for (int j = 0; j < n_x; ++j) l.x[(std::size_t(i) * T_x + k) * n_x + j] = nan;
      for (int j = 0; j < n_a; ++j) l.dy[(std::size_t(i) * T_x + k) * n_a + j] = nan;
    }
  set_num_threads(1);
  l.forward(), l.backward();
  const auto out = l.out, last = l.final_state[0], dx = l.dx, da0 = l.dstate0[0];
  const auto d_params = l.d_params;
  bool finite = true;
  for (const auto& v : d_params)
    for (T g : v) finite = finite && std::isfinite(g);
  for (T g : dx) finite = finite && std::isfinite(g);
  check(finite, what + "NaN in padding");
  l.forward(false);
  check(same_bits(out, l.out), what + "inference gives the bits of training");
  for (int threads : {1, 3}) {  // a part of all rows among empty ones
    set_num_threads(threads);
    l.forward(), l.backward(nullptr, true, {0, m, 0});
    bool same = same_bits(dx, l.dx) && same_bits(da0, l.dstate0[0]);
    for (std::size_t i = 0; i < d_params.size(); ++i) {
      const auto &whole = d_params[i], &parts = l.d_params[i];
      for (std::size_t j = 0; j < whole.size(); ++j)
        same = same && parts[j] == 0 && parts[whole.size() + j] == whole[j] && parts[2 * whole.size() + j] == 0;
    }
    check(same, what + "gradients of parts");
  }
  for (int threads : {2, 3, 5}) {
    set_num_threads(threads);
    l.forward(), l.backward();
    bool same = same_bits(out, l.out) && same_bits(last, l.final_state[0]) && same_bits(dx, l.dx) &&
                same_bits(da0, l.dstate0[0]);
    for (std::size_t i = 0; i < d_params.size(); ++i) same = same && same_bits(d_params[i], l.d_params[i]);
    check(same, what + "threads");
  }
  set_num_threads(2);
  Stream<T> stream(cell, l.p.activations, n_x, n_a, 1, l.weights());
  for (int i = 0; i < m; ++i) {  // each row alone, and step by step
    const int len = int(l.lengths[i]);
    Problem one = l.p;
    one.m = 1, one.T = len, one.lengths = nullptr;
    std::vector<T> alone(std::size_t(len) * n_a), final_state[kMaxStates], step(n_a);
    Input<T> in;
    in.x = {&l.x[std::size_t(i) * T_x * n_x], 0, n_x};
    forward<T>(one, l.weights(), in, l.from(l.state0, i), {alone.data(), 0, n_a}, l.to(final_state, 1), nullptr);
    check(len == 0 || std::memcmp(alone.data(), &out[std::size_t(i) * T_x * n_a], alone.size() * sizeof(T)) == 0,
          what + "a row alone");
    check(std::memcmp(final_state[0].data(), &last[std::size_t(i) * n_a], n_a * sizeof(T)) == 0,
          what + "final state alone");
    stream.set_state(l.from(l.state0, i));
    for (int t = 0; t < len; ++t) {
      stream.step({&l.x[(std::size_t(i) * T_x + t) * n_x], n_x, 0}, {step.data(), n_a, 0});
      check(std::memcmp(step.data(), &alone[std::size_t(t) * n_a], n_a * sizeof(T)) == 0, what + "stream");
    }
  }
}

// Weights beyond one core's cache: threads step shares of the one row's units.
template <class T>
static void shared_row(const std::string& isa, Cell cell, int n_x, int n_a) {
  Random rng;
  Layer<T> l(cell, n_x, n_a, 1, 6, false, false, rng);
  l.forward();
  const auto out = l.out;
  for (int threads : {1, 2, 3, 5}) {
    set_num_threads(threads);
    Stream<T> stream(cell, l.p.activations, n_x, n_a, 1, l.weights());
    stream.set_state(l.from(l.state0));
    std::vector<T> step(n_a);
    bool same = true;
    for (int t = 0; t < 6; ++t) {
      stream.step({&l.x[std::size_t(t) * n_x], n_x, 0}, {step.data(), n_a, 0});
      same = same && std::memcmp(step.data(), &out[std::size_t(t) * n_a], n_a * sizeof(T)) == 0;
    }
    check(same, isa + " a row shared by threads: " + info(cell).name);
  }
  set_num_threads(2);
}

// Weights beyond twice a core's cache: threads compute the steps of the same rows together, as many teams and
// members as there are threads, rows and units for.
template <class T>
static void teams(const std::string& isa, Cell cell) {
  const CacheSizes found = cache_sizes;
  for (int m : {2, 23}) {
    Random rng;
    Layer<T> l(cell, 70, 131, m, 20, false, false, rng);  // more steps than a chunk of 23 rows has
    for (int i = 0; i < m; ++i) l.lengths[i] = 20 - i % 20;
    set_num_threads(1);
    l.forward();
    const auto out = l.out, last = l.final_state[0];
    cache_sizes = {8 << 10, 16 << 10};
    for (int threads : {2, 3, 8}) {
      set_num_threads(threads);
      for (bool tape : {false, true}) {
        l.forward(tape);
        check(same_bits(out, l.out) && same_bits(last, l.final_state[0]),
              isa + " teams: " + info(cell).name + ", rows: " + std::to_string(m) +
                  ", threads: " + std::to_string(threads));
      }
    }
    cache_sizes = found;
  }
  set_num_threads(2);
}

static void nan_row(const std::string& isa) {
  for (int c = 0; c < kCells; ++c) {
    Random rng;
    Layer<float> l(static_cast<Cell>(c), 6, 21, 8, 5, false, false, rng);
    l.forward();
    const auto clean = l.out;
    l.x[(3 * 5 + 2) * 6 + 1] = std::numeric_limits<float>::quiet_NaN();  // row 3, step 2
    l.forward();
    bool ok = true;
    for (std::size_t i = 0; i < l.out.size(); ++i) {
      const std::size_t row = i / (5 * 21), t = i / 21 % 5;
      ok = ok && (row == 3 && t >= 2 ? std::isnan(l.out[i]) : l.out[i] == clean[i]);
    }
    check(ok, isa + " NaN in its row and later steps only: " + info(l.p.cell).name);
  }
}

static void empty_shapes(const std::string& isa) {
  const int shapes[][4] = {{3, 4, 0, 5}, {3, 4, 2, 0}, {0, 4, 2, 3}, {1, 1, 1, 1}};
  for (int c = 0; c < kCells; ++c)
    for (const auto& s : shapes) {
      Random rng;
      Layer<double> l(static_cast<Cell>(c), s[0], s[1], s[2], s[3], false, false, rng);
      l.forward(), l.backward();
      if (s[3] == 0)
        check(same_bits(l.final_state, l.state0) && same_bits(l.dstate0, l.dfinal),
              isa + " no steps: state passes");
      for (const auto& v : l.d_params)
        for (double g : v) check(std::isfinite(g) && (s[2] && s[3] ? true : g == 0), isa + " empty shapes");
    }
}

static void many_shapes() {  // no growth: the cache is bounded
  Random rng;
  for (int i = 0; i < 300; ++i) {
    Layer<float> l(static_cast<Cell>(rng.below(kCells)), 1 + rng.below(40), 1 + rng.below(70), 1 + rng.below(40),
                   1 + rng.below(60), false, true, rng);
    l.forward(), l.backward();
  }
  check(cached_bytes() <= (std::size_t(256) << 20), "memory kept stays below its cap");
}

static void denormals() {
  volatile float tiny = 1e-39f;
  Random rng;
  Layer<float> l(find_cell("lstm"), 32, 64, 16, 20, false, false, rng);
  l.forward(), l.backward();
  check(tiny * 1.0f == 1e-39f, "the caller's denormals still work");
}

// With small caches a caller's threads are a team; the other caller finds no free threads.
static void two_callers() {
  const CacheSizes found = cache_sizes;
  cache_sizes = {8 << 10, 64 << 10};
  set_num_threads(2);
  Random a, b;
  Layer<float> one(find_cell("gru"), 32, 64, 24, 30, false, false, a),
      two(find_cell("gru"), 32, 64, 24, 30, false, false, b);
  one.forward(), one.backward();
  const auto out = one.out, d_w = one.d_params[0];
  std::vector<std::thread> callers;
  for (Layer<float>* l : {&one, &two})
    callers.emplace_back([l, &out, &d_w] {
      for (int i = 0; i < 20; ++i) {
        l->forward(), l->backward();
        if (!same_bits(out, l->out) || !same_bits(d_w, l->d_params[0])) check(false, "two callers at once");
      }
    });
  for (auto& t : callers) t.join();
  cache_sizes = found;
}

static void after_fork() {
#if defined(__unix__) && !defined(__SANITIZE_THREAD__)
  set_num_threads(2);
  Random rng;
  Layer<float> l(find_cell("lstm"), 64, 64, 32, 20, false, false, rng);
  l.forward();
  const auto out = l.out;
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // a hang is a failure
    l.forward(), l.backward();
    _exit(same_bits(out, l.out) ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "forward and backward in a forked child");
  l.forward();
  check(same_bits(out, l.out), "the parent goes on after fork");
#endif
}

static void stream_allocates_nothing() {
#if defined(BPTT_COUNTS_ALLOCATIONS)
  const long at_first = allocations;
  Random rng;
  for (int c = 0; c < kCells; ++c)
    for (int m : {1, 3, 40}) {
      Layer<float> l(static_cast<Cell>(c), 24, 300, m, 1, false, false, rng);
      Stream<float> stream(l.p.cell, l.p.activations, 24, 300, m, l.weights());
      l.out.resize(l.dy.size());
      const auto step = [&] { stream.step({l.x.data(), 24, 0}, {l.out.data(), 300, 0}); };
      step();  // the pool starts its threads
      const long before = allocations;
      for (int i = 0; i < 100; ++i) step();
      const bool none = allocations == before;
      check(none, std::string(info(l.p.cell).name) + ": a step allocates nothing");
    }
  check(allocations > at_first, "allocations are counted");
#endif
}

static void long_sequence() {
  Random rng;
  Layer<float> l(find_cell("lstm"), 1, 1, 1, 100000, false, false, rng);
  l.forward(), l.backward();
  check(std::isfinite(l.d_params[0][0]), "a long sequence");
}

}  // namespace bptt

int main(int argc, char** argv) {
  using namespace bptt;
  for_each_isa([](const std::string& isa) {
    for (int c = 0; c < kCells; ++c) {
      bits<float>(isa, static_cast<Cell>(c), 13, 50);
      bits<float>(isa, static_cast<Cell>(c), 40, 160);
      bits<double>(isa, static_cast<Cell>(c), 7, 41);
      teams<float>(isa, static_cast<Cell>(c));
    }
    shared_row<float>(isa, find_cell("lstm"), 90, 270);
    shared_row<float>(isa, find_cell("rnn"), 300, 500);
    shared_row<double>(isa, find_cell("rnn_relu"), 70, 410);
    teams<double>(isa, find_cell("lstm"));
    teams<double>(isa, find_cell("gru"));
    nan_row(isa);
    empty_shapes(isa);
  });
  many_shapes();
  denormals();
  two_callers();
  // qemu-user cannot start threads in a forked child
  if (argc < 2 || std::string(argv[1]) != "nofork") after_fork();
  stream_allocates_nothing();
  long_sequence();
  return finish("engine");
}
