#include "dispatch.h"

#include <cstdlib>
#include <stdexcept>

#include "caches.h"

namespace bptt {

#define BPTT_DECLARE(ns)                       \
  namespace ns {                               \
  extern const InstructionSet instruction_set; \
  }
#if defined(__x86_64__)
#if !defined(BPTT_NO_AVX512)
BPTT_DECLARE(avx512)
#endif
BPTT_DECLARE(avx2)
BPTT_DECLARE(baseline)
#elif defined(__aarch64__)
BPTT_DECLARE(neon)
#else
BPTT_DECLARE(baseline)
#endif

namespace {

const InstructionSet* const all[] = {// best first
#if defined(__x86_64__)
#if !defined(BPTT_NO_AVX512)
                                     &avx512::instruction_set,
#endif
                                     &avx2::instruction_set, &baseline::instruction_set
#elif defined(__aarch64__)
                                     &neon::instruction_set
#else
                                     &baseline::instruction_set
#endif
};

struct Chosen {
  const InstructionSet* set = nullptr;
  Kernels<float> f32;
  Kernels<double> f64;
};
Chosen chosen;

const Chosen& current() {
  if (!chosen.set) {
    find_cache_sizes();
    const char* wanted = std::getenv("BPTT_ISA");
    choose_isa(wanted ? wanted : "");
  }
  return chosen;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const InstructionSet* s : all)
    if (s->runs_here()) names.push_back(s->name);
  return names;
}

void choose_isa(const std::string& name) {
  for (const InstructionSet* s : all) {
    if (!s->runs_here() || (!name.empty() && name != s->name)) continue;
    chosen.f32 = s->f32();
    chosen.f64 = s->f64();
    chosen.set = s;
    return;
  }
  std::string list;
  for (const std::string& s : available_isas()) list += (list.empty() ? "" : ", ") + s;
  throw std::invalid_argument("BPTT_ISA is '" + name + "'; expected one of " + list +
                              ", which this machine can run.");
}

const char* isa() { return current().set->name; }

template <>
const Kernels<float>& kernels<float>() {
  return current().f32;
}
template <>
const Kernels<double>& kernels<double>() {
  return current().f64;
}

}  // namespace bptt
