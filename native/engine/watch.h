// How a long call ends early. The drivers cut long work into pieces and call the watch between two of them.
#pragma once
#include <chrono>

namespace bptt {

class Watch {
 public:
  using Check = void (*)(void* context);
  Watch() = default;
  Watch(Check check, void* context) : check_(check), context_(context) {}

  // Calls the check if 50 ms have passed since the last time; the first call starts the clock (reading it can
  // take 0.5 us, and most calls of the engine are one piece). What the check throws ends the call; the results
  // are then incomplete.
  void operator()() {
    if (!check_) return;
    const auto now = Clock::now();
    if (last_ != Clock::time_point() && now - last_ < std::chrono::milliseconds(50)) return;
    if (last_ != Clock::time_point()) check_(context_);
    last_ = Clock::now();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Check check_ = nullptr;
  void* context_ = nullptr;
  Clock::time_point last_{};
};

}  // namespace bptt
