// Forward, backward and step of one recurrent layer over one batch. No Python here: plain pointers and
// strides in, plain arrays out. Shapes are the caller's to check, tokens and lengths are checked here. While a
// call runs, nobody may change its tokens.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../kernels/problem.h"
#include "memory.h"
#include "row_groups.h"
#include "watch.h"

namespace bptt {

struct Problem {
  Cell cell{};
  Activations activations{};  // of variants
  bool reverse = false;
  int n_x = 0, n_a = 0, m = 0, T = 0;
  const index* lengths = nullptr;  // (m) in 0 .. T, any order; nullptr: all T; copied before they are checked
};

// The rows of a batch sorted by length, and how many of them have a step s.
struct Plan {
  Plan() = default;
  Plan(const Problem&, int vector_length, std::size_t element);
  Batch batch() const;  // pointers into this plan
  bool uniform() const { return steps > 0 ? len.back() == T && m > 0 : T == 0; }

  Cell cell{};
  Activations activations{};
  bool reverse = false;
  int n_x = 0, n_a = 0, m = 0, T = 0, units = 0, n_a_padded = 0, steps = 0;
  std::vector<int> row, len, active;
  std::vector<index> off;
};

// Everything the backward pass needs, and every gate and state of every step. Holds views of the
// caller's input and parameters (which the caller keeps), and its own gates and states.
// Never changed once made.
template <class T>
struct Tape {
  Plan plan;
  Input<T> in;
  Weights<const T> weights{};
  Array<T> gates;              // (slots, blocks, n_a_padded); empty where the states are enough
  Array<T> state[kMaxStates];  // (m + slots, n_a_padded)

  std::size_t bytes() const;
  States<T> states() const;
  // One named array of the tape: a state or a block of gates. Row of (step, slot) at stride `width`.
  struct Part {
    const T* first;  // of slot 0: of gates, or of the state after the step
    index width;
  };
  Part part(const std::string& name) const;  // first is nullptr where there is none
  // Copies a part into (m, T, n_a), zero on padding.
  void unpack(const Part&, Rows<T> to) const;
};

// The states of a call, each (m, n_a) with any row stride. data nullptr: zero (in) or not needed (out).
template <class T>
struct StateRows {
  Rows<T> of[kMaxStates];
};

// Weights in the order in which the forward pass reads them.
template <class T>
struct Packed {
  Packed() = default;
  // For any number of sequences and steps. The rows of a table are multiplied at once.
  Packed(const Problem&, const Weights<const T>&, const T* table, int n_tokens);
  Packed(const Batch&, const Weights<const T>&, bool threads);
  void attach(Forward<T>&) const;
  Array<T> x, bias, per_unit, a[kMaxStages], projected;
};

// With tape == nullptr nothing is kept. With `packed` the weights are not read: they were packed before.
template <class T>
void forward(const Problem&, const Weights<const T>&, const Input<T>&, const StateRows<const T>& state0,
             Rows<T> out, const StateRows<T>& final_state, Tape<T>* tape, const Packed<T>* packed = nullptr,
             Watch watch = {});

template <class T>
struct Gradients {
  Rows<T> dx;  // (m, T, n_x); data nullptr: not computed
  StateRows<T> dstate0;
  struct Part {  // sums over some rows of the batch, to the bits of a batch of these rows alone
    int rows = 0;
    Weights<T> weights{};  // same layout as the parameters
    T* dtable = nullptr;   // (n_tokens, n_x), where the input was tokens
  };
  std::vector<Part> parts;  // consecutive, of all rows; none: only dx and dstate0 are computed
};
template <class T>
void backward(const Tape<T>&, Rows<const T> dy, const StateRows<const T>& dfinal, const Gradients<T>&,
              Watch watch = {});

// m rows, one step at a time. Weights are packed once; a step allocates nothing.
template <class T>
class Stream {
 public:
  Stream(Cell, const Activations&, int n_x, int n_a, int m, const Weights<const T>&);
  void step(Rows<const T> x, Rows<T> out);  // x (m, n_x), out (m, n_a)
  void get_state(const StateRows<T>&) const;
  void set_state(const StateRows<const T>&);
  int n_x() const { return plan_.n_x; }
  int n_a() const { return plan_.n_a; }
  int m() const { return plan_.m; }
  Cell cell() const { return plan_.cell; }
  double multiply_adds() const { return multiply_adds_; }  // of a step

 private:
  Plan plan_;
  Packed<T> packed_;
  Array<T> gates_, state_[kMaxStates], stage_;
  Array<void*> scratch_;
  Forward<T> call_{};
  RowGroups groups_;
  double multiply_adds_ = 0;
  bool share_row_ = false;  // whether threads take units of the one row
};

}  // namespace bptt
