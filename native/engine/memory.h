// Large blocks, aligned to cache lines. Freed blocks are kept for the next call, up to a fixed total:
// the pages of a fresh 30 MB tape cost more to map than a layer costs to compute.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

namespace bptt {

void* take_block(std::size_t bytes);  // throws std::bad_alloc
void give_block(void* block) noexcept;
std::size_t cached_bytes();
void release_cached_blocks();

// An array of T in a block; contents undefined.
template <class T>
class Array {
 public:
  Array() = default;
  explicit Array(std::int64_t n) : data_(static_cast<T*>(take_block(bytes(n)))), size_(n) {}
  Array(Array&& o) noexcept : data_(o.data_), size_(o.size_) { o.data_ = nullptr, o.size_ = 0; }
  Array& operator=(Array&& o) noexcept {
    if (this != &o) {
      give_block(data_);
      data_ = o.data_, size_ = o.size_;
      o.data_ = nullptr, o.size_ = 0;
    }
    return *this;
  }
  ~Array() { give_block(data_); }
  T* data() const { return data_; }
  std::int64_t size() const { return size_; }
  T* release() {
    T* p = data_;
    data_ = nullptr, size_ = 0;
    return p;
  }

 private:
  static std::size_t bytes(std::int64_t n) {
    if (n < 0 || n > std::numeric_limits<std::int64_t>::max() / std::int64_t(sizeof(T))) throw std::bad_alloc();
    return std::size_t(n) * sizeof(T);
  }
  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace bptt
