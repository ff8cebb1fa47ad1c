#include "steps.h"

#include <cmath>

#include "memory.h"
#include "work.h"

namespace bptt {

namespace {

constexpr double kStepCost = 4;  // an element's time in multiply-adds of a product

// Calls f(r, t0, t1) for the steps of each sequence: rows are divided among threads, and long sequences into
// pieces, between which the watch is called.
template <class F>
void each_sequence(const index* lengths, index m, index n, Watch& watch, F&& f) {
  index longest = 0;
  double steps = 0;
  for (index r = 0; r < m; ++r) longest = std::max(longest, lengths[r]), steps += double(lengths[r]);
  const double work = steps * double(n) * kStepCost;
  const int parts = parts_for(work, int(std::clamp<index>(m, 1, 1 << 16)));
  in_pieces(longest, 1, work, parts, watch, [&](index t0, index t1) {
    parallel(parts, [&](int i) {
      for (index r = m * i / parts; r < m * (i + 1) / parts; ++r) f(r, t0, std::min(t1, lengths[r]));
    });
  });
}

}  // namespace

template <class T>
void add_steps(Rows<const T> x, const index* lengths, index m, index n, const double* total, double* sum,
               Watch watch) {
  std::copy_n(total, m * n, sum);
  each_sequence(lengths, m, n, watch, [&](index r, index t0, index t1) {
    double* s = sum + r * n;
    for (index t = t0; t < t1; ++t) {
      const T* xt = x.at(r, t);
      for (index j = 0; j < n; ++j) s[j] += double(xt[j]);
    }
  });
}

template <class T>
void max_steps(Rows<const T> x, const index* lengths, index m, index n, const T* top, T* most, index* at,
               Watch watch) {
  std::copy_n(top, m * n, most);
  std::fill_n(at, m * n, index(0));
  each_sequence(lengths, m, n, watch, [&](index r, index t0, index t1) {
    T* best = most + r * n;
    index* first = at + r * n;
    for (index t = t0; t < t1; ++t) {
      const T* xt = x.at(r, t);
      for (index j = 0; j < n; ++j)
        if (!(xt[j] <= best[j]) && !std::isnan(best[j])) best[j] = xt[j], first[j] = t + 1;
    }
  });
}

#define BPTT_INSTANTIATE(T)                                                                             \
  template void add_steps<T>(Rows<const T>, const index*, index, index, const double*, double*, Watch); \
  template void max_steps<T>(Rows<const T>, const index*, index, index, const T*, T*, index*, Watch);
BPTT_INSTANTIATE(float)
BPTT_INSTANTIATE(double)

}  // namespace bptt
