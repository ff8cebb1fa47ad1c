// Threads that compute the steps of the same rows together: each takes units, and all meet before what one has
// computed is read by another. No standard-library templates: see isa.cpp.
#pragma once
#include <cstdint>

#include "problem.h"

namespace bptt {

// Members call for_units() equally often, with the same number of units. Each has a share of the units, which stay
// the same from step to step, so that their weights stay in its core's cache; who has finished takes what is left
// of the others' shares, so that no one waits for a slow core.
struct Team {
  static constexpr int kMost = 64;

  int members = 1;
  int units = 0, grain = 1;   // vectors of units; those that are taken together, a multiple of where panels begin
  void (*yield)() = nullptr;  // gives the core away

  // Before the first call of any member.
  void begin() {
    for (int i = 0; i < members; ++i) share_[i].left[0] = full(i);
    phase_ = arrived_ = 0;
  }

  // One member's calls.
  class Member {
   public:
    Member(Team* team, int i) : team_(team), i_(i) {}

    // f(ua, ub) for units of this phase until none is left; then waits for the others.
    template <class F>
    void for_units(int units, F f) {
      if (!team_) return f(0, units);
      Team& t = *team_;
      const int now = phase_ & 1;
      int ua, ub;
      while (t.take(t.share_[i_].left[now], false, ua, ub)) f(ua, ub);
      for (int j = 1; j < t.members; ++j)
        while (t.take(t.share_[(i_ + j) % t.members].left[now], true, ua, ub)) f(ua, ub);
      t.share_[i_].left[now ^ 1] = t.full(i_);
      t.meet(phase_++);
    }

   private:
    Team* team_;
    int i_;
    unsigned phase_ = 0;
  };

 private:
  using Range = std::uint64_t;  // grains [begin, end): begin << 32 | end

  Range full(int i) const {
    const std::int64_t grains = (units + grain - 1) / grain;
    return Range(grains * i / members) << 32 | Range(grains * (i + 1) / members);
  }
  // The owner takes half of what is left, from the front; others one grain, from the back.
  bool take(Range& left, bool other, int& ua, int& ub) const {
    Range r = __atomic_load_n(&left, __ATOMIC_ACQUIRE);
    for (;;) {
      const int a = int(r >> 32), b = int(r & 0xffffffff);
      if (a >= b) return false;
      const int from = other ? b - 1 : a, to = other ? b : a + (b - a + 1) / 2;
      const Range rest = other ? Range(a) << 32 | Range(from) : Range(to) << 32 | Range(b);
      if (!__atomic_compare_exchange_n(&left, &r, rest, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) continue;
      ua = from * grain, ub = to * grain < units ? to * grain : units;
      return true;
    }
  }
  void meet(unsigned phase) {
    if (__atomic_add_fetch(&arrived_, 1, __ATOMIC_ACQ_REL) == members) {
      __atomic_store_n(&arrived_, 0, __ATOMIC_RELAXED);
      __atomic_store_n(&phase_, phase + 1, __ATOMIC_RELEASE);
      return;
    }
    for (int spins = 0; __atomic_load_n(&phase_, __ATOMIC_ACQUIRE) == phase; ++spins) {
      if (spins < 200)  // some microseconds: another thread may wait for this core
        pause();
      else
        yield();
    }
  }
  static void pause() {
#if defined(__SSE__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
  }

  struct alignas(64) Share {
    Range left[2];  // of this phase and of the next
  } share_[kMost];
  alignas(64) int arrived_ = 0;
  alignas(64) unsigned phase_ = 0;
};

}  // namespace bptt
