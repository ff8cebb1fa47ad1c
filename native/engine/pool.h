// The only thread pool. Everything that runs in parallel runs here, so that no two pools compete
// for the cores.
#pragma once
#include <type_traits>

namespace bptt {

// The CPUs of this process's affinity mask. (Quotas and the environment: bptt/engine/threads.py.)
int default_threads();
int get_num_threads();
void set_num_threads(int n);  // n >= 1

// Calls job(context, part) once for each part 0 .. parts-1 and returns when all are done. Parts may run
// at the same time or one after the other: a caller that finds the pool busy (another Python thread is
// in it) runs its parts alone, and where the system gives no more threads, those that there are run them.
// Denormals are flushed while a part runs.
void run_parts(int parts, void (*job)(void*, int), void* context);

// The same, all parts at the same time, each in a thread of its own: they may wait for one another. Returns
// false, and calls nothing, where there are not that many free threads.
bool run_together(int parts, void (*job)(void*, int), void* context);

template <class F>
bool together(int parts, F&& f) {
  return run_together(parts, [](void* c, int part) { (*static_cast<std::remove_reference_t<F>*>(c))(part); }, &f);
}
template <class F>
void parallel(int parts, F&& f) {
  run_parts(parts, [](void* c, int part) { (*static_cast<std::remove_reference_t<F>*>(c))(part); }, &f);
}

}  // namespace bptt
