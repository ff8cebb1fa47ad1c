// What is not recurrent, for Python: the output layer and its loss, the update of the parameters,
// elementwise functions.
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "bindings_arrays.h"
#include "bindings_changes.h"
#include "bindings_lock.h"
#include "engine/dense.h"
#include "engine/dispatch.h"
#include "engine/pool.h"
#include "engine/update.h"

using namespace nb::literals;

namespace bptt {
namespace {

// ---- the output layer and its loss, over rows ----

struct Dense {  // x (rows, n_in), w (n_out, n_in)
  View x, w;
  index rows;
  int n_in, n_out;
  Dense(nb::object x_, nb::object w_) : x(x_, "x"), w(w_, "W") {
    if (x.dims() != 2 || w.dims() != 2) refuse("x and W must have two dimensions.");
    rows = small(x.size(0), "rows"), n_in = small(x.size(1), "n_in"), n_out = small(w.size(0), "n_out");
    if (n_in < 1 || n_out < 1) refuse("W is empty; expected at least one row and one column.");
    x.need_contiguous(), w.need_contiguous();
  }
};

template <class T>
nb::object dense_forward_as(const Dense& d, nb::object b) {
  const View bias(b, "b");
  bias.need_contiguous();
  const T *x = d.x.data<const T>({d.rows, d.n_in}), *w = d.w.data<const T>({d.n_out, d.n_in});
  const T* at = bias.dims() == 1 ? bias.data<const T>({d.n_out}) : bias.data<const T>({d.n_out, 1});
  T* y;
  nb::object out = new_array<T>({d.rows, d.n_out}, &y);
  WithoutLock release;
  dense_forward<T>(x, w, at, d.rows, d.n_in, d.n_out, y, release.watch());
  return out;
}
nb::object py_dense_forward(nb::object x, nb::object w, nb::object b) {
  const Dense d(x, w);
  return d.x.kind() == 'f' ? dense_forward_as<float>(d, b) : dense_forward_as<double>(d, b);
}

template <class T>
nb::object dense_backward_as(const Dense& d, nb::object dy, bool need_dx, nb::object parts) {
  const View up(dy, "dy");
  up.need_contiguous();
  const T *x = d.x.data<const T>({d.rows, d.n_in}), *w = d.w.data<const T>({d.n_out, d.n_in});
  const T* from = up.data<const T>({d.rows, d.n_out});
  const PartSizes sizes(parts, d.rows);
  T *dx = nullptr, *dw, *db;
  nb::object x_array = need_dx ? new_array<T>({d.rows, d.n_in}, &dx) : nb::none();
  nb::object w_array = sizes.new_arrays<T>({d.n_out, d.n_in}, &dw),
             b_array = sizes.new_arrays<T>({d.n_out, 1}, &db);
  std::vector<DensePart<T>> part;
  for (int rows : sizes.rows) part.push_back({rows, dw, db}), dw += index(d.n_out) * d.n_in, db += d.n_out;
  if (part.empty()) part.push_back({d.rows, nullptr, nullptr});
  {
    WithoutLock release;
    dense_backward<T>(from, x, w, d.n_in, d.n_out, dx, part, release.watch());
  }
  return nb::make_tuple(x_array, w_array, b_array);
}
nb::object py_dense_backward(nb::object dy, nb::object x, nb::object w, bool need_dx, nb::object parts) {
  const Dense d(x, w);
  return d.x.kind() == 'f' ? dense_backward_as<float>(d, dy, need_dx, parts)
                           : dense_backward_as<double>(d, dy, need_dx, parts);
}

template <class T>
nb::object cross_entropy_as(const View& logits, const View& ids) {
  const T* from = logits.data<const T>({-1, -1});
  const index rows = logits.size(0), n = small(logits.size(1), "classes");
  const Array<index> own(rows);  // another thread may change the caller's after the check
  index* id = own.data();
  std::copy_n(ids.data<const index>({rows}), rows, id);
  for (index r = 0; r < rows; ++r)
    if (id[r] < 0 || id[r] >= n)
      refuse("an id is " + std::to_string(id[r]) + "; expected 0 .. " + std::to_string(n - 1) + ".");
  double* nats;
  T* dlogits;
  nb::object nats_array = new_array<double>({rows}, &nats), d_array = new_array<T>({rows, n}, &dlogits);
  {
    WithoutLock release;
    softmax_cross_entropy<T>(from, id, rows, int(n), nats, dlogits, release.watch());
  }
  return nb::make_tuple(nats_array, d_array);
}
nb::object py_cross_entropy(nb::object logits, nb::object ids) {
  const View from(logits, "logits"), id(ids, "ids");
  from.need_contiguous(), id.need_contiguous();
  return from.kind() == 'f' ? cross_entropy_as<float>(from, id) : cross_entropy_as<double>(from, id);
}

// ---- the update of the parameters ----

index count(const View& v) {
  v.need_contiguous();
  index n = 1;
  for (int axis = 0; axis < v.dims(); ++axis) n *= v.size(axis);
  return n;
}
template <class T>
T* elements(const View& v, index n) {  // of any shape
  if (v.kind() != (sizeof(T) == 4 ? 'f' : 'd') || count(v) != n)
    refuse("the arrays are not alike in type and size.");
  return static_cast<T*>(v.buffer());
}
std::vector<View> views_of(nb::list arrays, const char* name, bool writable) {
  std::vector<View> views;
  views.reserve(arrays.size());
  for (nb::handle a : arrays) views.emplace_back(a, name, writable);
  return views;
}

template <class T>
void adam_as(const std::vector<View> (&v)[4], const std::vector<double>& decay, const AdamRates& rates) {
  std::vector<AdamArray<T>> arrays;
  for (std::size_t i = 0; i < decay.size(); ++i) {
    const index n = count(v[0][i]);
    arrays.push_back({elements<T>(v[0][i], n), elements<const T>(v[1][i], n), elements<T>(v[2][i], n),
                      elements<T>(v[3][i], n), n, decay[i]});
  }
  WithoutLock release;
  adam<T>(arrays, rates);
}
void py_adam(nb::list parameters, nb::list gradients, nb::list m, nb::list v, double scale, double learning_rate,
             double beta1, double beta2, double epsilon, const std::vector<double>& decay, double correction1,
             double correction2) {
  const std::vector<View> views[4] = {views_of(parameters, "parameters", true),
                                      views_of(gradients, "gradients", false), views_of(m, "m", true),
                                      views_of(v, "v", true)};
  for (const auto& list : views)
    if (list.size() != decay.size()) refuse("the lists are not of one length.");
  if (decay.empty()) return;
  const AdamRates rates{scale, learning_rate, beta1, beta2, epsilon, correction1, correction2};
  views[0][0].kind() == 'f' ? adam_as<float>(views, decay, rates) : adam_as<double>(views, decay, rates);
}

template <class T>
double squared_norm_as(const std::vector<View>& views) {
  std::vector<Span<T>> arrays;
  for (const View& v : views) arrays.push_back({elements<const T>(v, count(v)), count(v)});
  WithoutLock release;
  return squared_norm<T>(arrays);
}
double py_squared_norm(nb::list arrays) {
  const std::vector<View> views = views_of(arrays, "arrays", false);
  if (views.empty()) return 0;
  return views[0].kind() == 'f' ? squared_norm_as<float>(views) : squared_norm_as<double>(views);
}

// ---- changed arrays ----

template <class T>
std::uint64_t fingerprint_as(const View& v) {
  Fingerprint f;
  f.add_sample(static_cast<const T*>(v.buffer()), count(v), kRuns, kRun);
  return f.value();
}
std::vector<std::uint64_t> py_fingerprints(nb::list arrays) {
  std::vector<std::uint64_t> found;
  for (const View& v : views_of(arrays, "arrays", false)) {
    if (v.kind() == '?') refuse("an array is of another type; expected float32, float64 or int64.");
    found.push_back(v.kind() == 'f' ? fingerprint_as<float>(v) : fingerprint_as<double>(v));
  }
  return found;
}

// ---- elementwise functions, for tests and for layers ----

template <class T>
nb::object map_as(const View& x, void (*f)(const T*, T*, index)) {
  x.need_contiguous();
  const T* from = x.data<const T>({-1});
  T* to;
  nb::object out = new_array<T>({x.size(0)}, &to);
  const index n = x.size(0), piece = 1 << 14, pieces = std::max<index>(1, (n + piece - 1) / piece);
  const int parts = int(std::min<index>(pieces, get_num_threads()));
  WithoutLock release;
  parallel(parts, [&](int i) {
    const index a = n * i / parts, b = n * (i + 1) / parts;
    f(from + a, to + a, b - a);
  });
  return out;
}
template <class F32, class F64>
nb::object elementwise(nb::object x, F32 f32, F64 f64) {
  View v(x, "x");
  if (v.kind() == 'f') return map_as<float>(v, f32);
  return map_as<double>(v, f64);
}

}  // namespace

void bind_rows(nb::module_& m) {
  m.def("dense_forward", &py_dense_forward, "x"_a, "W"_a, "b"_a,
        nb::sig("def dense_forward(x: numpy.ndarray, W: numpy.ndarray, b: numpy.ndarray) -> numpy.ndarray"));
  m.def("dense_backward", &py_dense_backward, "dy"_a, "x"_a, "W"_a, "need_dx"_a, "parts"_a.none() = nb::none(),
        nb::sig("def dense_backward(dy: numpy.ndarray, x: numpy.ndarray, W: numpy.ndarray, need_dx: bool, "
                "parts: Sequence[int] | None = None) "
                "-> tuple[numpy.ndarray | None, numpy.ndarray, numpy.ndarray]"));
  m.def("softmax_cross_entropy", &py_cross_entropy, "logits"_a, "ids"_a,
        nb::sig("def softmax_cross_entropy(logits: numpy.ndarray, ids: numpy.ndarray) "
                "-> tuple[numpy.ndarray, numpy.ndarray]"));

  m.def(
      "adam", &py_adam, "parameters"_a, "gradients"_a, "m"_a, "v"_a, "scale"_a, "learning_rate"_a, "beta1"_a,
      "beta2"_a, "epsilon"_a, "decay"_a, "correction1"_a, "correction2"_a,
      nb::sig("def adam(parameters: list[numpy.ndarray], gradients: list[numpy.ndarray], m: list[numpy.ndarray], "
              "v: list[numpy.ndarray], scale: float, learning_rate: float, beta1: float, beta2: float, "
              "epsilon: float, decay: collections.abc.Sequence[float], correction1: float, correction2: float) -> "
              "None"),
      "Changes parameters, m and v in place: bptt.equations.updates.adam.");
  m.def("squared_norm", &py_squared_norm, "arrays"_a,
        nb::sig("def squared_norm(arrays: list[numpy.ndarray]) -> float"));

  m.def("fingerprints", &py_fingerprints, "arrays"_a,
        nb::sig("def fingerprints(arrays: list[numpy.ndarray]) -> list[int]"),
        "Mix the bits of up to 512 elements of each array: other numbers where an array was changed.");

  m.def(
      "exp", [](nb::object x) { return elementwise(x, kernels<float>().exp, kernels<double>().exp); }, "x"_a,
      nb::sig("def exp(x: numpy.ndarray) -> numpy.ndarray"));
  m.def(
      "tanh", [](nb::object x) { return elementwise(x, kernels<float>().tanh, kernels<double>().tanh); }, "x"_a,
      nb::sig("def tanh(x: numpy.ndarray) -> numpy.ndarray"));
  m.def(
      "sigmoid", [](nb::object x) { return elementwise(x, kernels<float>().sigmoid, kernels<double>().sigmoid); },
      "x"_a, nb::sig("def sigmoid(x: numpy.ndarray) -> numpy.ndarray"));
}

}  // namespace bptt
