"""The error of a model without parameters: kinds, and pickled in between processes."""

import pickle
import subprocess
import sys

import pytest

import bptt
from bptt.errors import ConfigError

CODE = """
import pickle, sys, bptt
def caught():
    try: bptt.SequenceClassifier().predict([[1.0]])
    except bptt.errors.ConfigError as e: return e
e = caught()
assert "sklearn" not in sys.modules
again = pickle.loads(pickle.dumps(e))
assert type(again) is type(e) and str(again) == str(e) and again.operation == e.operation
sent = pickle.dumps(e)
import sklearn.exceptions
for error in (caught(), pickle.loads(sent), pickle.loads(pickle.dumps(caught()))):
    assert isinstance(error, sklearn.exceptions.NotFittedError), type(error).__mro__
    assert str(error) == str(e)
"""


def test_the_error_of_an_unfitted_model_survives_a_process_pool():
    pytest.importorskip("sklearn")
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=60)
    with pytest.raises(ConfigError) as caught:
        bptt.Forecaster().predict([1.0])
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert isinstance(again, ConfigError)
