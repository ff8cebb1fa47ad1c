// Weight gradients over the threads: shared by recurrent and dense layers.
#pragma once
#include "dispatch.h"
#include "work.h"

namespace bptt {

// Column vectors of dz over the threads, and groups of columns where there are more threads still.
template <class T>
class GradientJob {
 public:
  GradientJob(const Gradient<T>& g, double work)
      : parts_(parts_for(work, 1 << 10)), size_(kernels<T>().gradient_scratch(g)), scratch_(parts_ * size_) {}

  // Adds the slots of g, `vectors` column vectors of dz.
  void run(const Gradient<T>& g, int vectors, double work, Watch& watch) {
    in_pieces(vectors, 1, work, parts_, watch, [&](index first, index last) {
      const int n = int(last - first), by_row = std::min(parts_, n), by_n = std::max(1, parts_ / by_row);
      parallel(by_row * by_n, [&](int i) {
        const int j = i / by_n;
        kernels<T>().gradient(g, int(first) + n * j / by_row, int(first) + n * (j + 1) / by_row, i % by_n, by_n,
                              scratch_.data() + i * size_);
      });
    });
  }

 private:
  int parts_;
  index size_;
  Array<T> scratch_;
};

}  // namespace bptt
