// NumPy arrays in and out. In: the buffer protocol, which takes read-only and strided arrays without a
// copy. Out: small arrays from numpy.empty, large ones on blocks of the engine's memory.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/memory.h"
#include "kernels/problem.h"

namespace nb = nanobind;

namespace bptt {

[[noreturn]] inline void refuse(const std::string& sentence) { throw nb::value_error(sentence.c_str()); }

// An array whose elements are right and lie in an order that the kernels cannot read: not contiguous where
// they need it, or in foreign byte order. A C-contiguous copy of it is accepted. Raised before anything is
// computed; `_native.LayoutError` in Python.
struct LayoutError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

inline int small(index n, const char* what) {
  if (n > (index(1) << 30)) refuse(std::string(what) + " is too large.");
  return int(n);
}

// A second thread in a stream; `_native.BusyError` in Python.
struct BusyError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Refuses arrays whose number of elements would overflow an index: those with strides of 0 can be that large.
template <class Iterator>
void need_addressable(Iterator begin, Iterator end) {
  double elements = 1;
  for (; begin != end; ++begin) elements *= double(*begin);
  if (elements > 0x1p58) throw std::bad_alloc();
}
inline void need_addressable(std::initializer_list<index> shape) { need_addressable(shape.begin(), shape.end()); }

class View {
 public:
  View() = default;
  explicit View(nb::handle array, const char* name, bool writable = false) : name_(name) {
    const int flags = PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(array.ptr(), &buffer_, flags) != 0) {
      PyErr_Clear();
      refuse(std::string(name) + " is not a " + (writable ? "writable " : "") + "NumPy array.");
    }
    held_ = true;
    const char order = buffer_.format ? buffer_.format[0] : '@';
    if (order == (PY_BIG_ENDIAN ? '<' : '>')) {
      release();
      throw LayoutError(std::string(name) + " is not in native byte order.");
    }
  }
  View(View&& o) noexcept : buffer_(o.buffer_), name_(o.name_), held_(o.held_) { o.held_ = false; }
  View& operator=(View&& o) noexcept {
    release();
    buffer_ = o.buffer_, name_ = o.name_, held_ = o.held_;
    o.held_ = false;
    return *this;
  }
  ~View() { release(); }

  int dims() const { return buffer_.ndim; }
  index size(int axis) const { return buffer_.shape[axis]; }
  index stride(int axis) const { return buffer_.strides[axis] / buffer_.itemsize; }
  char kind() const {  // 'f' float32, 'd' float64, 'l' int64, otherwise '?'
    const char* f = buffer_.format ? buffer_.format : "?";
    if (f[0] == '@' || f[0] == '=' || f[0] == '<' || f[0] == '>') ++f;
    if (f[0] == 'f' || f[0] == 'd') return f[0];
    return (f[0] == 'l' || f[0] == 'q') && buffer_.itemsize == 8 ? 'l' : '?';
  }
  // Checks type, shape (-1: anything) and that the last axis is contiguous.
  template <class T>
  T* data(std::initializer_list<index> shape) const {
    T* p = any_layout<T>(shape);
    if (!last_contiguous()) throw LayoutError(std::string(name_) + ": the last axis must be contiguous.");
    return p;
  }
  // The same, of any layout.
  template <class T>
  T* any_layout(std::initializer_list<index> shape) const {
    const char want = std::is_same_v<std::remove_const_t<T>, float>    ? 'f'
                      : std::is_same_v<std::remove_const_t<T>, double> ? 'd'
                                                                       : 'l';
    bool fits = kind() == want && dims() == int(shape.size()), whole = true;
    int axis = 0;
    for (index n : shape) {
      fits = fits && (n < 0 || size(axis) == n);
      whole = whole && fits && buffer_.strides[axis] % buffer_.itemsize == 0;
      ++axis;
    }
    if (fits && !whole) throw LayoutError(std::string(name_) + ": strides must be whole elements.");
    if (!fits) refuse(std::string(name_) + " is " + text() + "; expected " + text(want, shape) + ".");
    return static_cast<T*>(buffer_.buf);
  }
  bool last_contiguous() const { return !dims() || size(dims() - 1) <= 1 || stride(dims() - 1) == 1; }
  template <class T>
  Rows<T> rows(std::initializer_list<index> shape) const {  // (m, n) or (m, T, n)
    T* p = data<T>(shape);
    return {p, stride(0), dims() == 3 ? stride(1) : 0};
  }
  // (m, n) or (m, T, n) of any layout: as it is where its features are contiguous, else copied to `own`. The
  // course's arrays, (n, m, T), come in this way; a copy by NumPy would touch fresh pages at every call.
  template <class T>
  Rows<const T> rows_or_copy(std::initializer_list<index> shape, Array<T>& own) const {
    const T* from = any_layout<const T>(shape);
    if (last_contiguous()) return rows<const T>(shape);
    constexpr index kBlock = 16;  // steps at a time: where they are neighbors, they share cache lines
    const index m = size(0), steps = dims() == 3 ? size(1) : 1, n = size(dims() - 1);
    const index by_row = stride(0), by_t = stride(dims() - 2), by_j = stride(dims() - 1);
    need_addressable({m, steps, n});
    own = Array<T>(m * steps * n);
    for (index r = 0; r < m; ++r)
      for (index t0 = 0; t0 < steps; t0 += kBlock)
        for (index j = 0; j < n; ++j) {
          const T* in = from + r * by_row + t0 * by_t + j * by_j;
          T* out = own.data() + (r * steps + t0) * n + j;
          for (index t = t0; t < std::min(steps, t0 + kBlock); ++t, in += by_t, out += n) *out = *in;
        }
    return {own.data(), steps * n, n};
  }
  void* buffer() const { return buffer_.buf; }
  const char* name() const { return name_; }
  void need_contiguous() const {
    if (!PyBuffer_IsContiguous(&buffer_, 'C')) throw LayoutError(std::string(name_) + " must be C-contiguous.");
  }

 private:
  void release() {
    if (held_) PyBuffer_Release(&buffer_);
    held_ = false;
  }
  static std::string text(char kind, std::initializer_list<index> shape) {
    std::string s = kind == 'f' ? "float32 (" : kind == 'd' ? "float64 (" : "int64 (";
    const char* comma = "";
    for (index n : shape) s += comma + (n < 0 ? std::string("any") : std::to_string(n)), comma = ", ";
    return s + ")";
  }
  std::string text() const {
    const char k = kind();
    std::string s = k == 'f' ? "float32 (" : k == 'd' ? "float64 (" : k == 'l' ? "int64 (" : "of another type (";
    for (int i = 0; i < dims(); ++i) s += (i ? ", " : "") + std::to_string(size(i));
    return s + ")";
  }
  Py_buffer buffer_{};
  const char* name_ = "";
  bool held_ = false;
};

constexpr index kOwnBlockFrom = 64 << 10;  // bytes

// A fresh C-contiguous array; `data` receives where its elements are.
template <class T, class Shape>
nb::object new_array_of(const Shape& shape, T** data) {
  need_addressable(shape.begin(), shape.end());
  index count = 1;
  for (index n : shape) count *= n;
  if (count * index(sizeof(T)) < kOwnBlockFrom) {
    static PyObject* empty = nb::object(nb::module_::import_("numpy").attr("empty")).release().ptr();
    static PyObject* dtype = nb::object(nb::module_::import_("numpy").attr("dtype")(std::is_integral_v<T> ? "i8"
                                                                                    : sizeof(T) == 4      ? "f4"
                                                                                                          : "f8"))
                                 .release()
                                 .ptr();
    nb::object dims = nb::steal(PyTuple_New(Py_ssize_t(shape.size())));
    Py_ssize_t axis = 0;
    for (index n : shape) PyTuple_SetItem(dims.ptr(), axis++, PyLong_FromLongLong(n));
    nb::object made = nb::handle(empty)(dims, nb::handle(dtype));
    *data = static_cast<T*>(View(made, "new array", true).buffer());
    return made;
  }
  Array<T> block(count);
  *data = block.data();
  std::vector<std::size_t> dims(shape.begin(), shape.end());
  nb::capsule owner(block.release(), [](void* p) noexcept { give_block(p); });
  return nb::cast(nb::ndarray<nb::numpy, T>(*data, dims.size(), dims.data(), owner));
}
template <class T>
nb::object new_array(std::initializer_list<index> shape, T** data) {
  return new_array_of<T>(shape, data);
}

// The numbers of rows of consecutive parts of a batch of `rows`, with which the weight gradients have an axis in
// front; one part without that axis where none are given.
struct PartSizes {
  bool given;
  std::vector<int> rows;
  PartSizes(nb::handle parts, index all) : given(!parts.is_none()) {
    if (given)
      rows = nb::cast<std::vector<int>>(parts);
    else
      rows = {int(all)};
    index sum = 0;
    bool natural = true;
    for (int n : rows) sum += n, natural = natural && n >= 0;
    if (!natural || (sum != all && !rows.empty()))
      refuse("parts have " + std::to_string(sum) + " rows; expected " + std::to_string(all) + ".");
  }
  // A new array of such a shape for each part; `data` receives where that of the first part is.
  template <class T>
  nb::object new_arrays(std::initializer_list<index> shape, T** data) const {
    std::vector<index> whole(shape);
    if (given) whole.insert(whole.begin(), index(rows.size()));
    return new_array_of<T>(whole, data);
  }
};

}  // namespace bptt
