// One instruction set: this file is compiled once for each, with BPTT_NS naming its namespace and the
// compiler flags choosing its vectors. No standard-library templates in here: the linker would merge
// their copies across instruction sets, and an old machine could run a new machine's copy.
#include "backward.h"
#include "forward.h"
#include "gradient.h"
#include "kernels.h"
#include "update.h"

namespace bptt {
namespace BPTT_NS {
namespace {

struct Range {
  int begin, end;
};
Range share(int count, int part, int parts) {
  return {tile_begin(count, parts, part), tile_begin(count, parts, part + 1)};
}

template <class T>
UnitPanels x_panels(Cell c, int n_a) {
  return input_panels(info(c), n_a, ceil_div(n_a, VL<T>));
}
template <class T>
UnitPanels a_panels(Cell c, int n_a, int stage) {
  return state_panels(info(c), stage, n_a, ceil_div(n_a, VL<T>));
}

template <class T>
index packed_x_size(Cell c, int n_x, int n_a) {
  return index(x_panels<T>(c, n_a).entries()) * VL<T> * n_x;
}
template <class T>
index packed_bias_size(Cell c, int n_a) {
  return index(info(c).blocks) * ceil_div(n_a, VL<T>) * VL<T>;
}
template <class T>
index packed_a_size(Cell c, int n_a, int stage) {
  return index(a_panels<T>(c, n_a, stage).entries()) * VL<T> * n_a;
}

template <class T>
void pack_forward(Cell c, int n_x, int n_a, const Weights<const T>& w, T* x, T* bias, T* const a[2],
                  int part, int parts) {
  const CellInfo& cell = info(c);
  const UnitPanels u = x_panels<T>(c, n_a);
  const Range p = share(u.panels(), part, parts);
  pack_units<T>(u, w.wx, w.ld_x, n_x, x, p.begin, p.end);
  for (int stage = 0; stage < cell.stages; ++stage) {
    const UnitPanels v = a_panels<T>(c, n_a, stage);
    if (!a[stage]) continue;  // a dense layer
    const Range q = share(v.panels(), part, parts);
    pack_units<T>(v, w.wa, w.ld_a, n_a, a[stage], q.begin, q.end);
  }
  if (part != 0) return;
  pack_bias<T>(u, w.b, bias);
  for (int g = cell.x_blocks; g < cell.blocks; ++g) {
    const UnitPanels one = unit_panels(1, &g, n_a, u.unit_vecs);
    pack_bias<T>(one, w.b, bias + (u.entries() + (g - cell.x_blocks) * u.unit_vecs) * VL<T>);
  }
}

template <class T>
index packed_back_x_size(Cell c, int n_x, int n_a) {
  return index(info(c).x_blocks) * n_a * ceil_div(n_x, VL<T>) * VL<T>;
}
template <class T>
index packed_back_a_size(Cell c, int n_a, int stage) {
  return index(info(c).rec_count[stage]) * n_a * ceil_div(n_a, VL<T>) * VL<T>;
}

template <class T>
void pack_backward(Cell c, int n_x, int n_a, const Weights<const T>& w, T* x, T* const a[2], int part,
                   int parts) {
  const CellInfo& cell = info(c);
  const int all[kMaxBlocks] = {0, 1, 2, 3};
  if (x) {
    const Range p = share(ceil_div(ceil_div(n_x, VL<T>), kColumnWidth), part, parts);
    pack_columns<T>(cell.x_blocks, all, w.wx, w.ld_x, n_a, n_x, x, p.begin, p.end);
  }
  const Range q = share(ceil_div(ceil_div(n_a, VL<T>), kColumnWidth), part, parts);
  for (int stage = 0; stage < cell.stages && a[stage]; ++stage)  // a dense layer has none
    pack_columns<T>(cell.rec_count[stage], cell.rec[stage], w.wa, w.ld_a, n_a, n_a, a[stage], q.begin,
                    q.end);
}

template <class T>
void forward(const Forward<T>& f, int r0, int r1, void** scratch) {
  switch (f.batch.cell) {
    case Cell::rnn: return forward_rows<T, Cell::rnn>(f, r0, r1, scratch);
    case Cell::rnn_relu: return forward_rows<T, Cell::rnn_relu>(f, r0, r1, scratch);
    case Cell::lstm: return forward_rows<T, Cell::lstm>(f, r0, r1, scratch);
    case Cell::gru: return forward_rows<T, Cell::gru>(f, r0, r1, scratch);
    case Cell::gru_reset_after: return forward_rows<T, Cell::gru_reset_after>(f, r0, r1, scratch);
  }
}
template <class T>
void units(const Forward<T>& f, int ua, int ub) {
  switch (f.batch.cell) {
    case Cell::rnn: return forward_units<T, Cell::rnn>(f, ua, ub);
    case Cell::rnn_relu: return forward_units<T, Cell::rnn_relu>(f, ua, ub);
    case Cell::lstm: return forward_units<T, Cell::lstm>(f, ua, ub);
    default: return;  // two stages, or blocks without an input: see Stream
  }
}
template <class T>
void backward(const Backward<T>& w, int r0, int r1, void** scratch) {
  switch (w.batch.cell) {
    case Cell::rnn: return backward_rows<T, Cell::rnn>(w, r0, r1, scratch);
    case Cell::rnn_relu: return backward_rows<T, Cell::rnn_relu>(w, r0, r1, scratch);
    case Cell::lstm: return backward_rows<T, Cell::lstm>(w, r0, r1, scratch);
    case Cell::gru: return backward_rows<T, Cell::gru>(w, r0, r1, scratch);
    case Cell::gru_reset_after: return backward_rows<T, Cell::gru_reset_after>(w, r0, r1, scratch);
  }
}

constexpr int kTableRows = 48;  // rows of a table handled at a time

template <class T>
void project_table(Cell c, int n_x, int n_a, const T* packed_x, const T* bias, const T* table,
                   T* projected, int r0, int r1) {
  const UnitPanels u = x_panels<T>(c, n_a);
  const index n_a_padded = u.unit_vecs * VL<T>, width = info(c).blocks * n_a_padded;
  for (int r = r0; r < r1; r += kTableRows) {
    const int n = min(kTableRows, r1 - r);
    const T* from[kTableRows];
    T* to[kTableRows];
    for (int i = 0; i < n; ++i) from[i] = table + index(r + i) * n_x, to[i] = projected + (r + i) * width;
    project(c, u, packed_x, bias, n_x, n, from, to, n_a_padded);
  }
}

template <class T>
void table_gradient(Cell c, int n_x, int n_a, const T* packed_back_x, const T* dz, index stride, index step,
                    T* dtable, int r0, int r1) {
  const int all[kMaxBlocks] = {0, 1, 2, 3};
  for (int r = r0; r < r1; r += kTableRows) {
    const int n = min(kTableRows, r1 - r);
    Ahead nothing;
    index slot[kTableRows];
    T* to[kTableRows];
    for (int i = 0; i < n; ++i) slot[i] = (r + i) * step, to[i] = dtable + index(r + i) * n_x;
    column_products<T, false>(info(c).x_blocks, all, n_a, ceil_div(n_a, VL<T>), dz, stride, packed_back_x,
                              n_x, n, slot, to, nothing);
  }
}

template <class T, class F>
BPTT_INLINE void map(const T* x, T* y, index n, F f) {
  constexpr int L = VL<T>;
  index i = 0;
  for (; i + kPack * L <= n; i += kPack * L) store_pack(y + i, L, f(load_pack<T, kPack>(x + i, L)));
  for (; i < n; i += L) {
    const int lanes = n - i < L ? int(n - i) : L;
    store_first<T>(y + i, f(Pack<T, 1>{load_first(x + i, lanes)}).v[0], lanes);
  }
}
template <class T>
void map_exp(const T* x, T* y, index n) {
  map<T>(x, y, n, [](const auto& v) { return exp(v); });
}
template <class T>
void map_tanh(const T* x, T* y, index n) {
  map<T>(x, y, n, [](const auto& v) { return tanh(v); });
}
template <class T>
void map_sigmoid(const T* x, T* y, index n) {
  map<T>(x, y, n, [](const auto& v) { return sigmoid(v); });
}

template <class T>
void softmax(const T* x, T* y, int n, T* most, T* sum) {
  constexpr int L = VL<T>;
  const int whole = n / L * L, packs = n / (L * kPack) * (L * kPack), rest = n - whole;
  Vec<T> largest = broadcast(x[0]), s{};
  for (int i = 0; i < whole; i += L) largest = at_least<T>(load(x + i), largest);
  *most = fold<T>(largest, [](Vec<T> a, Vec<T> b) { return at_least<T>(a, b); });
  for (int i = whole; i < n; ++i) *most = x[i] > *most ? x[i] : *most;
  for (int i = 0; i < packs; i += L * kPack) {
    const Pack<T, kPack> e = exp(load_pack<T, kPack>(x + i, L) - *most);
    store_pack(y + i, L, e);
    for (int j = 0; j < kPack; ++j) s += e.v[j];
  }
  for (int i = packs; i < whole; i += L) {
    const Pack<T, 1> e = exp(load_pack<T, 1>(x + i, L) - *most);
    store_pack(y + i, L, e);
    s += e.v[0];
  }
  if (rest) {
    store_first<T>(y + whole, exp(Pack<T, 1>{load_first(x + whole, rest)} - *most).v[0], rest);
    s += load_first(y + whole, rest);
  }
  *sum = fold<T>(s, [](Vec<T> a, Vec<T> b) { return a + b; });
  const Vec<T> by = broadcast(*sum);
  for (int i = 0; i < whole; i += L) store<T>(y + i, load(y + i) / by);
  for (int i = whole; i < n; ++i) y[i] /= *sum;
}

template <class T>
Kernels<T> table() {
  return {VL<T>,
          gradient_rows<T>(),
          packed_x_size<T>,
          packed_bias_size<T>,
          packed_a_size<T>,
          pack_forward<T>,
          packed_back_x_size<T>,
          packed_back_a_size<T>,
          pack_backward<T>,
          forward<T>,
          units<T>,
          backward<T>,
          weight_gradients<T>,
          project_table<T>,
          table_gradient<T>,
          adam<T>,
          squares<T>,
          softmax<T>,
          map_exp<T>,
          map_tanh<T>,
          map_sigmoid<T>};
}

bool runs_here() {
#if defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

}  // namespace

#define BPTT_STRING_(x) #x
#define BPTT_STRING(x) BPTT_STRING_(x)
extern const InstructionSet instruction_set;
const InstructionSet instruction_set = {BPTT_STRING(BPTT_NS), runs_here, table<float>, table<double>};

}  // namespace BPTT_NS
}  // namespace bptt
