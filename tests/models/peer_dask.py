"""Search hyper-parameters on joblib's loky and Dask backends: the scores of one process.

    pip install 'bptt[scores]' 'dask[distributed]'
    python -m tests.models.peer_dask

Not part of the suite: Dask is large. Prints the scores of each backend, the threads that the engine
has in a worker of Dask, and what the search wrote to standard error, which must be nothing.
"""

import contextlib
import io

import joblib
import numpy as np
from dask.distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV

import bptt

GRID = {"units": [4, 8], "learning_rate": [0.01, 0.05]}


def search(backend, n_jobs):
    """Return the mean test scores of a search, and what it wrote."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(rng.integers(3, 9), 2)).cumsum(axis=0) for _ in range(60)]
    y = ["up" if x[-1, 0] > 0 else "down" for x in X]
    model = bptt.SequenceClassifier(epochs=5, verbose=0)
    written = io.StringIO()
    with contextlib.redirect_stderr(written), joblib.parallel_backend(backend, n_jobs=n_jobs):
        found = GridSearchCV(model, GRID, cv=3, n_jobs=n_jobs).fit(X, y)
    return found.cv_results_["mean_test_score"], written.getvalue()


def main():
    alone, _ = search("sequential", 1)
    print("one process", alone.tolist())
    loky, written = search("loky", 2)
    print("loky, 2    ", loky.tolist(), repr(written))
    assert np.array_equal(alone, loky)
    assert not written
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**workers) as cluster, Client(cluster) as client:
        print("threads of the engine in a worker:", client.run(bptt.get_num_threads))
        dask, written = search("dask", 2)
    print("Dask, 2    ", dask.tolist(), repr(written))
    assert np.array_equal(alone, dask)
    assert not written


if __name__ == "__main__":
    main()
