// Where the rows of each thread lie in arrays that are written in every step.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace bptt {

// The rows of a batch in groups, one for each thread. An array of several steps, in which each step has room for
// all rows, holds them group by group, and leaves `kSpace` bytes behind each group: where rows of two threads are
// neighbors, the prefetcher of one core takes lines that the other is about to write.
class RowGroups {
 public:
  RowGroups() = default;  // one group, at places that are numbered as the rows are
  // begin: the first row of each group, and the end of the last. m: all rows; those behind the last group have
  // ended, and are kept with it.
  RowGroups(std::vector<int> begin, int m, std::int64_t row_bytes)
      : begin_(std::move(begin)), m_(m), space_(count() > 1 ? (kSpace + row_bytes - 1) / row_bytes : 0) {}

  int count() const { return int(begin_.size()) - 1; }
  int begin(int group) const { return begin_[group]; }
  int rows(int group) const { return (group + 1 < count() ? begin_[group + 1] : m_) - begin_[group]; }

  // In an array of some steps: the rows of memory it takes; how far row r of a group is from place r; its place.
  std::int64_t size(int steps = 1) const { return m_ * std::int64_t(steps) + count() * space_; }
  std::int64_t shift(int group, int steps = 1) const {
    return begin_[group] * std::int64_t(steps - 1) + group * space_;
  }
  std::int64_t place(int r, int steps = 1, int step = 0) const {
    int group = 0;
    while (group + 1 < count() && r >= begin_[group + 1]) ++group;
    return r + shift(group, steps) + step * std::int64_t(rows(group));
  }

  // From here on, as many groups or fewer that begin elsewhere. each_array(move) calls move(array, width, steps)
  // for each array.
  template <class Each>
  void regroup(std::vector<int> begin, Each each_array) {
    const RowGroups before = *this;
    begin_ = std::move(begin);
    if (before.begin_ == begin_) return;
    each_array([&](auto* array, std::int64_t width, int steps) {
      std::vector<std::remove_pointer_t<decltype(array)>> copy(steps * m_ * width);
      auto* to = copy.data();
      for (int r = 0; r < m_; ++r)
        for (int s = 0; s < steps; ++s, to += width)
          std::copy_n(array + before.place(r, steps, s) * width, width, to);
      const auto* from = copy.data();
      for (int r = 0; r < m_; ++r)
        for (int s = 0; s < steps; ++s, from += width)
          std::copy_n(from, width, array + place(r, steps, s) * width);
    });
  }

 private:
  static constexpr std::int64_t kSpace = 128 << 10;
  std::vector<int> begin_{0, 0};
  int m_ = 0;
  std::int64_t space_ = 0;
};

}  // namespace bptt
