// Recurrent layers for Python: forward, backward, the tape.
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "bindings.h"
#include "bindings_cells.h"
#include "bindings_changes.h"
#include "bindings_lock.h"

using namespace nb::literals;

namespace bptt {
namespace {

template <class T>
struct Kept {  // a tape and the arrays that it refers to
  Tape<T> tape;
  std::vector<View> alive;  // x or table
  Params params;
  Array<T> x;  // where the caller's had another layout
  Array<index> tokens;
  std::vector<std::uint64_t> prints;

  // The fingerprints of the caller's arrays, in the order of `referred`.
  std::vector<std::uint64_t> fingerprints() const {
    const Plan& plan = tape.plan;
    std::vector<std::uint64_t> found;
    found.reserve(kMaxParams + 1);
    for (std::size_t i = 0; i < params.views.size(); ++i)
      found.push_back(
          fingerprint_of_parameter(static_cast<const T*>(params.views[i].buffer()),
                                   plan.n_a * param_columns(info(plan.cell).params[i], plan.n_x, plan.n_a)));
    if (tape.in.table)
      found.push_back(fingerprint_of_parameter(tape.in.table, tape.in.n_tokens * plan.n_x));
    else if (!x.data())
      found.push_back(fingerprint_of_x(tape.in.x, plan.m, plan.n_x, plan.row.data(), plan.len.data()));
    return found;
  }
  void need_unchanged() const {
    const std::vector<std::uint64_t> now = fingerprints();
    for (std::size_t i = 0; i < now.size(); ++i)
      if (now[i] != prints[i])
        throw ChangedError((i < params.views.size() ? params.views[i] : alive.front()).name());
  }
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
  if constexpr (std::is_same_v<T, float>)
    return t.f;
  else
    return t.d;
}

template <class T>
nb::object forward_as(Params params, nb::object x, nb::object lengths, nb::tuple state0, bool reverse,
                      bool keep_tape, nb::object table, const Activations& activations) {
  std::vector<View> alive;
  Array<T> own_x;
  Array<index> own_tokens;
  Input<T> in;
  Problem p;
  p.cell = params.cell, p.activations = activations, p.reverse = reverse, p.n_x = params.n_x, p.n_a = params.n_a;
  const Weights<const T> weights = params.weights<T>();
  if (table.is_none()) {
    alive.emplace_back(x, "x");
    const View& v = alive.back();
    in.x = v.rows_or_copy<T>({-1, -1, p.n_x}, own_x);
    p.m = small(v.size(0), "m"), p.T = small(v.size(1), "T_x");
  } else {
    const View v(x, "tokens");
    in.token = token_rows(v, own_tokens);
    p.m = small(v.size(0), "m"), p.T = small(v.size(1), "T_x");
    alive.emplace_back(table, "table");
    in.table = alive.back().data<const T>({-1, p.n_x});
    alive.back().need_contiguous();
    in.n_tokens = small(alive.back().size(0), "n_tokens");
  }
  need_addressable({index(p.m) + 1, index(p.T) + 1, index(p.n_a) + 16, kMaxBlocks + 1});
  View length_view;
  if (!lengths.is_none()) {
    length_view = View(lengths, "lengths");
    p.lengths = length_view.data<const index>({p.m});
  }
  const StatesIn<T> from(info(p.cell), state0, {p.m, p.n_a});

  T* out;
  nb::object out_array = new_array<T>({p.m, p.T, p.n_a}, &out);
  const StatesOut<T> to(info(p.cell), {p.m, p.n_a});
  std::unique_ptr<PyTape> kept;
  Tape<T>* tape = nullptr;
  if (keep_tape) {
    kept = std::make_unique<PyTape>();
    Kept<T>& of_tape = slot<T>(*kept).emplace(
        Kept<T>{{}, std::move(alive), std::move(params), std::move(own_x), std::move(own_tokens), {}});
    tape = &of_tape.tape;
  }
  {
    WithoutLock release;
    forward<T>(p, weights, in, from.rows, {out, index(p.T) * p.n_a, p.n_a}, to.rows, tape, nullptr,
               release.watch());
  }
  if (kept) slot<T>(*kept)->prints = slot<T>(*kept)->fingerprints();
  return nb::make_tuple(out_array, to.tuple(), kept ? nb::cast(std::move(kept)) : nb::none());
}

nb::object py_forward(const std::string& cell, nb::object x, nb::dict params, nb::object lengths, nb::tuple state0,
                      bool reverse, bool keep_tape, nb::object table, nb::object activations) {
  Params p(cell_named(cell), params);
  const Activations a = activations_of(p.cell, activations);
  if (p.kind == 'f') return forward_as<float>(std::move(p), x, lengths, state0, reverse, keep_tape, table, a);
  if (p.kind == 'd') return forward_as<double>(std::move(p), x, lengths, state0, reverse, keep_tape, table, a);
  refuse("parameters must be float32 or float64.");
}

template <class T>
nb::object backward_as(const Kept<T>& kept, nb::object dy, nb::tuple dstate, bool need_dx, nb::object parts) {
  const Plan& plan = kept.tape.plan;
  const index m = plan.m, T_x = plan.T, n_a = plan.n_a, n_x = plan.n_x;
  const CellInfo& cell = info(plan.cell);
  const bool tokens = kept.tape.in.table != nullptr;
  kept.need_unchanged();
  const View y_view(dy, "dy");
  Array<T> own_d;
  const Rows<const T> from_y = y_view.rows_or_copy<T>({m, T_x, n_a}, own_d);
  const StatesIn<T> from(cell, dstate, {m, n_a});
  const PartSizes sizes(parts, m);

  Gradients<T> g{};
  for (int rows : sizes.rows) g.parts.push_back({rows, {}, nullptr});
  nb::object x_array = nb::none();  // or the gradient of the table
  if (need_dx && !tokens) {
    T* dx;
    x_array = new_array<T>({m, T_x, n_x}, &dx);
    g.dx = {dx, T_x * n_x, n_x};
  }
  if (tokens) {
    T* dtable;
    const index n_tokens = kept.tape.in.n_tokens;
    x_array = sizes.new_arrays<T>({n_tokens, n_x}, &dtable);
    for (auto& part : g.parts) part.dtable = dtable, dtable += n_tokens * n_x;
  }
  const StatesOut<T> to(cell, {m, n_a});
  g.dstate0 = to.rows;
  nb::dict gradients;
  for (int i = 0; i < cell.n_params && !g.parts.empty(); ++i) {
    T* sums;
    const index columns = param_columns(cell.params[i], int(n_x), int(n_a));
    gradients[param_name(plan.cell, i)] =
        kept.params.dims[i] == 1 ? sizes.new_arrays<T>({n_a}, &sums) : sizes.new_arrays<T>({n_a, columns}, &sums);
    for (auto& part : g.parts) {
      attach<T>(cell.params[i], sums, int(n_x), int(n_a), part.weights);
      sums += n_a * columns;
    }
  }
  {
    WithoutLock release;
    backward<T>(kept.tape, from_y, from.rows, g, release.watch());
  }
  return nb::make_tuple(x_array, to.tuple(), gradients);
}

nb::object py_backward(const PyTape& tape, nb::object dy, nb::tuple dstate, bool need_dx, nb::object parts) {
  return tape.with([&](const auto& kept) { return backward_as(kept, dy, dstate, need_dx, parts); });
}

// ---- reading a tape ----

std::vector<std::string> tape_names(const Plan& plan) {
  const CellInfo& cell = info(plan.cell);
  std::vector<std::string> names(cell.states, cell.states + cell.n_states);
  for (int i = 0; i < cell.blocks && cell.gates[i]; ++i) names.push_back(cell.gates[i]);
  return names;
}

template <class T>
typename Tape<T>::Part part_named(const Tape<T>& tape, const std::string& name) {
  const auto part = tape.part(name);
  if (!part.first) refuse("a tape of " + std::string(info(tape.plan.cell).name) + " has no '" + name + "'.");
  return part;
}

nb::object tape_view(nb::handle self, const std::string& name) {
  return nb::cast<const PyTape&>(self).with([&](const auto& kept) -> nb::object {
    using T = std::remove_pointer_t<decltype(kept.tape.gates.data())>;
    const Plan& plan = kept.tape.plan;
    if (!plan.uniform()) refuse("the batch is ragged: use unpack.");
    const auto part = part_named(kept.tape, name);
    const T* data = part.first;
    std::int64_t step = plan.m * part.width;
    if (plan.reverse && plan.T) data += (plan.T - 1) * step, step = -step;
    const std::size_t shape[3] = {std::size_t(plan.m), std::size_t(plan.T), std::size_t(plan.n_a)};
    const std::int64_t strides[3] = {part.width, step, 1};
    return nb::cast(nb::ndarray<nb::numpy, const T>(data, 3, shape, self, strides));
  });
}

nb::object tape_unpack(const PyTape& tape, const std::string& name) {
  return tape.with([&](const auto& kept) -> nb::object {
    using T = std::remove_pointer_t<decltype(kept.tape.gates.data())>;
    const Plan& plan = kept.tape.plan;
    const auto part = part_named(kept.tape, name);
    T* to;
    nb::object array = new_array<T>({plan.m, plan.T, plan.n_a}, &to);
    kept.tape.unpack(part, {to, index(plan.T) * plan.n_a, plan.n_a});
    return array;
  });
}

// ---- the table of cells ----

nb::tuple names_of(const char* const* names, int n) {
  nb::list made;
  for (int i = 0; i < n && names[i]; ++i) made.append(names[i]);
  return nb::tuple(made);
}

nb::dict cells() {
  constexpr const char* kinds[] = {"", "joint", "recurrent", "input", "bias", "per_unit"};
  nb::dict all;
  for (const CellInfo& cell : kCellInfo) {
    nb::dict parameters;
    for (int i = 0; i < cell.n_params; ++i) parameters[cell.params[i].name] = kinds[cell.params[i].kind];
    nb::dict row;
    row["states"] = names_of(cell.states, kMaxStates);
    row["gates"] = names_of(cell.gates, kMaxBlocks);
    row["parameters"] = parameters;
    row["activations"] = cell.activations;
    all[cell.name] = row;
  }
  return all;
}
nb::dict activations() {
  nb::dict all;
  for (const ActivationRow& a : kActivations) all[a.name] = a.values;
  return all;
}

}  // namespace

void bind_layers(nb::module_& m) {
  nb::class_<PyTape>(m, "Tape", "The states and gates of every step of a forward pass.")
      .def_prop_ro("names",
                   [](const PyTape& t) { return t.with([](const auto& k) { return tape_names(k.tape.plan); }); })
      .def_prop_ro("uniform",
                   [](const PyTape& t) { return t.with([](const auto& k) { return k.tape.plan.uniform(); }); })
      .def_prop_ro("nbytes", [](const PyTape& t) { return t.with([](const auto& k) { return k.tape.bytes(); }); })
      .def_prop_ro(
          "slots", [](const PyTape& t) { return t.with([](const auto& k) { return k.tape.plan.off.back(); }); },
          "The number of steps that exist.")
      .def(
          "view", [](nb::handle_t<PyTape> self, const std::string& name) { return tape_view(self, name); },
          "name"_a, nb::sig("def view(self, name: str) -> numpy.ndarray"),
          "A read-only view (m, T_x, n_a); of uniform batches only.")
      .def("unpack", &tape_unpack, "name"_a, nb::sig("def unpack(self, name: str) -> numpy.ndarray"),
           "A copy (m, T_x, n_a), 0 on padding.");

  m.def("cells", &cells, nb::sig("def cells() -> dict[str, dict]"),
        "The native cells by name: states, gates, the kind of every parameter, the number of activations to "
        "choose.");
  m.def("activations", &activations, nb::sig("def activations() -> dict[str, int]"),
        "The activations of variants by name, and how many values each has.");
  m.def("forward", &py_forward, "cell"_a, "x"_a, "parameters"_a, "lengths"_a.none(), "state0"_a, "reverse"_a,
        "keep_tape"_a, "table"_a.none(), "activations"_a.none() = nb::none(),
        nb::sig("def forward(cell: str, x: numpy.ndarray, parameters: dict[str, numpy.ndarray], "
                "lengths: numpy.ndarray | None, state0: tuple[numpy.ndarray | None, ...], reverse: bool, "
                "keep_tape: bool, table: numpy.ndarray | None, "
                "activations: tuple[tuple[str, tuple[float, ...]], ...] | None = None) "
                "-> tuple[numpy.ndarray, tuple[numpy.ndarray, ...], Tape]"),
        "Returns (y, final state, tape); the tape is None without keep_tape. See bptt.engine.Provider.forward.");
  m.def("backward", &py_backward, "tape"_a, "dy"_a, "dstate"_a, "need_dx"_a, "parts"_a.none() = nb::none(),
        nb::sig("def backward(tape: Tape, dy: numpy.ndarray, dstate: tuple[numpy.ndarray | None, ...], "
                "need_dx: bool, parts: Sequence[int] | None = None) -> tuple[numpy.ndarray | None, "
                "tuple[numpy.ndarray, ...], dict[str, numpy.ndarray]]"),
        "Returns (dx or the gradient of the table, dstate0, gradients). See bptt.engine.Provider.backward.");
}

}  // namespace bptt
