#include "caches.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

namespace bptt {

CacheSizes cache_sizes{32 << 10, 512 << 10};

namespace {

constexpr index kKiB = 1024, kLeastL1 = 8 * kKiB, kLeastL2 = 64 * kKiB, kMost = 1 << 26;

#if defined(__APPLE__)
index reported(int level) {
  for (const char* of : {"hw.perflevel0.", "hw."}) {
    std::int64_t bytes = 0;
    std::size_t size = sizeof bytes;
    const std::string name = std::string(of) + (level == 1 ? "l1dcachesize" : "l2cachesize");
    if (sysctlbyname(name.c_str(), &bytes, &size, nullptr, 0) == 0 && bytes > 0) return bytes;
  }
  return 0;
}
#else
#if defined(__x86_64__)
// The leaf that describes caches one by one: Intel's 4, AMD's 0x8000001d; the same fields.
index from_cpuid(unsigned leaf, int level) {
  unsigned a, b, c, d;
  if (__get_cpuid_max(leaf & 0x80000000u, nullptr) < leaf) return 0;
  for (unsigned i = 0; i < 8; ++i) {
    __cpuid_count(leaf, i, a, b, c, d);
    const unsigned type = a & 31;
    if (type == 0) break;
    if (int(a >> 5 & 7) == level && type != 2)  // not instructions
      return index((b >> 22) + 1) * ((b >> 12 & 1023) + 1) * ((b & 4095) + 1) * (index(c) + 1);
  }
  return 0;
}
#endif
index from_sysfs(int level) {
  for (int i = 0; i < 8; ++i) {
    char text[3][32] = {};
    for (int j = 0; j < 3; ++j) {
      static const char* const file[] = {"level", "type", "size"};
      char path[96];
      std::snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", i, file[j]);
      std::FILE* f = std::fopen(path, "r");
      if (!f) return 0;
      if (!std::fgets(text[j], sizeof text[j], f)) text[j][0] = 0;
      std::fclose(f);
    }
    if (std::atoi(text[0]) == level && text[1][0] != 'I') return std::atoi(text[2]) * kKiB;  // "512K"
  }
  return 0;
}
index reported(int level) {
  index bytes = 0;
#if defined(__x86_64__)
  bytes = from_cpuid(4, level);
  if (!bytes) bytes = from_cpuid(0x8000001du, level);
#endif
  return bytes ? bytes : from_sysfs(level);
}
#endif

bool valid(index l1, index l2) { return l1 >= kLeastL1 && l2 >= kLeastL2 && l1 <= l2 && l2 <= kMost; }

}  // namespace

void set_cache_sizes(const std::string& text) {
  int l1 = 0, l2 = 0, end = 0;
  if (std::sscanf(text.c_str(), "%d,%d%n", &l1, &l2, &end) < 2 || end != int(text.size()) ||
      !valid(l1 * kKiB, l2 * kKiB))
    throw std::invalid_argument("BPTT_CACHE is '" + text +
                                "'; expected the L1 and the L2 cache of a core in KiB, such as 32,512: at least 8 "
                                "and 64, at most 65536.");
  cache_sizes = {l1 * kKiB, l2 * kKiB};
}

void find_cache_sizes() {
  const char* wanted = std::getenv("BPTT_CACHE");
  if (wanted && *wanted) return set_cache_sizes(wanted);
  const index l1 = reported(1), l2 = std::min(reported(2), kMost);
  if (valid(l1, l2)) cache_sizes = {l1, l2};
}

}  // namespace bptt
