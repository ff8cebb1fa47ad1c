"""The plain NumPy loop, `bptt.equations`, and matrix products by NumPy's BLAS."""

from functools import partial

import numpy as np

from bptt import equations

from .cases import CourseArrays, course_results, square_products
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


def sgemm(case):
    """Square float32 products into an array that is there already."""
    found = {}
    for n, a, b in square_products():
        product = partial(np.matmul, a, b, out=np.empty_like(a))
        found[f"matmul {n}"] = Configuration(product, lambda _: {}, work=2 * n**3)
    return found
