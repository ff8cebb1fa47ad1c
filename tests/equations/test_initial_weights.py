"""Initial weights: orthogonal ones in one thread of NumPy's BLAS, with the bits of any number."""

import threading

import numpy as np

from bptt.equations import one_thread
from bptt.equations.initializers import orthogonal


def test_orthogonal_weights_are_those_of_lapack():
    rng = np.random.default_rng(0)
    q = orthogonal(rng, (90, 40))
    np.testing.assert_allclose(q.T @ q, np.eye(40), atol=1e-12)
    expected, r = np.linalg.qr(np.random.default_rng(0).standard_normal((90, 40)))
    np.testing.assert_allclose(q, expected * np.sign(np.diag(r)), rtol=0, atol=1e-13)


def test_the_number_of_blas_threads_is_restored_whoever_ends_last(monkeypatch):
    now = [7]
    monkeypatch.setattr(
        one_thread, "_threads", lambda: (lambda: now[0], lambda n: now.__setitem__(0, n))
    )
    first, second = threading.Event(), threading.Event()

    def work():
        with one_thread.one_blas_thread():
            first.set()
            second.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    first.wait(10)
    with one_thread.one_blas_thread():
        assert now == [1]
    assert now == [1]  # the other block is still running
    second.set()
    thread.join()
    assert now == [7]


def test_without_a_known_blas_the_block_runs(monkeypatch):
    monkeypatch.setattr(one_thread, "_threads", lambda: None)
    with one_thread.one_blas_thread():
        pass


def test_the_functions_of_the_library_are_called():
    functions = one_thread._threads()
    if functions is not None:
        get, _ = functions
        before = get()
        with one_thread.one_blas_thread():
            assert get() == 1
        assert get() == before
