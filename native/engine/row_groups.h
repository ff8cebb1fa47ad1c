// Where the rows of each thread lie in arrays that are written in every step.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace bptt {

// The rows of a batch in groups, one for each thread. Arrays that hold them leave `kSpace` bytes between groups:
// where two were neighbors, the prefetcher of one core would take lines that the other is about to write.
class RowGroups {
 public:
  RowGroups() = default;
  // begin: the first row of each group, and the end of the last. m: all rows; those behind the last group have
  // ended, and are its neighbors. row_bytes: of one row, or 0 for no space between groups.
  RowGroups(std::vector<int> begin, int m, std::int64_t row_bytes)
      : begin_(std::move(begin)), m_(m), space_(row_bytes ? (kSpace + row_bytes - 1) / row_bytes : 0) {}

  int count() const { return int(begin_.size()) - 1; }
  int begin(int group) const { return begin_[group]; }
  std::int64_t rows() const { return m_ + shift(count() - 1); }  // and the space between them
  std::int64_t shift(int group) const { return group * space_; }
  std::int64_t place(int r) const {
    int group = 0;
    while (group + 1 < count() && r >= begin_[group + 1]) ++group;
    return r + shift(group);
  }

  // From here on, as many groups that begin elsewhere. each_array(move) calls move(rows, width) for every array.
  template <class Each>
  void regroup(std::vector<int> begin, Each each_array) {
    const RowGroups before = *this;
    begin_ = std::move(begin);
    if (space_ == 0 || before.begin_ == begin_) return;
    each_array([&](auto* rows, std::int64_t width) {
      std::vector<std::remove_pointer_t<decltype(rows)>> copy(m_ * width);
      for (int r = 0; r < m_; ++r) std::copy_n(rows + before.place(r) * width, width, copy.data() + r * width);
      for (int r = 0; r < m_; ++r) std::copy_n(copy.data() + r * width, width, rows + place(r) * width);
    });
  }

 private:
  static constexpr std::int64_t kSpace = 16 << 10;
  std::vector<int> begin_;
  int m_ = 0;
  std::int64_t space_ = 0;
};

}  // namespace bptt
