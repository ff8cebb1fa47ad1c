// The sizes of the caches by which products are cut into blocks.
#pragma once
#include <string>

#include "../kernels/problem.h"

namespace bptt {

// Sets them from BPTT_CACHE where it is set, otherwise from what the system reports.
void find_cache_sizes();
// "L1,L2" in KiB, such as "32,512". Throws std::invalid_argument with a sentence where it is not.
void set_cache_sizes(const std::string&);

}  // namespace bptt
