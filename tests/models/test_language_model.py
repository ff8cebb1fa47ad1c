"""LanguageModel: hyper-parameters, networks, held-out data, what cannot be fitted."""

import copy
import math

import numpy as np
import pytest

from bptt import LanguageModel
from bptt.equations import CELLS
from bptt.errors import BpttError, ConfigError
from bptt.training import CrossEntropy, TextStreams, evaluate
from tests.support.language_models import TEXT, assert_same_parameters, tiny

TIMES = {"seconds": 0, "steps_per_second": 0}  # the one thing that no seed fixes


def test_the_constructor_keeps_what_it_is_given_and_does_nothing():
    nonsense = {"cell": object(), "units": -1, "epochs": "many", "seed": None}
    model = LanguageModel(**nonsense)
    for name, value in nonsense.items():
        assert getattr(model, name) is value
    assert not [name for name in vars(model) if name.endswith("_")]
    assert set(vars(model)) == set(model.get_params())


def test_hyperparameters_are_read_and_set_by_name():
    model = LanguageModel(cell="rnn", units=7)
    params = model.get_params()
    assert (params["cell"], params["units"], params["layers"]) == ("rnn", 7, 1)
    assert LanguageModel(**params).get_params() == params
    assert model.get_params(deep=False) == params
    assert model.set_params(units=9, seed=4) is model
    assert (model.units, model.seed) == (9, 4)
    assert model.set_params() is model
    with pytest.raises(
        ConfigError, match=r"LanguageModel.set_params: there is no 'unit'; expected one of cell"
    ):
        model.set_params(unit=3)
    with pytest.raises(TypeError):
        LanguageModel("lstm")  # by name only


def test_repr_shows_what_differs_from_the_defaults_and_can_be_evaluated():
    assert repr(LanguageModel()) == "LanguageModel()"
    model = LanguageModel(cell="gru", units=5, learning_rate=0.01)
    assert repr(model) == "LanguageModel(cell='gru', units=5, learning_rate=0.01)"
    assert eval(repr(model)).get_params() == model.get_params()


def test_fit_returns_the_model_and_leaves_the_hyperparameters_alone():
    model = tiny(seed=np.int64(1))
    before = model.get_params()
    assert model.fit(TEXT) is model
    assert model.get_params() == before
    assert model.vocabulary_ == sorted(set(TEXT))
    assert [row["epoch"] for row in model.history_] == [1, 2]
    assert [row["step"] for row in model.history_] == [27, 54]
    assert model.interrupted_ is False
    assert all(w.dtype == np.float32 for w in model.parameters_.values())


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(cell):
    text = TEXT[:300]
    one, two = tiny(cell=cell, seed=5).fit(text), tiny(cell=cell, seed=5).fit(text)
    assert_same_parameters(one, two)
    history = [{**row, **TIMES} for row in one.history_]
    assert history == [{**row, **TIMES} for row in two.history_]
    other = tiny(cell=cell, seed=6).fit(text)
    assert any(not np.array_equal(w, other.parameters_[n]) for n, w in one.parameters_.items())
    # Fitting again starts again; NumPy's global generator plays no part.
    np.random.seed(0)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert_same_parameters(one.fit(text), two)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_network_is_the_one_asked_for(cell, layers):
    model = tiny(cell=cell, layers=layers, epochs=1).fit(TEXT[:300])
    kinds = [type(layer).__name__ for layer in model.network_.layers.values()]
    assert kinds == ["Embedding", *[cell.upper()] * layers, "Dense"]
    shapes = {name: w.shape for name, w in model.parameters_.items()}
    n_tokens = len(model.vocabulary_) + 1
    assert shapes["embedding0.We"] == (n_tokens, 8)
    assert shapes["dense0.Wy"] == (n_tokens, 12)
    first, second = {"rnn": ("Wax", "Wax"), "lstm": ("Wf",) * 2, "gru": ("Wu",) * 2}[cell]
    recurrent = 0 if cell == "rnn" else 12
    assert shapes[f"{cell}0.{first}"] == (12, recurrent + 8)
    if layers == 2:
        assert shapes[f"{cell}1.{second}"] == (12, recurrent + 12)
    assert 0 > model.score(TEXT[:100]) > -math.log(n_tokens)
    assert len(model.sample("the ", length=5, seed=0)) == 5


def test_without_a_held_out_part():
    model = tiny(validation_fraction=0).fit(TEXT)
    assert model.split(TEXT) == (TEXT, "")
    assert [row["validation"] for row in model.history_] == [None, None]
    assert [row["step"] for row in model.history_] == [30, 60]


def test_the_held_out_part_is_the_end_of_the_text_and_its_loss_is_in_the_history():
    text = TEXT[:-10] + "0123456789"
    model = tiny(validation_fraction=0.25, batch_size=3).fit(text)
    training, held_out = model.split(text)
    assert training + held_out == text
    assert len(held_out) == 240
    assert not set("0123456789") & set(model.vocabulary_)
    tokens = model.encode(training[-1] + held_out)  # its first character is predicted too
    source = TextStreams(tokens, 3, 8)  # as many streams as in training
    expected = evaluate(model.network_, model.parameters_, CrossEntropy(), source)
    assert model.history_[-1]["validation"] == expected


CELL_NAMES = f"one of {', '.join(CELLS)}, or a bptt.equations.Cell"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("cell", "tcn", CELL_NAMES),
        ("cell", "LSTM", CELL_NAMES),
        ("cell", ["lstm"], CELL_NAMES),
        ("cell", None, CELL_NAMES),
        *[
            (name, value, "a whole number >= 1")
            for name in ("units", "layers", "embedding", "seq_length", "batch_size", "epochs")
            for value in (0, -1, 2.0, "8", None, True, float("nan"))
        ],
        ("units", 10**30, "a whole number < 2**30"),
        *[
            (name, value, "a number > 0")
            for name in ("learning_rate", "grad_clip")
            for value in (0, -1e-3, float("nan"), "1e-3", None, True, 1j)
        ],
        ("learning_rate", float("inf"), "a number < 3.4e38"),
        ("grad_clip", 10**400, "a number < 3.4e38"),
        *[
            ("validation_fraction", value, "a number in [0, 1)")
            for value in (1, -0.1, float("nan"), "0.1", None, True)
        ],
        *[("seed", value, "a whole number >= 0") for value in (-1, 1.0, "0", None, False)],
    ],
)
def test_hyperparameters_that_make_no_sense_are_refused(name, value, expected):
    model = tiny(**{name: value})
    for use in (model.fit, model.split):
        with pytest.raises(ConfigError) as caught:
            use(TEXT)
        where = f"LanguageModel.{use.__name__}"
        assert str(caught.value) == f"{where}: {name} is {value!r}; expected {expected}."
    assert not hasattr(model, "parameters_")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the text has 0 characters to train on; expected at least 33"),
        ("a", "the text has 0 characters to train on beside the 1 characters held out; expected"),
        (TEXT[:36], "the text has 32 characters to train on beside the 4 characters held out; exp"),
        (None, "the text is a NoneType; expected a str"),
        (TEXT.encode(), "the text is a bytes; expected a str"),
        ([], "no document holds a token; expected at least one"),
    ],
)
def test_texts_that_cannot_be_trained_on_are_refused(text, words):
    with pytest.raises(ConfigError, match=rf"^LanguageModel\.fit: {words}"):
        tiny().fit(text)


def test_a_text_just_long_enough_is_trained_on():
    model = tiny().fit(TEXT[:37])  # 33 to train on: 4 streams of 8 characters, and a successor
    assert model.history_[-1]["step"] == 2


def test_a_failed_fit_leaves_an_earlier_one_as_it_was(fitted):
    model = copy.deepcopy(fitted)
    with pytest.raises(ConfigError):
        model.fit("short")
    assert_same_parameters(model, fitted)
    assert model.score(TEXT) == fitted.score(TEXT)


def test_what_is_not_fitted_says_so(tmp_path):
    model = LanguageModel()
    for use in (
        lambda: model.score(TEXT),
        lambda: model.sample(),
        lambda: model.generate(),
        lambda: model.save(tmp_path / "m"),
    ):
        with pytest.raises(ConfigError, match=r"the model is not fitted yet; expected fit or load"):
            use()
    assert not list(tmp_path.iterdir())


def test_a_gradient_that_is_not_finite_leaves_the_last_good_parameters():
    model = tiny(learning_rate=3e38)
    with pytest.raises(
        BpttError, match=r"^LanguageModel.fit: training stopped (at|after) step \d+: the "
    ):
        model.fit(TEXT)
    assert all(np.isfinite(w).all() for w in model.parameters_.values())
