// The Python module `_native`: converts arguments, releases the interpreter lock, calls the engine.
#include "bindings.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings_arrays.h"
#include "bindings_changes.h"
#include "bindings_lock.h"
#include "engine/caches.h"
#include "engine/dispatch.h"
#include "engine/memory.h"
#include "engine/pool.h"

NB_MODULE(_native, m) {
  using namespace bptt;
  using namespace nb::literals;
  nb::set_leak_warnings(false);
  m.doc() = "Kernels of the bptt engine. See native/README.md.";
  nb::exception<LayoutError>(m, "LayoutError", PyExc_ValueError);
  nb::exception<ChangedError>(m, "ChangedError", PyExc_RuntimeError);
  nb::exception<BusyError>(m, "BusyError", PyExc_RuntimeError);
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Interrupted&) {  // the signal handler has set the Python error
    }
  });
  bind_layers(m);
  bind_packed(m);
  bind_rows(m);
  bind_steps(m);

  m.def(
      "isa", [] { return std::string(isa()); }, "Raises ValueError where BPTT_ISA names none of this machine's.");
  m.def("available_isas", &available_isas);
  m.def(
      "cache_sizes",
      [] {
        isa();
        return nb::make_tuple(cache_sizes.l1, cache_sizes.l2);
      },
      "Bytes of a core's L1 and L2 cache, by which products are cut into blocks.");
  m.def("get_num_threads", &get_num_threads);
  m.def(
      "set_num_threads",
      [](int n) {
        if (n < 1) refuse("the number of threads is " + std::to_string(n) + "; expected at least 1.");
        WithoutLock release;
        set_num_threads(n);
      },
      "n"_a);
  m.def("cached_bytes", &cached_bytes);
  m.def("release_memory", &release_cached_blocks);
}
