// The native cells, a row each: names, parameters and the blocks that they feed. Everything else that the
// engine needs is derived from the row; the equations are in cells.h. A test compares this table with the
// records of bptt.equations.
#pragma once

namespace bptt {

constexpr int kMaxBlocks = 4, kMaxStages = 2, kMaxStates = 3, kMaxPerUnit = 3, kMaxParams = 12;
constexpr int kMaxActivations = 3;

// A "block" is one group of n_a pre-activations z = W [a_prev ; xt] + b, overwritten in place by its gate.
struct Param {
  enum Kind {
    none,
    joint,      // (n_a, n_a + n_x), columns [a_prev ; xt]
    recurrent,  // (n_a, n_a)
    input,      // (n_a, n_x)
    bias,       // (n_a, 1)
    per_unit,   // (n_a, 1): a weight for each unit, used by the equations of the cell
  };
  const char* name = nullptr;
  Kind kind = none;
  int block = 0;    // the block it adds to (a joint matrix: its columns for xt); per_unit: its number
  int a_block = 0;  // joint and recurrent: what the columns for a_prev add to
  int stage = 0;    // joint and recurrent: the product that they are part of
};

// The recurrent products of a step happen in stages. Stage 0 multiplies a_prev; stage 1 multiplies what
// the equations return after stage 0 (GRU: rt * a_prev). A cell without a recurrent product has one stage
// that multiplies nothing.
struct CellInfo {
  const char* name;
  const char* states[kMaxStates];  // the first is the output
  const char* gates[kMaxBlocks];   // of the blocks; none where the backward pass needs the states alone
  Param params[kMaxParams];
  int activations = 0;  // of variants: how many a call chooses

  // Derived.
  int n_params = 0, n_states = 0, per_unit = 0;
  int blocks = 0, x_blocks = 0;  // blocks 0 .. x_blocks-1 take the input
  int stages = 1;
  int rec_count[kMaxStages] = {};  // stage i adds to the blocks rec[i]
  int rec[kMaxStages][kMaxBlocks] = {};
  unsigned filled = 0;       // bit g: some stage adds to block g
  bool keep_blocks = false;  // whether the tape keeps the blocks
};

namespace cell_table {

constexpr int larger(int a, int b) { return a > b ? a : b; }
constexpr Param joint(const char* name, int block) { return {name, Param::joint, block, block, 0}; }
constexpr Param joint(const char* name, int block, int a_block, int stage) {
  return {name, Param::joint, block, a_block, stage};
}
constexpr Param recurrent(const char* name, int block) { return {name, Param::recurrent, block, block, 0}; }
constexpr Param input(const char* name, int block) { return {name, Param::input, block, 0, 0}; }
constexpr Param bias(const char* name, int block) { return {name, Param::bias, block, 0, 0}; }
constexpr Param per_unit(const char* name, int number) { return {name, Param::per_unit, number, 0, 0}; }

constexpr CellInfo derived(CellInfo c) {
  bool takes_x[kMaxBlocks] = {};
  int a_stage[kMaxBlocks] = {-1, -1, -1, -1};
  for (const Param& p : c.params) {
    if (p.kind == Param::none) continue;
    ++c.n_params;
    if (p.kind == Param::per_unit) {
      ++c.per_unit;
      continue;
    }
    c.blocks = larger(c.blocks, p.block + 1);
    if (p.kind == Param::joint || p.kind == Param::input) takes_x[p.block] = true;
    if (p.kind == Param::joint || p.kind == Param::recurrent) {
      c.blocks = larger(c.blocks, p.a_block + 1);
      c.stages = larger(c.stages, p.stage + 1);
      a_stage[p.a_block] = p.stage;
    }
  }
  for (int g = 0; g < kMaxBlocks; ++g)  // a gate without parameters of its own has a block too
    if (c.gates[g]) c.blocks = larger(c.blocks, g + 1);
  while (c.n_states < kMaxStates && c.states[c.n_states]) ++c.n_states;
  while (c.x_blocks < c.blocks && takes_x[c.x_blocks]) ++c.x_blocks;
  for (int g = 0; g < c.blocks; ++g)
    if (a_stage[g] >= 0) c.rec[a_stage[g]][c.rec_count[a_stage[g]]++] = g, c.filled |= 1u << g;
  c.keep_blocks = c.gates[0] != nullptr;
  return c;
}

inline constexpr CellInfo kCellInfo[] = {
    derived({"rnn", {"a"}, {}, {input("Wax", 0), recurrent("Waa", 0), bias("ba", 0)}}),
    derived({"rnn_relu", {"a"}, {}, {input("Wax", 0), recurrent("Waa", 0), bias("ba", 0)}}),
    derived({"lstm",
             {"a", "c"},
             {"ft", "it", "cct", "ot"},
             {joint("Wf", 0), bias("bf", 0), joint("Wi", 1), bias("bi", 1), joint("Wc", 2), bias("bc", 2),
              joint("Wo", 3), bias("bo", 3)}}),
    derived({"gru",
             {"a"},
             {"ut", "rt", "cct"},
             {joint("Wu", 0), bias("bu", 0), joint("Wr", 1), bias("br", 1), joint("Wc", 2, 2, 1), bias("bc", 2)}}),
    derived({"gru_reset_after",
             {"a"},
             {"ut", "rt", "cct", "pct"},
             {joint("Wu", 0), bias("bu", 0), joint("Wr", 1), bias("br", 1), joint("Wc", 2, 3, 0), bias("bc", 2),
              bias("bca", 3)}}),
    derived({"lstm_cifg",
             {"a", "c"},
             {"it", "cct", "ot", "ft"},
             {joint("Wi", 0), bias("bi", 0), joint("Wc", 1), bias("bc", 1), joint("Wo", 2), bias("bo", 2)}}),
    derived({"lstm_variant",
             {"a", "c"},
             {"ft", "it", "cct", "ot"},
             {joint("Wf", 0), bias("bf", 0), joint("Wi", 1), bias("bi", 1), joint("Wc", 2), bias("bc", 2),
              joint("Wo", 3), bias("bo", 3)},
             3}),
    derived({"lstm_peephole_variant",
             {"a", "c"},
             {"ft", "it", "cct", "ot"},
             {joint("Wf", 0), bias("bf", 0), joint("Wi", 1), bias("bi", 1), joint("Wc", 2), bias("bc", 2),
              joint("Wo", 3), bias("bo", 3), per_unit("pf", 0), per_unit("pi", 1), per_unit("po", 2)},
             3}),
#if defined(BPTT_TEST_CELLS)
#define BPTT_ROWS
#include "../tests/cells_of_tests.h"
#undef BPTT_ROWS
#endif
};

}  // namespace cell_table

using cell_table::kCellInfo;
constexpr int kCells = int(sizeof kCellInfo / sizeof *kCellInfo);

// A row of the table. CellMath (cells.h) is specialized for find_cell("lstm").
enum class Cell : int {};
constexpr Cell kNoCell = static_cast<Cell>(-1);

constexpr Cell find_cell(const char* name) {
  for (int i = 0; i < kCells; ++i) {
    const char *a = kCellInfo[i].name, *b = name;
    while (*a && *a == *b) ++a, ++b;
    if (*a == *b) return static_cast<Cell>(i);
  }
  return kNoCell;
}

}  // namespace bptt
