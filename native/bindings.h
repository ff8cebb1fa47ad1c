// The parts of the module.
#pragma once
#include <nanobind/nanobind.h>

namespace bptt {

void bind_layers(nanobind::module_& m);
void bind_packed(nanobind::module_& m);
void bind_rows(nanobind::module_& m);
void bind_steps(nanobind::module_& m);

}  // namespace bptt
