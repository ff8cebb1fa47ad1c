"""The table of shares of the peak: by cell, pass, dtype, threads, instruction set and size."""

from .goals import FASTER, SHARES, peak, product, time_at
from .tables import line, number

CONTENDERS = {"bptt": "bptt", "torch": "PyTorch", "ort": "ONNX Runtime", "jax": "JAX"}


def share_table(outcomes, run):
    """All shares in one table; a share is of the yardstick's speed."""
    goals = ", ".join(f"{size} {goal:g}" for size, goal in SHARES.items())
    head = ["cell", "pass", "dtype", "threads", "instruction set", "size", "peak GFLOP/s"]
    head += ["NumPy's product", *CONTENDERS.values(), "goal", "", "bptt's spread"]
    text = (
        f"The peak: {run.yardstick.work}, in the same rounds, dtype and number of threads. A share "
        "is of its speed and counts the operations of a layer's matrix products: forward gates x "
        "2 n_a (n_a + n_x) m T_x, backward twice as many; activations, sums and biases count for "
        f"nothing. Goals, the least demanding of three: {goals} of the peak; as much of the speed "
        f"of NumPy's product; {FASTER:g} x the fastest peer's speed."
    )
    lines = ["### Share of the peak", "", text, "", line(head), line(["---"] * len(head))]
    return "\n".join(lines + [line(cells(o, run)) for o in outcomes])


def cells(outcome, run):
    """A line: the peak, and every contender's share of it."""
    ours, medians = outcome.row.ours(outcome.size), outcome.experiment.medians()
    case, slowest = ours.case, medians[peak(ours)]

    def share(seconds, at_peak):
        return number(at_peak / seconds if seconds else None)

    return [
        case.cell.replace("_", " "),
        "forward + backward" if case.backward else "forward",
        case.dtype,
        ours.threads or run.threads,
        run.isa,
        outcome.size,
        number(1e-9 / slowest),
        share(medians.get(product(ours)), slowest),
        *(
            share(medians.get(ours._replace(contender=name)), time_at(slowest, case))
            for name in CONTENDERS
        ),
        f">= {outcome.goal}",
        outcome.verdict,
        outcome.spread,
    ]
