// A cell's name, activations, parameters and states, as Python gives and receives them.
#pragma once
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <utility>

#include "bindings_arrays.h"
#include "engine/activations.h"
#include "engine/engine.h"
#include "engine/params.h"

namespace bptt {

inline Cell cell_named(const std::string& name) {
  const Cell cell = find_cell(name.c_str());
  if (cell != kNoCell) return cell;
  std::string names;
  for (const CellInfo& c : kCellInfo) names += (names.empty() ? "" : ", ") + std::string(c.name);
  refuse("cell is '" + name + "'; expected one of " + names + ".");
}

// The activations that a call chooses, ((name, (alpha, beta)), ...); None for a cell that has its own.
inline Activations activations_of(Cell cell, nb::handle given) {
  Activations all{};
  const int n = given.is_none() ? 0 : int(nb::len(given));
  if (n != info(cell).activations)
    refuse("activations of " + std::string(info(cell).name) + " has " + std::to_string(n) + " entries; expected " +
           std::to_string(info(cell).activations) + ".");
  for (int i = 0; i < n; ++i) {
    const auto [name, values] = nb::cast<std::pair<std::string, std::vector<double>>>(given[i]);
    const ActivationRow* row = nullptr;
    for (const ActivationRow& r : kActivations)
      if (name == r.name && values.size() == std::size_t(r.values)) row = &r;
    if (!row) refuse("there is no activation '" + name + "' with " + std::to_string(values.size()) + " values.");
    all.of[i] = row->of;
    if (row->values) all.of[i].alpha = values[0], all.of[i].beta = values[1];
  }
  return all;
}

// The name of parameter i of a cell: a Python string made once, because a short sequence takes microseconds.
inline nb::handle param_name(Cell cell, int i) {
  static PyObject* name[kCells][kMaxParams];
  PyObject*& s = name[static_cast<int>(cell)][i];
  if (!s) s = PyUnicode_InternFromString(info(cell).params[i].name);
  return s;
}

// The parameters of one cell, by name, as views.
struct Params {
  Cell cell;
  int n_x = 0, n_a = 0;
  char kind;  // 'f' or 'd'
  std::vector<View> views;
  std::vector<int> dims;  // an array of one column may be (n_a, 1) or (n_a,)

  Params(Cell c, nb::dict named) : cell(c) {
    views.reserve(kMaxParams), dims.reserve(kMaxParams);
    for (int i = 0; i < info(c).n_params; ++i) {
      const Param& param = info(c).params[i];
      PyObject* p = PyDict_GetItemWithError(named.ptr(), param_name(c, i).ptr());
      if (!p) refuse(std::string("parameters has no '") + param.name + "'.");
      views.emplace_back(nb::handle(p), param.name);
      dims.push_back(views.back().dims());
      if (n_a || (param.kind != Param::joint && param.kind != Param::input)) continue;
      const View& matrix = views.back();  // the first that takes the input gives the sizes
      if (matrix.dims() != 2) refuse(std::string(param.name) + " must have two dimensions.");
      n_a = small(matrix.size(0), "n_a");
      n_x = small(matrix.size(1) - (param.kind == Param::joint ? n_a : 0), "n_x");
      if (n_x < 0) refuse(std::string(param.name) + " has fewer columns than rows.");
    }
    kind = views[0].kind();
  }

  template <class T>
  Weights<const T> weights() const {
    Weights<const T> w{};
    for (std::size_t i = 0; i < views.size(); ++i) {
      const Param& param = info(cell).params[i];
      const index columns = param_columns(param, n_x, n_a);
      const T* p =
          dims[i] == 1 && columns == 1 ? views[i].data<const T>({n_a}) : views[i].data<const T>({n_a, columns});
      views[i].need_contiguous();
      attach<const T>(param, p, n_x, n_a, w);
    }
    return w;
  }
};

// Tokens (m, T), copied: what was checked must stay as it is, and another thread may change the caller's.
inline Rows<const index> token_rows(const View& v, Array<index>& own) {
  const index* token = v.any_layout<const index>({-1, -1});
  const index m = v.size(0), T = v.size(1);
  need_addressable({m, T});
  own = Array<index>(m * T);
  for (index r = 0; r < m; ++r)
    for (index t = 0; t < T; ++t) own.data()[r * T + t] = token[r * v.stride(0) + t * v.stride(1)];
  return {own.data(), T, 1};
}

// States as Python has them, a tuple of arrays of one shape or None each: (m, n_a), or (n_directions, m, n_a).
template <class T>
struct StatesIn {
  std::vector<View> views;
  Array<T> own[kMaxStates];  // of those that have another layout
  StateRows<const T> rows;
  StatesIn(const CellInfo& cell, nb::tuple states, std::initializer_list<index> shape) {
    if (int(states.size()) != cell.n_states)
      refuse("the state has " + std::to_string(states.size()) + " arrays; expected " +
             std::to_string(cell.n_states) + ".");
    views.reserve(kMaxStates);
    for (int i = 0; i < cell.n_states; ++i) {
      nb::handle given = states[i];
      if (given.is_none()) continue;
      views.emplace_back(given, cell.states[i]);
      rows.of[i] = views.back().template rows_or_copy<T>(shape, own[i]);
    }
  }
};
template <class T>
struct StatesOut {
  nb::object arrays[kMaxStates];
  int n;
  StateRows<T> rows;
  StatesOut(const CellInfo& cell, std::initializer_list<index> shape)
      : StatesOut(cell, shape, [](std::initializer_list<index> s, T** to) { return new_array<T>(s, to); }) {}
  template <class F>
  StatesOut(const CellInfo& cell, std::initializer_list<index> shape, F&& made) : n(cell.n_states) {
    const index n_a = shape.end()[-1], m = shape.end()[-2];
    for (int i = 0; i < n; ++i) {
      T* to;
      arrays[i] = made(shape, &to);
      rows.of[i] = shape.size() == 2 ? Rows<T>{to, n_a, 0} : Rows<T>{to, m * n_a, n_a};
    }
  }
  nb::object tuple() const {
    nb::object made = nb::steal(PyTuple_New(n));
    for (int i = 0; i < n; ++i) PyTuple_SetItem(made.ptr(), i, nb::object(arrays[i]).release().ptr());
    return made;
  }
};

}  // namespace bptt
