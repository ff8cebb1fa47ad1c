// Sums and maxima over time steps, for Python.
#include "bindings.h"
#include "bindings_arrays.h"
#include "bindings_lock.h"
#include "engine/steps.h"

using namespace nb::literals;

namespace bptt {
namespace {

struct Sequences {  // x (m, T, n) and a checked copy of its lengths: another thread may change the caller's
  View x;
  index m, n;
  Array<index> lengths;
  Sequences(nb::object x_, nb::object lengths_) : x(x_, "x") {
    if (x.dims() != 3) refuse("x must have three dimensions.");
    m = small(x.size(0), "m"), n = small(x.size(2), "n");
    const index T = small(x.size(1), "T_x");
    lengths = Array<index>(m);
    std::fill_n(lengths.data(), m, T);
    if (lengths_.is_none()) return;
    const View given(lengths_, "lengths");
    given.need_contiguous();
    std::copy_n(given.data<const index>({m}), m, lengths.data());
    for (index r = 0; r < m; ++r)
      if (lengths.data()[r] < 0 || lengths.data()[r] > T)
        refuse("lengths[" + std::to_string(r) + "] is " + std::to_string(lengths.data()[r]) + "; expected 0 .. " +
               std::to_string(T) + ".");
  }
};

template <class T>
nb::object add_steps_as(const Sequences& s, nb::object total) {
  const View start(total, "total");
  start.need_contiguous();
  const double* from = start.data<const double>({s.m, s.n});
  const Rows<const T> x = s.x.rows<const T>({s.m, -1, s.n});
  double* sum;
  nb::object out = new_array<double>({s.m, s.n}, &sum);
  WithoutLock release;
  add_steps<T>(x, s.lengths.data(), s.m, s.n, from, sum, release.watch());
  return out;
}
nb::object py_add_steps(nb::object x, nb::object lengths, nb::object total) {
  const Sequences s(x, lengths);
  return s.x.kind() == 'f' ? add_steps_as<float>(s, total) : add_steps_as<double>(s, total);
}

template <class T>
nb::object max_steps_as(const Sequences& s, nb::object top) {
  const View start(top, "top");
  start.need_contiguous();
  const T* from = start.data<const T>({s.m, s.n});
  const Rows<const T> x = s.x.rows<const T>({s.m, -1, s.n});
  T* most;
  index* at;
  nb::object out = new_array<T>({s.m, s.n}, &most), at_array = new_array<index>({s.m, s.n}, &at);
  {
    WithoutLock release;
    max_steps<T>(x, s.lengths.data(), s.m, s.n, from, most, at, release.watch());
  }
  return nb::make_tuple(out, at_array);
}
nb::object py_max_steps(nb::object x, nb::object lengths, nb::object top) {
  const Sequences s(x, lengths);
  return s.x.kind() == 'f' ? max_steps_as<float>(s, top) : max_steps_as<double>(s, top);
}

}  // namespace

void bind_steps(nb::module_& m) {
  m.def("add_steps", &py_add_steps, "x"_a, "lengths"_a.none(), "total"_a,
        nb::sig("def add_steps(x: numpy.ndarray, lengths: numpy.ndarray | None, total: numpy.ndarray) "
                "-> numpy.ndarray"));
  m.def("max_steps", &py_max_steps, "x"_a, "lengths"_a.none(), "top"_a,
        nb::sig("def max_steps(x: numpy.ndarray, lengths: numpy.ndarray | None, top: numpy.ndarray) "
                "-> tuple[numpy.ndarray, numpy.ndarray]"));
}

}  // namespace bptt
