"""The package as a whole: what importing costs, what is public, where imports point, its texts."""

import ast
import doctest
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from dataclasses import is_dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import bptt

SOURCE = Path(bptt.__file__).parent
FILES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))
MODULES = ["bptt", *(m.name for m in pkgutil.walk_packages(bptt.__path__, "bptt."))]


def words(text):
    return text.split()


COURSE = words("""
    sigmoid softmax pad_sequences
    rnn_cell_forward rnn_forward rnn_cell_backward rnn_backward
    lstm_cell_forward lstm_forward lstm_cell_backward lstm_backward
    gru_cell_forward gru_forward gru_cell_backward gru_backward
""")
CS231N = words("""
    rnn_step_forward rnn_step_backward lstm_step_forward lstm_step_backward
    word_embedding_forward word_embedding_backward
    temporal_affine_forward temporal_affine_backward temporal_softmax_loss
""")
TURNED = words("rnn_forward rnn_backward lstm_forward lstm_backward")  # in batch_first only
ON_ENGINE = words("gru_forward gru_backward")  # at the top they run on the engine, as TURNED do
OURS = words("""
    GRU LSTM RNN BpttError Dense Embedding Forecaster LanguageModel Network SequenceClassifier
    SequenceRegressor SequenceTagger Stream batch_first check_grads get_num_threads load
    set_num_threads show_config
""")


ROOMS_SHOWN = words(
    "cli corpus distributed engine equations errors inspect interop layers models readers training"
)


# What importing costs

NEW_MODULES = """
import sys, numpy
before = set(sys.modules)
import bptt
print(*sorted(set(sys.modules) - before))
"""


def python(code):
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCE.parent), *sys.path])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_import_needs_numpy_only_and_little_of_that():
    new = python(NEW_MODULES)
    roots = {name.partition(".")[0] for name in new}
    assert roots <= {"bptt", "numpy"} | sys.stdlib_module_names
    own = [name for name in new if name.partition(".")[0] == "bptt"]
    assert own
    assert not [name for name in own if name.split(".")[1:2] in (["cli"], ["models"], ["training"])]
    assert len(own) <= 40
    assert len(new) - len(own) <= 10
    heavy = {"safetensors", "typer", "rich", "pydoc_data", "matplotlib", "asyncio", "unittest"}
    assert not roots & heavy


@pytest.mark.parametrize("name", [*ROOMS_SHOWN, "training.Checkpoints"])
def test_every_public_module_is_an_attribute_in_a_fresh_process(name):
    code = f"import bptt; print(bptt.{name}.__name__, {name.split('.')[0]!r} in dir(bptt))"
    expected = "Checkpoints" if "." in name else f"bptt.{name}"
    assert python(code) == [expected, "True"]


def test_the_version_is_that_of_the_installed_package():
    assert bptt.__version__ == metadata.version("bptt")


def test_names_that_need_more_come_when_asked_for():
    code = "import sys, bptt; a = 'bptt.models' in sys.modules; bptt.LanguageModel; bptt.load\n"
    assert python(code + "print(a, 'bptt.models' in sys.modules)") == ["False", "True"]


# What is public


def test_public_names():
    assert sorted(bptt.__all__) == sorted(COURSE + CS231N + OURS)


def test_public_names_are_sorted():
    def key(name):  # as ruff sorts: CONSTANTS, Classes, functions
        return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)

    assert bptt.__all__ == sorted(bptt.__all__, key=key)


def test_public_names_can_be_imported_and_are_listed():
    names = {}
    exec("from bptt import *", names)
    assert set(bptt.__all__) <= names.keys()
    assert set(bptt.__all__) | set(ROOMS_SHOWN) <= set(dir(bptt))
    assert all(hasattr(bptt, name) for name in dir(bptt))
    modules = {name for name, value in vars(bptt).items() if inspect.ismodule(value)}
    listed = set(bptt.__all__) | modules | {"TYPE_CHECKING", "Any", "import_module"}
    assert {name for name in vars(bptt) if not name.startswith("_")} <= listed


@pytest.mark.parametrize("name", COURSE + CS231N)
def test_every_function_of_the_courses_is_at_the_top(name):
    assert callable(getattr(bptt, name))
    home = bptt.equations if name in COURSE else bptt.batch_first
    top = getattr(bptt, name)
    assert getattr(home, name) in (top, top.__wrapped__ if name in TURNED + ON_ENGINE else top)


@pytest.mark.parametrize("name", TURNED)
def test_batch_first_has_its_own_sequence_functions(name):
    assert callable(getattr(bptt.batch_first, name))
    assert getattr(bptt.batch_first, name) is not getattr(bptt, name)
    assert name in bptt.batch_first.__all__


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'bptt' has no attribute 'Transformer'"):
        _ = bptt.Transformer


@pytest.mark.parametrize("name", [m for m in MODULES if m != "bptt.cli"])
def test_every_list_of_public_names_is_true(name):
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        assert hasattr(module, public)


# Which way imports point

ROOMS = words("""
    errors extras safe_files checks equations gradcheck engine course config distributed
    stream layers network readers corpus training models inspect interop cli
""")


def imports(path, text):
    """(room, what) of every import from bptt in a file; what is a dotted path below the room."""
    here = ["bptt", *Path(path).with_suffix("").parts]
    package = here[:-1]  # also of __init__: its parts end in "__init__"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            targets = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            targets = [[*base, alias.name] for alias in node.names]
        else:
            continue
        for target in targets:
            if target[0] == "bptt":
                yield "".join(target[1:2]), ".".join(target[2:])


def violations(files):
    """Sentences about imports that point upwards, or to what nobody outside imports."""
    for path, text in files.items():
        room = Path(path).with_suffix("").parts[0]
        if room == "__init__":  # the roof: it gathers
            continue
        for other, what in imports(path, text):
            if other not in ROOMS:
                yield f"{path} imports {other or 'bptt itself'}"
            elif ROOMS.index(other) > ROOMS.index(room):
                yield f"{path} imports {other}, which stands below it"
            elif other != room and re.search(r"(^|\.)_[^_]", what):
                yield f"{path} imports {what} of {other}, which is its own"


def test_imports_point_one_way():
    assert list(violations({path: (SOURCE / path).read_text() for path in FILES})) == []


def test_every_file_is_in_a_room():
    assert {Path(path).with_suffix("").parts[0] for path in FILES} == {"__init__", *ROOMS}


@pytest.mark.parametrize(
    ("path", "text", "seen"),
    [
        ("errors.py", "from .checks import ArrayChecker", "checks"),
        ("equations/rnn.py", "from ..layers import RNN", "layers"),
        ("equations/rnn.py", "from .. import engine", "engine"),
        ("equations/__init__.py", "from ..gradcheck import check_grads", "gradcheck"),
        ("engine/numpy_provider.py", "def f():\n    import bptt.layers.base", "layers"),
        ("layers/base.py", "from bptt.training.loop import train_text", "training"),
        ("network.py", "from bptt import models", "models"),
        ("layers/base.py", "from ..equations._other import cell_door", "_other"),
        ("training/loop.py", "from ..network import _hidden", "_hidden"),
        ("network.py", "import bptt", "bptt itself"),
        ("network.py", "from . import LSTM", "LSTM"),
        ("models/files.py", "from .. import __version__", "__version__"),
    ],
)
def test_a_wrong_import_is_seen(path, text, seen):
    (found,) = violations({path: text})
    assert seen in found


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("layers/base.py", "from ..errors import ShapeError\nfrom .. import engine, equations"),
        ("layers/recurrent.py", "from .base import Layer\nfrom . import base\nimport numpy as np"),
        ("equations/rnn.py", "from ._other import cell_door"),
        ("__init__.py", "from .cli import main"),
    ],
)
def test_a_right_import_is_left_alone(path, text):
    assert list(violations({path: text})) == []


# What must not be in the source

UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}


def unsafe(text):
    """What could run code that a file holds."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names):
                yield from UNSAFE_MODULES & {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in UNSAFE_MODULES:
                yield module
            case ast.ImportFrom(module="numpy", names=names):
                yield from (f"numpy.{a.name}" for a in names if a.name in ("load", "fromfile"))
            case ast.Call(ast.Name(name)) if name in UNSAFE_CALLS:
                yield name
            case ast.Attribute(ast.Name("np" | "numpy"), "load" | "loads"):
                yield "np.load"
            case ast.keyword("allow_pickle"):
                yield "allow_pickle"


# It runs a learner's submission: that is its task, and it is a process of its own.
RUNS_CODE = "course/grading_worker.py"


@pytest.mark.parametrize("path", [path for path in FILES if str(path) != RUNS_CODE])
def test_nothing_runs_what_a_file_holds(path):
    assert list(unsafe((SOURCE / path).read_text())) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "import numpy, dill.source",
        "from pickle import loads",
        "from numpy import load",
        "a = np.load(path)",
        "def f():\n    return eval(text)",
        "exec(code)",
        "read(path, allow_pickle=True)",
    ],
)
def test_unsafe_code_is_seen(text):
    assert list(unsafe(text))


# Docstrings


def sections(text):
    """The sections of a numpydoc docstring: title -> lines."""
    titles = re.split(
        r"^([A-Z][A-Za-z ]*)\n-+\n", inspect.cleandoc(text) + "\n", flags=re.MULTILINE
    )
    return dict(zip(titles[1::2], titles[2::2], strict=True))


def documented(lines):
    """The names that a Parameters section lists."""
    entries = re.findall(r"^([\w*][\w, *]*?) *(?::|$)", lines, flags=re.MULTILINE)
    return [name.strip(" *") for entry in entries for name in entry.split(",")]


def arguments(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


@pytest.mark.parametrize("name", [n for n in bptt.__all__ if n != "batch_first"])
def test_public_docstrings(name):
    thing = getattr(bptt, name)
    own = sections(thing.__doc__)
    first = thing.__doc__.split("\n")[0]
    assert first.strip().endswith((".", "].", ":"))
    if inspect.isclass(thing):
        if issubclass(thing, Exception):
            return
        given = arguments(thing.__init__)
        if is_dataclass(thing):  # a model's hyper-parameters are keywords, listed by group
            assert sorted(documented(own["Parameters"])) == sorted(given)
        else:
            assert documented(own.get("Parameters", "")) == given
        methods = {n: f for n, f in inspect.getmembers(thing, inspect.isfunction) if n[0] != "_"}
        assert methods
        assert all(function.__doc__ for function in methods.values())
        return
    given = arguments(thing)
    assert documented(own.get("Parameters", "")) == given
    if given and name != "set_num_threads":  # which returns nothing
        assert list(own)[:2] == ["Parameters", "Returns"]
        assert own["Returns"].strip()


def test_a_parameter_left_out_of_a_docstring_is_seen():
    text = """Do.

    Parameters
    ----------
    x : ndarray, shape (n_a, m)
        What a, b : are.
    a0, c0 : ndarray
    **sizes : int
    forward, backward
        As elsewhere.

    Returns
    -------
    y : float
    """
    own = sections(text)
    assert list(own) == ["Parameters", "Returns"]
    assert documented(own["Parameters"]) == ["x", "a0", "c0", "sizes", "forward", "backward"]


# Examples in docstrings


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module, extraglobs={"np": np}, report=True)
    assert results.failed == 0


def test_examples_are_found():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {
        test.name
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        if test.examples
    }
    assert len(found) >= 10
    assert {"bptt.layers.recurrent.LSTM", "bptt.gradcheck.check_grads"} <= found
