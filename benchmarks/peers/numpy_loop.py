"""The plain NumPy loop, `bptt.equations`, and matrix products by NumPy's BLAS."""

from functools import partial

import numpy as np

from bptt import equations

from .cases import CourseArrays, course_results
from .worker import Configuration


def hello():
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"version": f"NumPy {np.__version__} ({blas.get('name')} {blas.get('version')})"}


def prepare(case):
    return globals()[case.kind](case)


def course(case):
    """`lstm_forward` and `lstm_backward` of `bptt.equations`."""
    d = CourseArrays(case)

    def run():
        forward = equations.lstm_forward(d.x, d.a0, d.parameters)
        return forward, equations.lstm_backward(d.da, forward[3])

    return {"equations": Configuration(run, lambda results: course_results(*results))}


def product(case):
    """A product of two square matrices into an array that is there already."""
    (n,) = case.size
    a, b = np.random.default_rng(4).standard_normal((2, n, n)).astype(case.dtype)
    run = partial(np.matmul, a, b, out=np.empty_like(a))
    return {f"matmul {n}": Configuration(run, lambda _: {}, work=2 * n**3)}
