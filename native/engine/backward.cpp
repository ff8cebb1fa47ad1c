#include <optional>

#include "part_sums.h"

namespace bptt {

template <class T>
void backward(const Tape<T>& tape, Rows<const T> dy, const StateRows<const T>& dfinal, const Gradients<T>& to,
              Watch watch) {
  BackwardBuffers<T> buffers(tape, dy, dfinal, to);
  const Batch& b = buffers.b;
  std::optional<PartSums<T>> whole;
  if (to.parts.size() == 1) whole.emplace(buffers, buffers.parts[0], to.parts[0]);
  for (const Chunk& c : buffers.chunks) {
    if (c.s1 < b.steps) watch();
    walk_back(c, buffers, watch);
    if (whole) whole->add(buffers.slots_of(c), watch);
  }
  if (whole) whole->finish(watch);
  if (to.parts.size() > 1) sum_each_part(buffers, to, watch);

  for (int i = 0; i < buffers.cell.n_states; ++i)
    for (int r = 0; r < b.m; ++r)
      if (to.dstate0.of[i].data)
        std::copy_n(buffers.dstate[i].data() + buffers.groups.place(r) * b.n_a_padded, b.n_a,
                    to.dstate0.of[i].at(b.row[r], 0));
  if (to.dx.data) zero_padding(b, tape.plan.T, to.dx, b.n_x);
}

template void backward<float>(const Tape<float>&, Rows<const float>, const StateRows<const float>&,
                              const Gradients<float>&, Watch);
template void backward<double>(const Tape<double>&, Rows<const double>, const StateRows<const double>&,
                               const Gradients<double>&, Watch);

}  // namespace bptt
