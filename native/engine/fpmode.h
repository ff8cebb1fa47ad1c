// Subnormal numbers cost tens of times a normal operation; a decaying state is full of them. While one
// of these objects exists, the thread reads and writes them as zero; afterwards the caller's mode is restored.
#pragma once
#include <cstdint>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace bptt {

class FlushDenormals {
 public:
  FlushDenormals() : saved_(read()) { write(flushing(saved_)); }
  ~FlushDenormals() { write(saved_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__SSE__)
  using Mode = unsigned;
  static Mode read() { return _mm_getcsr(); }
  static void write(Mode m) { _mm_setcsr(m); }
  // flush-to-zero, denormals-are-zero, all exceptions masked, round to nearest, flags clear
  static Mode flushing(Mode) { return 0x8000 | 0x0040 | 0x1f80; }
#elif defined(__aarch64__)
  using Mode = std::uint64_t;
  static Mode read() {
    Mode m;
    __asm__ volatile("mrs %0, fpcr" : "=r"(m));
    return m;
  }
  static void write(Mode m) { __asm__ volatile("msr fpcr, %0" : : "r"(m)); }
  static Mode flushing(Mode) { return Mode(1) << 24; }  // FZ; no traps, round to nearest
#else
  using Mode = int;
  static Mode read() { return 0; }
  static void write(Mode) {}
  static Mode flushing(Mode) { return 0; }
#endif
  Mode saved_;
};

}  // namespace bptt
