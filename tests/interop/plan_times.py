"""Say where the time of imported graphs goes: python -m tests.interop.plan_times [TASK ...]

Not collected by pytest: needs the corpus. Each call of a file's plan is timed by itself, the least
of many runs, and counted as engine (recurrent nodes), matrix products (of Conv too) or other NumPy
calls. What is left of a call of `Graph.run` is Python's (loop, look-up of the plan, copies of
inputs and outputs), or that of caches: a call by itself finds its weights there.
"""

import sys
import time
from functools import partial

import numpy as np

import bptt
from bptt.interop import load
from bptt.interop.onnx.product_steps import _recurrent
from tests.interop.peer_speed import ONNX, inputs, path_of

ROUNDS = 200


def kind_of(call):
    """Return what a call of a workspace counts as."""
    functions = [call]
    while isinstance(functions[-1], partial):
        inner = functions[-1]
        functions += [arg for arg in inner.args[:1] if callable(arg)] or [inner.func]
    function = functions[-1]
    if getattr(function, "__qualname__", "").startswith(_recurrent.__qualname__):
        return "engine"
    return "products" if function in (np.matmul, np.dot) else "other"


def least(call, rounds=ROUNDS):
    best = np.inf
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best * 1e6


def row(task):
    graph, given = load(path_of(task)).graph, inputs(task)
    for _ in range(3):
        graph.run(given)
    (plan,) = graph._plans._plans.values()
    workspace = plan.workspace()
    for own, name in zip(workspace.values, graph.inputs, strict=False):
        np.copyto(own, given[name])
    times = {"engine": 0.0, "products": 0.0, "other": 0.0}
    empty = least(lambda: None)
    for call in workspace.calls:
        times[kind_of(call)] += least(call, ROUNDS // 4) - empty
    whole = least(lambda: graph.run(given))
    shown = " | ".join(f"{t:.0f} ({t / whole:.0%})" for t in times.values())
    left = whole - sum(times.values())
    rest = f"{left:.0f} ({left / whole:.0%})"
    return f"| {task} | {len(workspace.calls)} | {whole:.0f} | {shown} | {rest} |"


def main():
    bptt.set_num_threads(1)
    print("| task | calls | whole, us | engine | products | other NumPy calls | left |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for task in sys.argv[1:] or ONNX:
        print(row(task), flush=True)


if __name__ == "__main__":
    main()
