#include "pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "fpmode.h"
#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__SSE__)
#include <immintrin.h>
#endif

namespace bptt {
namespace {

constexpr int kMaxParts = 0xffff;
constexpr auto kSpin = std::chrono::microseconds(300);  // a training step comes back sooner than that

inline void pause() {
#if defined(__SSE__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// A job is published by one store to `ticket_`: [generation:32 | parts:16 | next part:16]. The thread that
// raises `next` by compare-and-swap owns that part; the job cannot end before its parts have, so its
// fields are read only after a successful claim.
class Pool {
 public:
  explicit Pool(int threads) : threads_(threads) {}

  int threads() const { return threads_.load(std::memory_order_relaxed); }

  void resize(int n) {
    std::lock_guard<std::mutex> hold(busy_);
    stop();
    threads_ = n;
  }

  // Returns false where `own_threads` is asked and a part would have to wait for the end of another.
  bool run(int parts, void (*job)(void*, int), void* context, bool own_threads) {
    std::unique_lock<std::mutex> hold(busy_, std::defer_lock);
    if (parts > 1 && parts <= kMaxParts && threads() > 1 && hold.try_lock()) {
      start(parts);
      if (own_threads && int(workers_.size()) < parts - 1) return false;
      job_ = job, context_ = context;
      left_.store(parts, std::memory_order_relaxed);
      const std::uint64_t generation = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
      ticket_.store(generation << 32 | std::uint64_t(parts) << 16);
      if (sleepers_.load() > 0) {
        {
          std::lock_guard<std::mutex> wake(sleep_);
        }
        awake_.notify_all();
      }
      while (work()) {
      }
      for (int spins = 0; left_.load(std::memory_order_acquire) > 0; ++spins) {
        if (spins < 2000)
          pause();
        else
          std::this_thread::yield();
      }
      return true;
    }
    if (own_threads && parts > 1) return false;
    FlushDenormals flush;
    for (int part = 0; part < parts; ++part) job(context, part);
    return true;
  }

 private:
  static bool claimable(std::uint64_t t) { return (t & 0xffff) < (t >> 16 & 0xffff); }

  bool work() {  // claims and runs one part
    std::uint64_t t = ticket_.load(std::memory_order_acquire);
    while (claimable(t)) {
      if (!ticket_.compare_exchange_weak(t, t + 1, std::memory_order_acq_rel)) continue;
      {
        FlushDenormals flush;
        job_(context_, int(t & 0xffff));
      }
      left_.fetch_sub(1, std::memory_order_acq_rel);
      return true;
    }
    return false;
  }

  void worker() {
    while (!stopping_.load(std::memory_order_relaxed)) {
      if (work()) continue;
      const auto until = std::chrono::steady_clock::now() + kSpin;
      bool found = false;
      do {
        for (int i = 0; i < 64 && !found; ++i) {
          found = claimable(ticket_.load(std::memory_order_relaxed));
          pause();
        }
      } while (!found && std::chrono::steady_clock::now() < until);
      if (found) continue;
      std::unique_lock<std::mutex> lock(sleep_);
      ++sleepers_;  // before the last check: the publisher stores the ticket, then reads sleepers_
      awake_.wait(lock, [&] { return stopping_ || claimable(ticket_.load()); });
      --sleepers_;
    }
  }

  void start(int parts) {  // no more threads than parts
    const int wanted = (parts < threads() ? parts : threads()) - 1;
    if (refused_) return;
    try {
      while (int(workers_.size()) < wanted) workers_.emplace_back([this] { worker(); });
    } catch (const std::exception&) {  // a limit of the system: the parts run on the threads that there are
      refused_ = true;
    }
  }
  void stop() {
    {
      std::lock_guard<std::mutex> lock(sleep_);
      stopping_ = true;
    }
    awake_.notify_all();
    for (auto& w : workers_) w.join();
    workers_.clear();
    stopping_ = refused_ = false;
  }

  std::atomic<int> threads_;
  std::mutex busy_;  // held by the caller whose job runs
  std::vector<std::thread> workers_;
  bool refused_ = false;  // the system gave no further thread
  void (*job_)(void*, int) = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<std::uint64_t> ticket_{0};
  alignas(64) std::atomic<int> left_{0};
  alignas(64) std::atomic<int> sleepers_{0};
  std::atomic<bool> stopping_{false};
  std::mutex sleep_;
  std::condition_variable awake_;
};

// Never destroyed: workers may outlive static destructors. A forked child has no workers and perhaps
// locked locks, so it gets a fresh pool and forgets the old one.
std::atomic<Pool*> the_pool{nullptr};
std::once_flag pool_made;

Pool& pool() {
  std::call_once(pool_made, [] {
    the_pool = new Pool(default_threads());
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork(nullptr, nullptr, [] { the_pool = new Pool(the_pool.load()->threads()); });
#endif
  });
  return *the_pool.load(std::memory_order_acquire);
}

}  // namespace

int default_threads() {
  int n = int(std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
#endif
  return n < 1 ? 1 : n;
}

int get_num_threads() { return pool().threads(); }
void set_num_threads(int n) { pool().resize(n); }
void run_parts(int parts, void (*job)(void*, int), void* context) { pool().run(parts, job, context, false); }
bool run_together(int parts, void (*job)(void*, int), void* context) {
  return pool().run(parts, job, context, true);
}

}  // namespace bptt
