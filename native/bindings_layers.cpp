// Recurrent layers for Python: forward, backward, the tape, streams.
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "bindings.h"
#include "bindings_arrays.h"
#include "engine/engine.h"
#include "engine/params.h"

using namespace nb::literals;

namespace bptt {
namespace {

Cell cell_named(const std::string& name) {
  for (int i = 0; i < kCells; ++i)
    if (name == kCellInfo[i].name) return static_cast<Cell>(i);
  refuse("cell is '" + name + "'; expected rnn, rnn_relu, lstm, gru or gru_reset_after.");
}

// The name of parameter i of a cell: a Python string made once, because a short sequence takes microseconds.
nb::handle param_name(Cell cell, int i) {
  static PyObject* name[kCells][kMaxParams];
  PyObject*& s = name[static_cast<int>(cell)][i];
  if (!s) s = PyUnicode_InternFromString(kParams[static_cast<int>(cell)][i].name);
  return s;
}

// The parameters of one cell, by name, as views.
struct Params {
  Cell cell;
  int n_x, n_a;
  char kind;  // 'f' or 'd'
  std::vector<View> views;
  std::vector<int> dims;  // a bias may be (n_a, 1) or (n_a,)

  Params(Cell c, nb::dict named, index want_n_x) : cell(c) {
    const ParamInfo* info = kParams[static_cast<int>(c)];
    views.reserve(kMaxParams), dims.reserve(kMaxParams);
    for (int i = 0; info[i].kind != ParamInfo::end; ++i) {
      PyObject* p = PyDict_GetItemWithError(named.ptr(), param_name(c, i).ptr());
      if (!p) refuse(std::string("params has no '") + info[i].name + "'.");
      views.emplace_back(nb::handle(p), info[i].name);
      dims.push_back(views.back().dims());
    }
    kind = views[0].kind();
    const View& first = views[0];
    if (first.dims() != 2) refuse(std::string(info[0].name) + " must have two dimensions.");
    n_a = int(first.size(0));
    n_x = int(first.size(1) - (info[0].kind == ParamInfo::joint ? n_a : 0));
    if (n_x < 0 || (want_n_x >= 0 && want_n_x != n_x))
      refuse("the input has " + std::to_string(want_n_x) + " features; the parameters expect " +
             std::to_string(n_x) + ".");
  }

  template <class T>
  Weights<const T> weights() const {
    const ParamInfo* info = kParams[static_cast<int>(cell)];
    Weights<const T> w{};
    for (std::size_t i = 0; i < views.size(); ++i) {
      const index columns = param_columns(info[i], n_x, n_a);
      const T* p = dims[i] == 1 && columns == 1 ? views[i].data<const T>({n_a})
                                                : views[i].data<const T>({n_a, columns});
      views[i].need_contiguous();
      attach<const T>(info[i], p, n_x, n_a, w);
    }
    return w;
  }
};

template <class T>
struct Kept {  // a tape and what it looks at
  Tape<T> tape;
  std::vector<View> alive;
  Params params;
  Array<T> x;  // where the caller's had another layout
};

class PyTape {
 public:
  std::optional<Kept<float>> f;
  std::optional<Kept<double>> d;
  template <class F>
  auto with(F&& fn) const {
    return f ? fn(*f) : fn(*d);
  }
};
template <class T>
std::optional<Kept<T>>& slot(PyTape& t) {
  if constexpr (std::is_same_v<T, float>) return t.f;
  else return t.d;
}

std::pair<nb::object, nb::object> two_states(nb::tuple state, bool has_c) {
  if (state.size() != 1u + has_c) refuse("the state has " + std::to_string(state.size()) + " arrays.");
  return {state[0], has_c ? nb::object(state[1]) : nb::none()};
}

template <class T>
nb::object forward_as(Params params, nb::object x, nb::object lengths, nb::tuple state0, bool reverse, bool keep_tape, nb::object table) {
  std::vector<View> alive;
  Array<T> own_x;
  Input<T> in;
  Problem p;
  p.cell = params.cell, p.reverse = reverse, p.n_x = params.n_x, p.n_a = params.n_a;
  const Weights<const T> weights = params.weights<T>();
  alive.emplace_back(x, table.is_none() ? "x" : "tokens");
  const View& v = alive.back();
  if (table.is_none()) {
    in.x = v.rows_or_copy<T>({-1, -1, p.n_x}, own_x);
  } else {
    v.data<const index>({-1, -1});
    in.token = {v.data<const index>({-1, -1}), v.stride(0), v.stride(1)};
  }
  p.m = small(v.size(0), "m"), p.T = small(v.size(1), "T_x");
  if (!table.is_none()) {
    alive.emplace_back(table, "table");
    in.table = alive.back().data<const T>({-1, p.n_x});
    alive.back().need_contiguous();
    in.n_tokens = small(alive.back().size(0), "n_tokens");
  }
  const bool has_c = info(p.cell).has_c;
  const auto [a0, c0] = two_states(state0, has_c);
  View length_view, a0_view, c0_view;
  if (!lengths.is_none()) {
    length_view = View(lengths, "lengths");
    p.lengths = length_view.data<const index>({p.m});
  }
  Rows<const T> from_a, from_c;
  if (!a0.is_none()) a0_view = View(a0, "a0"), from_a = a0_view.rows<const T>({p.m, p.n_a});
  if (!c0.is_none() && has_c) c0_view = View(c0, "c0"), from_c = c0_view.rows<const T>({p.m, p.n_a});

  T *out, *a_last, *c_last = nullptr;
  nb::object out_array = new_array<T>({p.m, p.T, p.n_a}, &out);
  nb::object a_array = new_array<T>({p.m, p.n_a}, &a_last);
  nb::object c_array = has_c ? new_array<T>({p.m, p.n_a}, &c_last) : nb::none();
  std::unique_ptr<PyTape> kept;
  Tape<T>* tape = nullptr;
  if (keep_tape) {
    kept = std::make_unique<PyTape>();
    tape = &slot<T>(*kept).emplace(Kept<T>{{}, std::move(alive), std::move(params), std::move(own_x)}).tape;
  }
  {
    nb::gil_scoped_release release;
    forward<T>(p, weights, in, from_a, from_c, {out, index(p.T) * p.n_a, p.n_a}, {a_last, p.n_a, 0},
               {c_last, p.n_a, 0}, tape);
  }
  nb::object state = has_c ? nb::make_tuple(a_array, c_array) : nb::make_tuple(a_array);
  return nb::make_tuple(out_array, state, kept ? nb::cast(std::move(kept)) : nb::none());
}

nb::object py_forward(const std::string& cell, nb::object x, nb::dict params, nb::object lengths,
                      nb::tuple state0, bool reverse, bool keep_tape, nb::object table) {
  Params p(cell_named(cell), params, -1);
  if (p.kind == 'f')
    return forward_as<float>(std::move(p), x, lengths, state0, reverse, keep_tape, table);
  if (p.kind == 'd')
    return forward_as<double>(std::move(p), x, lengths, state0, reverse, keep_tape, table);
  refuse("parameters must be float32 or float64.");
}

template <class T>
nb::object backward_as(const Kept<T>& kept, nb::object dy, nb::tuple dstate, bool need_dx) {
  const Plan& plan = kept.tape.plan;
  const index m = plan.m, T_x = plan.T, n_a = plan.n_a, n_x = plan.n_x;
  const bool has_c = info(plan.cell).has_c, tokens = kept.tape.in.table != nullptr;
  const auto [d_a_final, d_c_final] = two_states(dstate, has_c);
  View y_view, a_view, c_view;
  Rows<const T> from_y, from_a, from_c;
  Array<T> own_d;
  if (!dy.is_none()) y_view = View(dy, "dy"), from_y = y_view.rows_or_copy<T>({m, T_x, n_a}, own_d);
  if (!d_a_final.is_none())
    a_view = View(d_a_final, "d_a_final"), from_a = a_view.rows<const T>({m, n_a});
  if (!d_c_final.is_none() && has_c)
    c_view = View(d_c_final, "d_c_final"), from_c = c_view.rows<const T>({m, n_a});

  Gradients<T> g{};
  T *dx = nullptr, *da0, *dc0 = nullptr;
  nb::object x_array = nb::none();  // or the gradient of the table
  if (need_dx && !tokens) {
    x_array = new_array<T>({m, T_x, n_x}, &dx);
    g.dx = {dx, T_x * n_x, n_x};
  }
  if (tokens) x_array = new_array<T>({kept.tape.in.n_tokens, n_x}, &g.dtable);
  nb::object a_array = new_array<T>({m, n_a}, &da0);
  nb::object c_array = has_c ? new_array<T>({m, n_a}, &dc0) : nb::none();
  g.d_a0 = {da0, n_a, 0}, g.d_c0 = {dc0, n_a, 0};
  nb::dict params;
  const ParamInfo* info = kParams[static_cast<int>(plan.cell)];
  for (int i = 0; info[i].kind != ParamInfo::end; ++i) {
    T* to;
    const index columns = param_columns(info[i], int(n_x), int(n_a));
    params[param_name(plan.cell, i)] = kept.params.dims[i] == 1 ? new_array<T>({n_a}, &to)
                                                                      : new_array<T>({n_a, columns}, &to);
    attach<T>(info[i], to, int(n_x), int(n_a), g.weights);
  }
  {
    nb::gil_scoped_release release;
    backward<T>(kept.tape, from_y, from_a, from_c, g);
  }
  nb::object state = has_c ? nb::make_tuple(a_array, c_array) : nb::make_tuple(a_array);
  return nb::make_tuple(x_array, state, params);
}

nb::object py_backward(const PyTape& tape, nb::object dy, nb::tuple dstate, bool need_dx) {
  return tape.with([&](const auto& kept) { return backward_as(kept, dy, dstate, need_dx); });
}

// ---- reading a tape ----

std::vector<std::string> tape_names(const Plan& plan) {
  std::vector<std::string> names{"a"};
  const CellInfo& cell = info(plan.cell);
  if (cell.has_c) names.push_back("c");
  for (int i = 0; cell.keep_blocks && i < cell.blocks; ++i) names.push_back(cell.gates[i]);
  return names;
}

int block_named(const Plan& plan, const std::string& name) {
  const CellInfo& cell = info(plan.cell);
  if (name == "a") return -1;
  if (name == "c" && cell.has_c) return -2;
  for (int i = 0; cell.keep_blocks && i < cell.blocks; ++i)
    if (name == cell.gates[i]) return i;
  refuse("a tape of " + std::string(cell.name) + " has no '" + name + "'.");
}

nb::object tape_view(nb::handle self, const std::string& name) {
  return nb::cast<const PyTape&>(self).with([&](const auto& kept) -> nb::object {
    using T = std::remove_pointer_t<decltype(kept.tape.a.data())>;
    const Plan& plan = kept.tape.plan;
    if (!plan.uniform()) refuse("the batch is ragged: use unpack.");
    const int block = block_named(plan, name);
    const States<T> st = kept.tape.states();
    const index width = block < 0 ? plan.n_a_padded : index(info(plan.cell).blocks) * plan.n_a_padded;
    const T* data = block >= 0 ? st.gates + block * plan.n_a_padded
                               : (block == -1 ? st.a : st.c) + index(plan.m) * plan.n_a_padded;
    std::int64_t step = plan.m * width;
    if (plan.reverse && plan.T) data += (plan.T - 1) * step, step = -step;
    const std::size_t shape[3] = {std::size_t(plan.m), std::size_t(plan.T), std::size_t(plan.n_a)};
    const std::int64_t strides[3] = {width, step, 1};
    return nb::cast(nb::ndarray<nb::numpy, const T>(data, 3, shape, self, strides));
  });
}

nb::object tape_unpack(const PyTape& tape, const std::string& name) {
  return tape.with([&](const auto& kept) -> nb::object {
    using T = std::remove_pointer_t<decltype(kept.tape.a.data())>;
    const Plan& plan = kept.tape.plan;
    const int block = block_named(plan, name);
    T* to;
    nb::object array = new_array<T>({plan.m, plan.T, plan.n_a}, &to);
    kept.tape.unpack(block, {to, index(plan.T) * plan.n_a, plan.n_a});
    return array;
  });
}

// ---- streams ----

class PyStream {
 public:
  PyStream(const std::string& cell, nb::dict named, int m) {
    Params p(cell_named(cell), named, -1);
    if (m < 1) refuse("m is " + std::to_string(m) + "; expected at least 1.");
    if (p.kind == 'f') f_.emplace(p.cell, p.n_x, p.n_a, m, p.weights<float>());
    else if (p.kind == 'd') d_.emplace(p.cell, p.n_x, p.n_a, m, p.weights<double>());
    else refuse("parameters must be float32 or float64.");
  }
  nb::object step(nb::object x, nb::object out) {
    return f_ ? step_as(*f_, x, out) : step_as(*d_, x, out);
  }
  nb::object state() const { return f_ ? state_as(*f_) : state_as(*d_); }
  void set_state(nb::tuple state) { f_ ? set_as(*f_, state) : set_as(*d_, state); }
  void reset() { f_ ? f_->set_state({}, {}) : d_->set_state({}, {}); }
  int m() const { return f_ ? f_->m() : d_->m(); }

 private:
  template <class T>
  static nb::object step_as(Stream<T>& s, nb::object x, nb::object out) {
    View from(x, "x_t");
    const Rows<const T> rows = from.rows<const T>({s.m(), s.n_x()});
    T* to;
    if (out.is_none()) {
      out = new_array<T>({s.m(), s.n_a()}, &to);
      s.step(rows, {to, s.n_a(), 0});
    } else {
      View target(out, "out", true);
      s.step(rows, target.rows<T>({s.m(), s.n_a()}));
    }
    return out;
  }
  template <class T>
  static nb::object state_as(const Stream<T>& s) {
    T *a, *c = nullptr;
    const bool has_c = info(s.cell()).has_c;
    nb::object a_array = new_array<T>({s.m(), s.n_a()}, &a);
    nb::object c_array = has_c ? new_array<T>({s.m(), s.n_a()}, &c) : nb::none();
    s.get_state({a, s.n_a(), 0}, {c, s.n_a(), 0});
    return has_c ? nb::make_tuple(a_array, c_array) : nb::make_tuple(a_array);
  }
  template <class T>
  static void set_as(Stream<T>& s, nb::tuple state) {
    const auto [a, c] = two_states(state, info(s.cell()).has_c);
    View a_view, c_view;
    Rows<const T> from_a, from_c;
    if (!a.is_none()) a_view = View(a, "a"), from_a = a_view.rows<const T>({s.m(), s.n_a()});
    if (!c.is_none()) c_view = View(c, "c"), from_c = c_view.rows<const T>({s.m(), s.n_a()});
    s.set_state(from_a, from_c);
  }
  std::optional<Stream<float>> f_;
  std::optional<Stream<double>> d_;
};

}  // namespace

void bind_layers(nb::module_& m) {
  nb::class_<PyTape>(m, "Tape")
      .def_prop_ro("names", [](const PyTape& t) {
        return t.with([](const auto& k) { return tape_names(k.tape.plan); });
      })
      .def_prop_ro("uniform", [](const PyTape& t) {
        return t.with([](const auto& k) { return k.tape.plan.uniform(); });
      })
      .def_prop_ro("nbytes", [](const PyTape& t) {
        return t.with([](const auto& k) { return k.tape.bytes(); });
      })
      .def_prop_ro("slots", [](const PyTape& t) {
        return t.with([](const auto& k) { return k.tape.plan.off.back(); });
      })
      .def("view", [](nb::handle_t<PyTape> self, const std::string& name) { return tape_view(self, name); },
           "name"_a)
      .def("unpack", &tape_unpack, "name"_a);

  nb::class_<PyStream>(m, "Stream")
      .def(nb::init<const std::string&, nb::dict, int>(), "cell"_a, "parameters"_a, "m"_a)
      .def("step", &PyStream::step, "x_t"_a, "out"_a = nb::none())
      .def("reset", &PyStream::reset)
      .def("set_state", &PyStream::set_state, "state"_a)
      .def_prop_ro("state", &PyStream::state)
      .def_prop_ro("m", &PyStream::m);

  m.def("cells", [] {
    std::vector<std::string> names;
    for (const CellInfo& cell : kCellInfo) names.push_back(cell.name);
    return names;
  });
  m.def("forward", &py_forward, "cell"_a, "x"_a, "parameters"_a, "lengths"_a.none(), "state0"_a,
        "reverse"_a, "keep_tape"_a, "table"_a.none());
  m.def("backward", &py_backward, "tape"_a, "dy"_a, "dstate"_a, "need_dx"_a);
}

}  // namespace bptt
