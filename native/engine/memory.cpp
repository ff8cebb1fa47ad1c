#include "memory.h"

#include <cstdlib>
#include <mutex>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(_WIN32)
#include <malloc.h>
#endif

namespace bptt {
namespace {

constexpr std::size_t kLine = 64, kHuge = std::size_t(2) << 20;
constexpr std::size_t kKeepFrom = std::size_t(2) << 10;  // smaller blocks: malloc is good at them
constexpr std::size_t kKeepTotal = std::size_t(256) << 20;
constexpr int kKeepBlocks = 64;

// Each block starts with one line that holds its size.
struct Header {
  std::size_t bytes;
};
struct Cache {
  std::mutex lock;
  Header* block[kKeepBlocks];  // oldest first
  int count = 0;
  std::size_t total = 0;

  Header* remove(int i) {
    Header* h = block[i];
    for (--count; i < count; ++i) block[i] = block[i + 1];
    total -= h->bytes;
    return h;
  }
};

Cache& cache() {
  static Cache* c = [] {
    auto* made = new Cache;  // never destroyed: arrays may be freed during exit
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork([] { cache().lock.lock(); }, [] { cache().lock.unlock(); }, [] { cache().lock.unlock(); });
#endif
    return made;
  }();
  return *c;
}

// An eighth of slack at most, so that nearly equal requests share blocks.
std::size_t rounded(std::size_t bytes) {
  std::size_t step = kLine;
  while (step * 16 <= bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

#if defined(_WIN32)  // whose C library has no aligned_alloc
void* allocate(std::size_t align, std::size_t bytes) { return _aligned_malloc(bytes, align); }
void release(Header* h) { _aligned_free(h); }
#else
void* allocate(std::size_t align, std::size_t bytes) { return std::aligned_alloc(align, bytes); }
void release(Header* h) { std::free(h); }
#endif

}  // namespace

void* take_block(std::size_t bytes) {
  if (bytes > (std::size_t(1) << 62)) throw std::bad_alloc();
  bytes = rounded(bytes + kLine);
  if (bytes >= kKeepFrom) {
    Cache& c = cache();
    std::lock_guard<std::mutex> hold(c.lock);
    int best = -1;
    for (int i = 0; i < c.count; ++i)
      if (c.block[i]->bytes >= bytes && c.block[i]->bytes <= bytes + bytes / 2 &&
          (best < 0 || c.block[i]->bytes < c.block[best]->bytes))
        best = i;
    if (best >= 0) return reinterpret_cast<char*>(c.remove(best)) + kLine;
  }
  const std::size_t align = bytes >= 2 * kHuge ? kHuge : kLine;
  void* p = allocate(align, (bytes + align - 1) / align * align);
  if (!p) {
    release_cached_blocks();
    p = allocate(align, (bytes + align - 1) / align * align);
    if (!p) throw std::bad_alloc();
  }
#if defined(__linux__)
  if (align == kHuge) madvise(p, bytes, MADV_HUGEPAGE);
#endif
  static_cast<Header*>(p)->bytes = bytes;
  return static_cast<char*>(p) + kLine;
}

void give_block(void* block) noexcept {
  if (!block) return;
  auto* h = reinterpret_cast<Header*>(static_cast<char*>(block) - kLine);
  if (h->bytes < kKeepFrom || h->bytes > kKeepTotal) return release(h);
  Cache& c = cache();
  std::lock_guard<std::mutex> hold(c.lock);
  while (c.count == kKeepBlocks || c.total + h->bytes > kKeepTotal) release(c.remove(0));
  c.block[c.count++] = h;
  c.total += h->bytes;
}

std::size_t cached_bytes() {
  std::lock_guard<std::mutex> hold(cache().lock);
  return cache().total;
}

void release_cached_blocks() {
  Cache& c = cache();
  std::lock_guard<std::mutex> hold(c.lock);
  while (c.count) release(c.remove(0));
}

}  // namespace bptt
