// The interpreter lock around the engine's work.
#pragma once
#include <Python.h>

#include <chrono>
#include <thread>

#include "engine/watch.h"

namespace bptt {

// Thrown where a signal handler raised (Ctrl-C): the Python error is set already.
struct Interrupted {};

// Releases the interpreter lock while it lives.
//
// Python ends a daemon thread that takes the lock while the interpreter is being finalized: by pthread_exit,
// which unwinds the stack as an exception does and would end the process where it passes a destructor. Such a
// thread is held here until the process ends, as Python itself does from 3.14 on.
class WithoutLock {
 public:
  WithoutLock() : state_(PyEval_SaveThread()) {}
  ~WithoutLock() { take(); }
  WithoutLock(const WithoutLock&) = delete;
  WithoutLock& operator=(const WithoutLock&) = delete;

  // Runs the handlers of signals that have arrived between two pieces of the work; in the main thread only,
  // as Python defines.
  Watch watch() {
    return {[](void* self) { static_cast<WithoutLock*>(self)->handle_signals(); }, this};
  }

 private:
  void take() noexcept {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  }
  void handle_signals() {
    take();
    const bool raised = PyErr_CheckSignals() != 0;
    state_ = PyEval_SaveThread();
    if (raised) throw Interrupted();
  }
  PyThreadState* state_;
};

}  // namespace bptt
