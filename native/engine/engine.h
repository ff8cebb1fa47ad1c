// Forward, backward and step of one recurrent layer over one batch. No Python here: plain pointers and
// strides in, plain arrays out. Shapes are the caller's to check, tokens and lengths are checked here.
#pragma once
#include <memory>
#include <vector>

#include "../kernels/problem.h"
#include "memory.h"

namespace bptt {

struct Problem {
  Cell cell = Cell::lstm;
  bool reverse = false;
  int n_x = 0, n_a = 0, m = 0, T = 0;
  const index* lengths = nullptr;  // (m) in 0 .. T, any order; nullptr: all T
};

// The rows of a batch sorted by length, and how many are alive at each step.
struct Plan {
  Plan() = default;
  Plan(const Problem&, int n_a_padded);
  Batch batch() const;  // pointers into this plan
  bool uniform() const { return steps > 0 ? len.back() == T && m > 0 : T == 0; }

  Cell cell{};
  bool reverse = false;
  int n_x = 0, n_a = 0, m = 0, T = 0, n_a_padded = 0, steps = 0;
  std::vector<int> row, len, active;
  std::vector<index> off;
};

// Everything the backward pass needs, and every gate and state of every step. Holds views of the
// caller's input and parameters (kept alive by the caller), and its own gates and states.
// Never changed once made.
template <class T>
struct Tape {
  Plan plan;
  Input<T> in;
  Weights<const T> weights{};
  Array<T> gates;  // (slots, blocks, n_a_padded); empty for a plain RNN
  Array<T> a, c;   // (m + slots, n_a_padded)
  Array<index> lengths;

  std::size_t bytes() const { return sizeof(T) * std::size_t(gates.size() + a.size() + c.size()); }
  States<T> states() const;
  // Copies one named array into (m, T, n_a), zero on padding. `block` < 0: -1 for a, -2 for c.
  void unpack(int block, Rows<T> to) const;
};

// Final and initial states are (m, n_a) with any row stride; data nullptr means zero (in) or not
// wanted (out). With tape == nullptr nothing is kept.
template <class T>
void forward(const Problem&, const Weights<const T>&, const Input<T>&, Rows<const T> a0, Rows<const T> c0,
             Rows<T> out, Rows<T> a_final, Rows<T> c_final, Tape<T>* tape);

template <class T>
struct Gradients {
  Rows<T> dx;              // (m, T, n_x) or nullptr
  Rows<T> d_a0, d_c0;       // (m, n_a) or nullptr
  Weights<T> weights{};     // same layout as the parameters
  T* dtable = nullptr;     // (n_tokens, n_x), where the input was tokens
};
template <class T>
void backward(const Tape<T>&, Rows<const T> dy, Rows<const T> d_a_final, Rows<const T> d_c_final,
              const Gradients<T>&);

// m rows, one step at a time. Weights are packed once; a step allocates nothing.
template <class T>
class Stream {
 public:
  Stream(Cell, int n_x, int n_a, int m, const Weights<const T>&);
  void step(Rows<const T> x, Rows<T> out);              // x (m, n_x), out (m, n_a)
  void get_state(Rows<T> a, Rows<T> c) const;           // (m, n_a)
  void set_state(Rows<const T> a, Rows<const T> c);     // data nullptr: zero
  int n_x() const { return plan_.n_x; }
  int n_a() const { return plan_.n_a; }
  int m() const { return plan_.m; }
  Cell cell() const { return plan_.cell; }

 private:
  Plan plan_;
  Array<T> packed_x_, packed_bias_, packed_a_[2], gates_, a_, c_, reset_;
  Array<void*> scratch_;
  Forward<T> call_{};
  int parts_ = 1;
  bool share_row_ = false;  // whether threads take units of the one row
};

}  // namespace bptt
