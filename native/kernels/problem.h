// What the kernels are given: shapes and the layout of every buffer. Plain data only: no Python, no
// allocation, no instruction set. Everything here is shared by all compiled variants.
//
// Notation: m rows (sequences), T steps, n_x features, n_a units. VL is the number of elements in one
// machine vector; "n_a_padded" is n_a rounded up to a multiple of VL, and a cache line more where rows would lie
// a multiple of 1 KiB apart: they would share sets of the caches. Rows are sorted by length, longest
// first, so that the rows that have a step s are exactly rows 0 .. active[s]-1. Inside the engine a
// sequence is always processed s = 0, 1, 2, ...; `reverse` only changes which t of the caller's arrays
// step s reads and writes.
#pragma once
#include <cstdint>

#include "cell_table.h"

// Small functions shared by all instruction sets must leave no out-of-line copy for the linker to
// merge: it could keep one that was compiled for a newer machine.
#define BPTT_INLINE inline __attribute__((always_inline))

// For lambdas on a hot path. (Builds of tests keep the calls: compiling takes minutes otherwise.)
#if defined(BPTT_KEEP_LOOPS)
#define BPTT_ALWAYS
#else
#define BPTT_ALWAYS __attribute__((always_inline))
#endif

// Loops over a tile unroll completely: its sums are in registers. (Builds of tests keep the loops.)
#if defined(BPTT_KEEP_LOOPS)
#define BPTT_UNROLL
#elif defined(__clang__)
#define BPTT_UNROLL _Pragma("unroll")
#else
#define BPTT_UNROLL _Pragma("GCC unroll 16")
#endif

namespace bptt {

using index = std::int64_t;

BPTT_INLINE constexpr const CellInfo& info(Cell cell) { return kCellInfo[static_cast<int>(cell)]; }

// Where each block's weights are in the caller's parameter arrays.
//   wx[g]  (n_a, n_x), rows ld_x[g] elements apart; nullptr where the block has no input part
//   wa[g]  (n_a, n_a), rows ld_a[g] elements apart; nullptr where it has no recurrent part
//   b[g]   (n_a); nullptr where it has no bias
//   per_unit[i]  (n_a)
// The same struct, pointing at fresh arrays, receives the gradients.
template <class T>
struct Weights {
  T* wx[kMaxBlocks];
  T* wa[kMaxBlocks];
  T* b[kMaxBlocks];
  T* per_unit[kMaxPerUnit];
  index ld_x[kMaxBlocks];
  index ld_a[kMaxBlocks];
};

// An activation that a call chooses: sigmoid, tanh, or a line alpha x + beta between two bounds; a bound that is
// NaN does not exist. relu is x, at least 0; hard_sigmoid a line from 0 to 1.
struct Activation {
  enum Kind { sigmoid, tanh, line } kind = sigmoid;
  double alpha = 1, beta = 0, low = __builtin_nan(""), high = __builtin_nan("");
};
struct Activations {
  Activation of[kMaxActivations];  // LSTM: gates, candidate, output
};

// The rows and steps that exist.
struct Batch {
  Cell cell;
  Activations activations;  // of variants
  bool reverse;
  int n_x, n_a, m;
  int n_a_padded;     // elements from one row or block of units to the next
  int units;          // vectors that hold n_a
  int steps;          // longest length
  const int* row;     // (m) sorted position -> caller's row
  const int* len;     // (m) lengths, sorted, longest first
  const int* active;  // (steps) rows that have a step s
  const index* off;   // (steps+1) valid (step, row) pairs before step s; off[steps] = all of them

  BPTT_INLINE index slots() const { return off[steps]; }
  BPTT_INLINE index time(int r, int s) const { return reverse ? len[r] - 1 - s : s; }
};

// A caller's array (m, T, n): features contiguous, outer strides free (in elements).
template <class T>
struct Rows {
  T* data = nullptr;
  index stride_row = 0, stride_time = 0;
  BPTT_INLINE T* at(index row, index t) const { return data + row * stride_row + t * stride_time; }
};

// The input of a call: an array, or tokens into a table (n_tokens, n_x).
template <class T>
struct Input {
  Rows<const T> x;               // used where table == nullptr
  Rows<const index> token;       // stride_time steps through one row's tokens
  const T* table = nullptr;      // (n_tokens, n_x), rows contiguous
  const T* projected = nullptr;  // (n_tokens, blocks*n_a_padded): table @ Wx.T + b, once per call; or nullptr
  index n_tokens = 0;
};

// Gates and states of a sequence, time-major and packed: only steps that exist have a slot.
//   gates     (slots, blocks, n_a_padded)     slot off[s] + r
//   state[i]  (m + slots, n_a_padded)         first m rows: initial state; then slot off[s] + r at m + off[s] + r
// Without a tape both are rings: gates keep `chunk_steps` steps of `ring` rows, states two. The forward pass
// projects the inputs of `chunk_steps` steps at a time, so that pre-activations stay in cache until used.
// Every row of n_a_padded elements starts on a vector boundary; lanes n_a .. n_a_padded-1 hold what zero
// weights give and are never read as a unit.
template <class T>
struct States {
  T* gates;
  T* state[kMaxStates];  // those that the cell has
  bool ring_gates;
  bool ring_states;
  int chunk_steps;  // a power of two
  int phase;        // rings only: parity of step 0 (a stream alternates)
  index ring;       // rings only: rows from one step to the next, those of a thread

  BPTT_INLINE index gate_row(const Batch& b, int s) const {
    return ring_gates ? index(s & (chunk_steps - 1)) * ring : b.off[s];
  }
  BPTT_INLINE index before(const Batch& b, int s) const {  // state that step s reads
    if (ring_states) return index((s + phase) & 1) * ring;
    return s == 0 ? 0 : b.m + b.off[s - 1];
  }
  BPTT_INLINE index after(const Batch& b, int s) const {  // state that step s writes
    if (ring_states) return index((s + phase + 1) & 1) * ring;
    return b.m + b.off[s];
  }
};

// Bytes of one core's caches. Products are cut into blocks by them; no result depends on them.
struct CacheSizes {
  index l1, l2;
};
extern CacheSizes cache_sizes;

template <class T>
struct Forward {
  Batch batch;
  Input<T> in;
  States<T> st;
  const T* packed_x;              // panels of Wx over blocks 0 .. x_blocks-1 (see pack.h)
  const T* packed_bias;           // (blocks, n_a_padded)
  const T* per_unit;              // (per_unit, n_a_padded)
  const T* packed_a[kMaxStages];  // panels of Wa, one set per recurrent stage
  T* stage_a;                     // (m, n_a_padded) what stage 1 multiplies; cells with two stages
  Rows<T> out;                    // (m, T, n_a)
  int s0, s1;                     // the steps to run; s0 a multiple of chunk_steps, s1 one or the last
};

// One chunk of steps of the backward pass: steps s0 .. s1-1. A pair (s, r) has slot
// k = off[s] - off[s0] + r. dz, the gradients of the pre-activations, has a row for every slot, its blocks of
// units * VL side by side; "block" blocks + i is the gradient of per-unit weight i.
// What the weights multiplied stays where it is: a_row, x_row receive the address of every slot's.
template <class T>
struct Backward {
  Batch batch;
  Input<T> in;
  States<T> st;
  Rows<const T> dy;               // (m, T, n_a), data may be nullptr: zero
  Rows<T> dx;                     // (m, T, n_x), data may be nullptr: not needed
  T* dx_slots;                    // with a table read row by row: (slots of the chunk, n_x) instead of dx
  const T* packed_a[kMaxStages];  // ColumnPanels for dz @ Wa, per stage
  const T* packed_x;              // ColumnPanels for dz @ Wx
  const T* per_unit;              // (per_unit, n_a_padded)
  T* dstate[kMaxStates];          // (m, n_a_padded) gradients of the states before the step last processed
  T* stage_da;                    // (m, n_a_padded) gradient of what stage 1 multiplies
  T* dz;
  index dz_step;                // elements from a row of dz to the next
  const T** a_row[kMaxStages];  // (slots of the chunk) what each stage multiplied
  const T** x_row;              // x; nullptr where the input projection was gathered
  T* stage_rows;                // (slots of the chunk, n_a_padded): what a_row[1] points to
  T* x_copy;                    // (slots of the chunk, whole vectors) where n_x elements do not fill vectors
  int s0, s1;                   // the chunk
  int begin, end;               // those of its steps to process now
};

// The sums of weight gradients: of dz[slot] times the rows that the weights multiplied there. The columns
// of acc are those of the segments, side by side. Column vectors past those of acc's rows have a bias alone.
template <class T>
struct Gradient {
  int n_a, n_a_padded;  // n_a_padded: whole vectors
  const T* dz;          // row of slot k: dz + k * dz_step
  index dz_step;
  int slots;
  struct Segment {
    unsigned blocks;      // bit g set: block g multiplied these rows
    const T* const* row;  // of every slot, whole vectors
    int vecs, column;     // vectors of a row; first column of acc
  } segment[kMaxStages + 1];
  int segments;
  bool first;  // acc holds no sums yet
  T* acc;      // (blocks, n_a_padded, columns)
  index columns;
  T* bias;                  // (blocks, n_a_padded), or nullptr
  const index* slot_token;  // (slots) or nullptr: add dz to the sums of its token
  T* token_dz;              // (tokens, token_vectors * VL)
  int token_vectors;        // column vectors 0 .. token_vectors-1 are summed by token
};

// y = W x + b for `blocks` blocks of n_out units side by side, each n_out_padded wide; `bias_blocks` more
// have a bias and no W. A dense layer is one block.
struct Affine {
  int blocks, bias_blocks, n_in, n_out, n_out_padded;
};
BPTT_INLINE constexpr Affine input_projection(const Batch& b) {
  const CellInfo& c = info(b.cell);
  return {c.x_blocks, c.blocks - c.x_blocks, b.n_x, b.n_a, b.n_a_padded};
}

// Whether threads may share the units of one row of a stream: all blocks take the input and there is one
// stage, so that the units of a step do not depend on one another.
BPTT_INLINE constexpr bool can_share_row(const CellInfo& c) { return c.stages == 1 && c.x_blocks == c.blocks; }

}  // namespace bptt
