// Which instruction set runs.
#pragma once
#include <string>
#include <vector>

#include "../kernels/kernels.h"

namespace bptt {

std::vector<std::string> available_isas();  // what this machine can run, best first
const char* isa();                          // the one in use
// Picks one by name, or the best where name is empty. Throws std::invalid_argument with a sentence
// where the name is unknown or this machine cannot run it.
void choose_isa(const std::string& name);

template <class T>
const Kernels<T>& kernels();

}  // namespace bptt
