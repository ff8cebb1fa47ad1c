// Recurrent layers whose weights are packed once, for Python: whole sequences, streams.
#include <nanobind/stl/string.h>

#include <atomic>
#include <optional>

#include "bindings.h"
#include "bindings_cells.h"
#include "bindings_lock.h"

using namespace nb::literals;

namespace bptt {
namespace {

// Multiply-adds of a call from which the interpreter lock is released: 50 us. The lock can take a switch
// interval (5 ms) to come back where another thread computes in Python.
constexpr double kWorthTheLock = 1e6;

// ---- whole sequences ----

// The directions of a layer, which read one input. A call keeps no tape, and several may run at the same time.
template <class T>
class Layer {
 public:
  explicit Layer(nb::object table) {
    if (table.is_none()) return;
    const View from(table, "table");
    const T* rows = from.data<const T>({-1, -1});
    from.need_contiguous();
    n_tokens_ = small(from.size(0), "n_tokens"), n_x_ = small(from.size(1), "n_x");
    table_ = Array<T>(index(n_tokens_) * n_x_);
    std::copy_n(rows, table_.size(), table_.data());
  }
  Layer(const Layer&) = delete;
  void add(const Params& p, const Activations& activations, bool reverse) {
    Direction d;
    d.problem.cell = p.cell, d.problem.activations = activations, d.problem.reverse = reverse;
    d.problem.n_x = p.n_x, d.problem.n_a = p.n_a;
    if (table_.data() && p.n_x != n_x_) refuse("the rows of the table do not have n_x elements.");
    d.packed = Packed<T>(d.problem, p.weights<T>(), table_.data(), n_tokens_);
    const Problem& first = directions_.empty() ? d.problem : directions_[0].problem;
    if (p.n_x != first.n_x || p.n_a != first.n_a || info(p.cell).n_states != info(first.cell).n_states)
      refuse("the directions differ in n_x, n_a or their states; expected the same.");
    directions_.push_back(std::move(d));
  }
  // Into `out`, (y, *final state), or None for new arrays.
  nb::object forward(nb::object x, nb::tuple state0, nb::object lengths, nb::object out) const {
    const View from(x, "x");
    Array<T> own;
    Array<index> tokens;
    Problem p = directions_[0].problem;
    Input<T> in;
    if (table_.data())
      in.token = token_rows(from, tokens), in.table = table_.data(), in.n_tokens = n_tokens_;
    else
      in.x = from.rows_or_copy<T>({-1, -1, p.n_x}, own);
    const index m = small(from.size(0), "m"), T_x = small(from.size(1), "T_x"), n_a = p.n_a;
    const index n = index(directions_.size()), width = n * n_a;
    need_addressable({m + 1, T_x + 1, width + 16 * n, kMaxBlocks + 1});
    View given;
    if (!lengths.is_none()) given = View(lengths, "lengths"), p.lengths = given.data<const index>({m});
    const StatesIn<T> start(info(p.cell), state0, {n, m, n_a});
    std::vector<View> views;
    const auto result = [&](std::initializer_list<index> shape, T** to) {
      if (out.is_none()) return new_array<T>(shape, to);
      nb::object array = out[views.size()];
      views.emplace_back(array, "out", true);
      *to = views.back().data<T>(shape);
      views.back().need_contiguous();
      return array;
    };
    T* y;
    const nb::object outputs = result({m, T_x, width}, &y);
    const StatesOut<T> end(info(p.cell), {n, m, n_a}, result);
    const auto run = [&](Watch watch) {
      for (index k = 0; k < n; ++k) {
        const Direction& d = directions_[k];
        p.cell = d.problem.cell, p.activations = d.problem.activations, p.reverse = d.problem.reverse;
        p.m = int(m), p.T = int(T_x);
        bptt::forward<T>(p, {}, in, of_direction(start.rows, k), {y + k * n_a, T_x * width, width},
                         of_direction(end.rows, k), nullptr, &d.packed, watch);
      }
    };
    if (double(m * T_x) * width * info(p.cell).blocks * (p.n_x + double(n_a)) < kWorthTheLock) {
      run({});
    } else {
      WithoutLock release;
      run(release.watch());
    }
    return nb::make_tuple(outputs, end.tuple());
  }

 private:
  struct Direction {
    Problem problem;  // of no sequences
    Packed<T> packed;
  };
  template <class E>
  static StateRows<E> of_direction(const StateRows<E>& all, index k) {  // (n_directions, m, n_a) -> (m, n_a)
    StateRows<E> rows{};
    for (int i = 0; i < kMaxStates; ++i)
      if (all.of[i].data) rows.of[i] = {all.of[i].at(k, 0), all.of[i].stride_time, 0};
    return rows;
  }
  Array<T> table_;  // empty: x has features
  int n_tokens_ = 0, n_x_ = 0;
  std::vector<Direction> directions_;
};

class PyLayer {
 public:
  PyLayer(nb::list directions, nb::object table) {
    for (nb::handle given : directions) {
      const nb::tuple d = nb::cast<nb::tuple>(given);
      if (d.size() != 4) refuse("a direction has " + std::to_string(d.size()) + " entries; expected 4.");
      const Params p(cell_named(nb::cast<std::string>(d[0])), nb::cast<nb::dict>(d[1]));
      const Activations a = activations_of(p.cell, d[2]);
      const bool reverse = nb::cast<bool>(d[3]);
      if (p.kind == 'f' && !d_)
        (f_ ? *f_ : f_.emplace(table)).add(p, a, reverse);
      else if (p.kind == 'd' && !f_)
        (d_ ? *d_ : d_.emplace(table)).add(p, a, reverse);
      else
        refuse("parameters must be all float32 or all float64.");
    }
    if (!f_ && !d_) refuse("there is no direction; expected one or more.");
  }
  nb::object forward(nb::object x, nb::tuple state0, nb::object lengths, nb::object out) const {
    return f_ ? f_->forward(x, state0, lengths, out) : d_->forward(x, state0, lengths, out);
  }

 private:
  std::optional<Layer<float>> f_;
  std::optional<Layer<double>> d_;
};

// ---- streams ----

class PyStream {
 public:
  PyStream(const std::string& cell, nb::dict named, int m, nb::object activations) {
    Params p(cell_named(cell), named);
    const Activations a = activations_of(p.cell, activations);
    if (m < 1) refuse("m is " + std::to_string(m) + "; expected at least 1.");
    if (p.kind == 'f')
      f_.emplace(p.cell, a, p.n_x, p.n_a, m, p.weights<float>());
    else if (p.kind == 'd')
      d_.emplace(p.cell, a, p.n_x, p.n_a, m, p.weights<double>());
    else
      refuse("parameters must be float32 or float64.");
  }
  nb::object step(nb::object x) {
    const Turn turn(busy_);
    return f_ ? step_as(*f_, x) : step_as(*d_, x);
  }
  nb::object state() const {
    const Turn turn(busy_);
    return f_ ? state_as(*f_) : state_as(*d_);
  }
  void set_state(nb::tuple state) {
    const Turn turn(busy_);
    f_ ? set_as(*f_, state) : set_as(*d_, state);
  }
  void reset() {
    const Turn turn(busy_);
    f_ ? f_->set_state({}) : d_->set_state({});
  }
  int m() const { return f_ ? f_->m() : d_->m(); }

 private:
  struct Turn {  // one thread at a time; a second is refused
    std::atomic<bool>& busy;
    explicit Turn(std::atomic<bool>& b) : busy(b) {
      if (busy.exchange(true, std::memory_order_acquire))
        throw BusyError("another thread uses the stream; expected one thread at a time.");
    }
    ~Turn() { busy.store(false, std::memory_order_release); }
    Turn(const Turn&) = delete;
  };
  template <class T>
  static void run(Stream<T>& s, const Rows<const T>& x, const Rows<T>& y) {
    if (s.multiply_adds() < kWorthTheLock) return s.step(x, y);
    WithoutLock release;
    s.step(x, y);
  }
  template <class T>
  static nb::object step_as(Stream<T>& s, nb::object x) {
    View from(x, "x_t");
    T* to;
    nb::object out = new_array<T>({s.m(), s.n_a()}, &to);
    run<T>(s, from.rows<const T>({s.m(), s.n_x()}), {to, s.n_a(), 0});
    return out;
  }
  template <class T>
  static nb::object state_as(const Stream<T>& s) {
    const StatesOut<T> to(info(s.cell()), {s.m(), s.n_a()});
    s.get_state(to.rows);
    return to.tuple();
  }
  template <class T>
  static void set_as(Stream<T>& s, nb::tuple state) {
    s.set_state(StatesIn<T>(info(s.cell()), state, {s.m(), s.n_a()}).rows);
  }
  std::optional<Stream<float>> f_;
  std::optional<Stream<double>> d_;
  mutable std::atomic<bool> busy_{false};
};

}  // namespace

void bind_packed(nb::module_& m) {
  nb::class_<PyLayer>(m, "Layer", "The directions of a layer, which read one input. The weights are copied.")
      .def(nb::init<nb::list, nb::object>(), "directions"_a, "table"_a.none(),
           nb::sig(
               "def __init__(self, directions: list[tuple[str, dict[str, numpy.ndarray], "
               "tuple[tuple[str, tuple[float, ...]], ...] | None, bool]], table: numpy.ndarray | None) -> None"),
           "directions: (cell, parameters, activations, reverse) of each.")
      .def("forward", &PyLayer::forward, nb::arg(), nb::arg(), nb::arg().none(), nb::arg().none(),
           nb::sig("def forward(self, x: numpy.ndarray, state0: tuple[numpy.ndarray, ...], "
                   "lengths: numpy.ndarray | None, out: tuple[numpy.ndarray, ...] | None, /) "
                   "-> tuple[numpy.ndarray, tuple[numpy.ndarray, ...]]"),
           "Returns (y, final state), new or those of `out`: see bptt.engine.Provider.prepare.");
  nb::class_<PyStream>(m, "Stream", "A cell that processes m sequences step by step. The weights are copied.")
      .def(nb::init<const std::string&, nb::dict, int, nb::object>(), "cell"_a, "parameters"_a, "m"_a,
           "activations"_a.none() = nb::none(),
           nb::sig("def __init__(self, cell: str, parameters: dict[str, numpy.ndarray], m: int, "
                   "activations: tuple[tuple[str, tuple[float, ...]], ...] | None = None) -> None"))
      // no named argument: nanobind's shortest call
      .def("step", &PyStream::step, nb::sig("def step(self, xt: numpy.ndarray, /) -> numpy.ndarray"),
           "xt (m, n_x) -> the next output (m, n_a).")
      .def("reset", &PyStream::reset)
      .def("set_state", &PyStream::set_state, "state"_a,
           nb::sig("def set_state(self, state: tuple[numpy.ndarray | None, ...]) -> None"))
      .def_prop_ro("state", &PyStream::state, nb::sig("def state(self) -> tuple[numpy.ndarray, ...]"))
      .def_prop_ro("m", &PyStream::m);
}

}  // namespace bptt
