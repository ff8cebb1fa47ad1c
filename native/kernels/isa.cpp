// One instruction set: this file is compiled once for each, with BPTT_NS naming its namespace and the
// compiler flags choosing its vectors. No standard-library templates in here: the linker would merge
// their copies across instruction sets, and an old machine could run a new machine's copy.
#include "backward.h"
#include "forward.h"
#include "gradient.h"
#include "kernels.h"
#include "softmax.h"
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

// ---- affine maps: the input projection of a cell, a dense layer ----

template <class T>
index packed_affine_size(const Affine& f) {
  return index(affine_panels<T>(f).entries()) * VL<T> * f.n_in;
}
template <class T>
index packed_bias_size(const Affine& f) {
  return index(f.blocks + f.bias_blocks) * f.n_out_padded;
}
template <class T>
void pack_affine(const Affine& f, const T* const* w, const index* ld, const T* const* b, T* packed, T* bias,
                 int part, int parts) {
  const UnitPanels u = affine_panels<T>(f);
  const Range p = share(u.panels(), part, parts);
  pack_units<T>(u, w, ld, f.n_in, packed, p.begin, p.end);
  if (part != 0) return;
  for (int g = 0; g < f.blocks + f.bias_blocks; ++g)
    for (int i = 0; i < f.n_out_padded; ++i) *bias++ = b[g] && i < f.n_out ? b[g][i] : T(0);
}

template <class T>
index packed_affine_back_size(const Affine& f) {
  return index(f.blocks) * f.n_out * ceil_div(f.n_in, VL<T>) * VL<T>;
}
template <class T>
void pack_affine_back(const Affine& f, const T* const* w, const index* ld, T* packed, int part, int parts) {
  const Range p = share(ceil_div(ceil_div(f.n_in, VL<T>), kColumnWidth), part, parts);
  pack_columns<T>(f.blocks, kAllBlocks, w, ld, f.n_out, f.n_in, packed, p.begin, p.end);
}

constexpr int kAffineRows = kRowBlock;  // rows handled at a time

template <class T>
void affine_rows(const Affine& f, const T* packed, const T* bias, const T* x, T* y, int r0, int r1) {
  const index width = packed_bias_size<T>(f);
  for (int r = r0; r < r1; r += kAffineRows) {
    const int n = min(kAffineRows, r1 - r);
    const T* from[kAffineRows];
    T* to[kAffineRows];
    for (int i = 0; i < n; ++i) from[i] = x + index(r + i) * f.n_in, to[i] = y + (r + i) * width;
    affine(f, packed, bias, n, from, to, 0, ceil_div(f.n_out, VL<T>));
  }
}

template <class T>
void affine_input_gradient(const Affine& f, const T* packed, const T* dz, index step, T* dx, int r0, int r1) {
  for (int r = r0; r < r1; r += kAffineRows) {
    const int n = min(kAffineRows, r1 - r);
    Prefetch nothing;
    const T* from[kAffineRows];
    T* to[kAffineRows];
    for (int i = 0; i < n; ++i) from[i] = dz + (r + i) * step, to[i] = dx + index(r + i) * f.n_in;
    column_products<T>(f.blocks, kAllBlocks, f.n_out, ceil_div(f.n_out, VL<T>) * VL<T>, packed, f.n_in, n, from,
                       nullptr, to, nothing);
  }
}

// ---- the recurrent products of a cell ----

template <class T>
index packed_a_size(Cell c, int n_a, int stage) {
  return index(info(c).rec_count[stage]) * ceil_div(n_a, VL<T>) * VL<T> * n_a;
}
template <class T>
index packed_a_back_size(Cell c, int n_a, int stage) {
  return index(info(c).rec_count[stage]) * n_a * ceil_div(n_a, VL<T>) * VL<T>;
}
template <class T>
void pack_a(Cell c, int n_a, const Weights<const T>& w, T* const* packed, int part, int parts) {
  const CellInfo& cell = info(c);
  for (int stage = 0; stage < cell.stages; ++stage) {
    const UnitPanels u = state_panels(cell, stage, n_a, ceil_div(n_a, VL<T>));
    const Range p = share(u.panels(), part, parts);
    pack_units<T>(u, w.wa, w.ld_a, n_a, packed[stage], p.begin, p.end);
  }
}
template <class T>
void pack_a_back(Cell c, int n_a, const Weights<const T>& w, T* const* packed, int part, int parts) {
  const CellInfo& cell = info(c);
  const Range p = share(ceil_div(ceil_div(n_a, VL<T>), kColumnWidth), part, parts);
  for (int stage = 0; stage < cell.stages; ++stage)
    pack_columns<T>(cell.rec_count[stage], cell.rec[stage], w.wa, w.ld_a, n_a, n_a, packed[stage], p.begin, p.end);
}

// ---- elementwise ----

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
Kernels<T> table() {
  return {VL<T>,
          packed_affine_size<T>,
          packed_bias_size<T>,
          pack_affine<T>,
          packed_affine_back_size<T>,
          pack_affine_back<T>,
          affine_rows<T>,
          affine_input_gradient<T>,
          packed_a_size<T>,
          packed_a_back_size<T>,
          pack_a<T>,
          pack_a_back<T>,
          forward_rows<T>,
          forward_units<T>,
          backward_rows<T>,
          gradient_scratch<T>,
          weight_gradients<T>,
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
