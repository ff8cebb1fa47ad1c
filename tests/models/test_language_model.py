"""LanguageModel: scikit-learn's manners, learning, scoring, sampling, files, interruptions."""

import copy
import json
import math
import os
import signal
import threading
from collections import Counter

import numpy as np
import pytest

import bptt
from bptt import LanguageModel
from bptt.corpus import default_corpus
from bptt.errors import BpttError, CheckpointError, ConfigError
from bptt.training import CrossEntropy, TextStreams, evaluate
from bptt.training.array_files import load_arrays, save_arrays

TEXT = "the cat sat on the mat. " * 40
TIMES = {"seconds": 0, "steps_per_second": 0}  # the one thing that no seed fixes
TINY = {"units": 12, "embedding": 8, "seq_length": 8, "batch_size": 4, "epochs": 2}


def tiny(**settings):
    return LanguageModel(**(TINY | settings))


@pytest.fixture(scope="module")
def fitted():
    """One small model for all tests that only read it."""
    return tiny(cell="gru", seed=3, learning_rate=0.02).fit(TEXT)


def assert_same_parameters(a, b):
    assert list(a.parameters_) == list(b.parameters_)
    for name, w in a.parameters_.items():
        np.testing.assert_array_equal(b.parameters_[name], w, err_msg=name)


# Manners


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
        ConfigError, match=r"LanguageModel: there is no 'unit'; expected one of cell"
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


# Learning and scoring


def unigram_nats(training, held_out):
    counts = Counter(training)
    total = len(training) + len(counts) + 1
    return -sum(math.log((counts[c] + 1) / total) for c in held_out) / len(held_out)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_it_learns_real_text_better_than_counting_characters(cell):
    text = default_corpus()[:20_000]
    model = LanguageModel(
        cell=cell,
        units=24,
        embedding=16,
        seq_length=20,
        batch_size=20,
        epochs=4,
        learning_rate=0.01,
    ).fit(text)
    training, held_out = model.split(text)
    uniform = math.log(len(model.vocabulary_) + 1)
    unigram = unigram_nats(training, held_out)
    assert unigram < uniform - 0.5
    assert model.history_[-1]["validation"] < unigram - 0.3
    assert model.cross_entropy(held_out) < unigram - 0.3
    losses = [row["loss"] for row in model.history_]
    assert losses == sorted(losses, reverse=True)


def test_a_model_that_has_learnt_nothing_scores_the_log_of_its_symbols():
    model = tiny(epochs=1, learning_rate=1e-12).fit(TEXT)
    assert model.score(TEXT) == pytest.approx(-math.log(len(model.vocabulary_) + 1), rel=0.03)
    model.parameters_ = {n: np.zeros_like(w) for n, w in model.parameters_.items()}
    assert model.score(TEXT) == pytest.approx(-math.log(len(model.vocabulary_) + 1), rel=1e-6)


def test_a_text_learned_by_heart_has_a_cross_entropy_near_zero():
    model = tiny(cell="gru", units=24, learning_rate=0.02, epochs=12, seed=3).fit(TEXT)
    assert 0 < model.cross_entropy("the mat. the cat sat on the ") < 0.4
    assert model.cross_entropy("tac eht") > 3


def test_the_score_does_not_depend_on_the_window(fitted, monkeypatch):
    text = TEXT[:700]
    score = fitted.score(text)
    assert isinstance(score, float)
    for window in (1, 13, 10_000):
        monkeypatch.setattr("bptt.models.language_model._WINDOW", window)
        assert fitted.score(text) == pytest.approx(score, rel=1e-5)


def test_the_score_is_the_mean_over_the_characters_after_the_first(fitted):
    text = "the cat sat. the mat."
    tokens = [1 + fitted.vocabulary_.index(c) for c in text]
    z, _, _ = fitted.network_.forward(np.array([tokens]), fitted.parameters_)
    p = np.exp(z[0].astype(float))
    p /= p.sum(1, keepdims=True)
    nats = [-math.log(p[t, tokens[t + 1]]) for t in range(len(text) - 1)]
    assert fitted.score(text) == pytest.approx(-np.mean(nats), rel=1e-5)


def test_unknown_characters_are_all_scored_as_the_one_unknown_symbol(fitted):
    known, unknown = fitted.score("the cat"), fitted.score("the ☃at")
    assert unknown == fitted.score("the 語at") == fitted.score("the \0at")
    assert math.isfinite(unknown)
    assert unknown < known
    assert list(fitted.encode("a☃t語")) == [
        1 + fitted.vocabulary_.index("a"),
        0,
        1 + fitted.vocabulary_.index("t"),
        0,
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has 0 characters; expected at least 2"),
        ("a", "has 1 character; expected at least 2"),
        (None, "is None; expected a str"),
        (b"bytes", "is b'bytes'; expected a str"),
        ([], r"is \[\]; expected a str"),
    ],
)
def test_texts_that_cannot_be_scored_are_refused(fitted, text, words):
    with pytest.raises(ConfigError, match=rf"^LanguageModel\.score: the text {words}"):
        fitted.score(text)


# Sampling


def test_a_sample_has_its_length_and_the_training_texts_characters(fitted):
    for length in (0, 1, 57):
        sample = fitted.sample("the ", length=length, seed=1)
        assert len(sample) == length
        assert set(sample) <= set(TEXT)
    assert len(fitted.sample(seed=1)) == 400


def test_the_same_seed_draws_the_same_text(fitted):
    one = fitted.sample("the ", length=80, seed=7)
    assert one == fitted.sample("the ", length=80, seed=7)
    assert one == fitted.sample("the ", length=80, seed=np.random.default_rng(7))
    assert one != fitted.sample("the ", length=80, seed=8)
    assert fitted.sample("the ", length=80) != fitted.sample("the ", length=80)
    rng = np.random.default_rng(7)
    assert fitted.sample(length=50, seed=rng) != fitted.sample(length=50, seed=rng)  # it goes on


def greedy(model, prompt, length):
    """The likeliest character again and again, each from a forward pass over all before it."""
    text = prompt
    for _ in range(length):
        z, _, _ = model.network_.forward(model.encode(text)[np.newaxis], model.parameters_)
        text += model.vocabulary_[int(np.argmax(z[0, -1, 1:]))]
    return text[len(prompt) :]


@pytest.mark.parametrize("prompt", ["t", "the mat", "on ☃ the "])
def test_temperature_zero_is_the_likeliest_character_given_all_before(fitted, prompt):
    cold = fitted.sample(prompt, length=30, temperature=0)
    assert cold == fitted.sample(prompt, length=30, temperature=0)  # no seed and yet the same
    assert cold == greedy(fitted, prompt, 30)
    assert cold == fitted.sample(prompt, length=30, temperature=1.7, top_k=1, seed=5)
    assert cold == fitted.sample(prompt, length=30, temperature=1e-6, seed=5)
    assert cold == fitted.sample(prompt, length=30, temperature=1e-310, seed=5)


def test_an_empty_prompt_is_a_line_break(fitted):
    assert fitted.sample("", length=40, seed=2) == fitted.sample("\n", length=40, seed=2)


def test_the_prompt_decides_what_follows(fitted):
    assert fitted.sample("the ca", length=1, temperature=0) == "t"
    assert fitted.sample("the cat s", length=1, temperature=0) == "a"
    assert fitted.sample("the cat sat o", length=1, temperature=0) == "n"


def with_logits(model, logits):
    """A copy of the model whose distribution is the same at every step."""
    model = copy.deepcopy(model)
    model.parameters_ = {n: np.zeros_like(w) for n, w in model.parameters_.items()}
    model.parameters_["dense0.by"][:, 0] = logits
    return model


def test_the_unknown_symbol_is_never_drawn_even_where_it_is_likeliest(fitted):
    n = len(fitted.vocabulary_)
    model = with_logits(fitted, [20.0, *np.zeros(n)])
    for settings in ({}, {"temperature": 0}, {"top_k": 1}, {"top_k": 2}, {"temperature": 5.0}):
        assert set(model.sample(length=100, seed=0, **settings)) <= set(TEXT)
    assert len(set(model.sample(length=400, seed=0))) == n


def test_frequencies_follow_the_temperature_and_top_k(fitted):
    n = len(fitted.vocabulary_)
    p = np.arange(1, n + 1) / (n * (n + 1) / 2)
    model = with_logits(fitted, [0.0, *np.log(p)])
    for temperature in (0.5, 1.0, 2.0):
        expected = p ** (1 / temperature) / (p ** (1 / temperature)).sum()
        counts = Counter(model.sample(length=1500, temperature=temperature, seed=1))
        observed = [counts[c] / 1500 for c in model.vocabulary_]
        np.testing.assert_allclose(observed, expected, atol=0.04)
    for k in (1, 2, n, n + 1, 10**6):
        drawn = set(model.sample(length=300, top_k=k, seed=1))
        assert drawn == set(model.vocabulary_[-min(k, n) :])


def test_generate_is_lazy_but_checks_its_arguments_at_once(fitted, monkeypatch):
    with pytest.raises(ConfigError):
        fitted.generate(length=-1)  # before the first character is asked for
    steps = []
    step = fitted.network_.step
    monkeypatch.setattr(
        fitted.network_, "step", lambda *args: (steps.append(1), step(*args))[1], raising=False
    )
    characters = fitted.generate("the ", length=10**12, seed=0)
    first = [next(characters) for _ in range(5)]
    assert len(steps) <= 5
    characters.close()
    assert "".join(first) == fitted.sample("the ", length=5, seed=0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"length": -1}, r"length is -1; expected a whole number >= 0"),
        ({"length": 2.0}, r"length is 2\.0; expected a whole number >= 0"),
        ({"length": True}, "length is True"),
        ({"length": None}, "length is None"),
        ({"temperature": -0.1}, r"temperature is -0\.1; expected a finite number >= 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"temperature": 10**400}, r"temperature is 10+; expected a finite number >= 0"),
        ({"temperature": "hot"}, "temperature is 'hot'"),
        ({"temperature": None}, "temperature is None"),
        ({"top_k": 0}, "top_k is 0; expected a whole number >= 1"),
        ({"top_k": 1.5}, r"top_k is 1\.5"),
        ({"prompt": None}, "prompt is a NoneType; expected a str"),
        ({"prompt": b"the"}, "prompt is a bytes; expected a str"),
        ({"seed": -1}, "seed is -1; expected a whole number >= 0"),
        ({"seed": "now"}, "seed is 'now'"),
        ({"seed": 1.0}, r"seed is 1\.0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(fitted, arguments, words):
    with pytest.raises(ConfigError, match=rf"^LanguageModel\.sample: {words}"):
        fitted.sample(**arguments)


def test_numpy_numbers_are_numbers(fitted):
    plain = fitted.sample(length=9, temperature=0.5, top_k=3, seed=1)
    assert plain == fitted.sample(
        length=np.int32(9), temperature=np.float32(0.5), top_k=np.uint8(3), seed=np.int64(1)
    )


def test_parameters_too_large_to_compute_with_are_said_to_be(fitted):
    model = copy.deepcopy(fitted)
    for w in model.parameters_.values():
        w[:] = 3e38
    for use in (lambda: model.score("the cat"), lambda: model.sample("the", length=3)):
        with pytest.raises(BpttError, match=r"^LanguageModel\.\w+: the result is not finite"):
            use()


# What cannot be fitted


CELL_NAMES = "one of rnn, rnn_relu, lstm, gru, gru_reset_after, or a bptt.equations.Cell"


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
        assert str(caught.value) == f"LanguageModel: {name} is {value!r}; expected {expected}."
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
        with pytest.raises(
            ConfigError, match=r"LanguageModel: not fitted yet; expected fit or load"
        ):
            use()
    assert not list(tmp_path.iterdir())


def test_a_gradient_that_is_not_finite_leaves_the_last_good_parameters():
    model = tiny(learning_rate=3e38)
    with pytest.raises(
        BpttError, match=r"^LanguageModel.fit: training stopped (at|after) step \d+: the "
    ):
        model.fit(TEXT)
    assert all(np.isfinite(w).all() for w in model.parameters_.values())


# Ending early


@pytest.fixture
def ctrl_c():
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


def assert_usable(model, path):
    model.save(path)
    again = bptt.load(path)
    assert again.interrupted_ is model.interrupted_
    assert again.score(TEXT[:50]) == model.score(TEXT[:50])
    assert len(again.sample(length=20)) == 20


def test_ctrl_c_ends_the_training_between_steps_and_leaves_a_usable_model(ctrl_c, tmp_path):
    model = tiny(epochs=10**6)
    started = threading.Event()

    def send():
        started.wait(30)
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    sender.start()
    steps = []

    def on_step(progress):
        steps.append(progress)
        started.set()
        return len(steps) == 10_000  # the test's own end, where Ctrl-C is not heard

    model.fit(TEXT, on_step=on_step)
    sender.join()
    assert model.interrupted_ is True
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert model.history_[-1]["step"] == steps[-1].step == len(steps) < 10_000
    assert_usable(model, tmp_path / "m")
    # It is the model of exactly that many steps.
    other = tiny(epochs=10**6).fit(TEXT, on_step=lambda p: p.step == len(steps))
    assert_same_parameters(model, other)


def test_a_second_ctrl_c_leaves_at_once(ctrl_c):
    def twice(progress):
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        tiny().fit(TEXT, on_step=twice)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_on_step_sees_every_step_and_can_end_the_training():
    seen = []
    model = tiny().fit(TEXT, on_step=lambda p: seen.append(p.step))
    assert seen == list(range(1, 55))
    assert model.interrupted_ is False
    model.fit(TEXT, on_step=lambda p: p.step == 30)
    assert model.interrupted_ is True
    assert [(row["epoch"], row["step"]) for row in model.history_] == [(1, 27), (2, 30)]
    assert model.history_[0]["validation"] > 0
    assert model.history_[1]["validation"] is None
    model.fit(TEXT, on_step=lambda p: p.step == 27)  # at an epoch's end: one row, not two
    assert [row["step"] for row in model.history_] == [27]
    model.fit(TEXT, on_step=lambda p: p.step == 54)  # the end is no interruption
    assert model.interrupted_ is False


# Files


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_what_is_saved_comes_back_to_the_bit(cell, tmp_path):
    path = tmp_path / "model.safetensors"
    text = "é語😀\t☃" * 8 + TEXT[:200]
    model = tiny(cell=cell, layers=2, seed=np.int64(9), learning_rate=np.float32(0.01)).fit(text)
    assert model.save(path) is None
    again = bptt.load(path)
    assert type(again) is LanguageModel
    assert again.get_params() == model.get_params()
    assert again.vocabulary_ == model.vocabulary_
    assert again.history_ == model.history_
    assert again.interrupted_ is False
    assert set(again.versions_) == {"bptt", "numpy", "python"}
    assert again.versions_["bptt"] == bptt.__version__
    assert_same_parameters(again, model)
    assert again.score(text) == model.score(text)
    assert again.sample("the ", 50, seed=0) == model.sample("the ", 50, seed=0)
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    assert_same_parameters(again.fit(text), model)  # a loaded model trains like a new one


@pytest.fixture
def path(fitted, tmp_path):
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    return path


def refusal(path):
    with pytest.raises(CheckpointError) as caught:
        bptt.load(path)
    message = str(caught.value)
    assert message.startswith(f"load: {path}")
    assert message.isprintable()  # one line, no escape codes
    assert message.endswith(".")
    assert len(message) < len(str(path)) + 500
    return message


def test_the_file_holds_configuration_and_vocabulary_as_json(path, fitted):
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    config = json.loads(header["__metadata__"]["config"])
    assert config["kind"] == "LanguageModel"
    assert config["hyperparameters"] == fitted.get_params()
    assert config["fitted"]["vocabulary"] == fitted.vocabulary_
    assert config["history"] == fitted.history_
    assert set(header) - {"__metadata__"} == set(fitted.parameters_)


def test_truncated_corrupt_and_foreign_files_are_refused(path, tmp_path):
    data = path.read_bytes()
    for length in (0, 1, 8, 9, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        refusal(path)
    for place in (3, 12, 200, len(data) - 5):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        refusal(path)
    for foreign in (b"\x80\x04pickle", b"PK\x03\x04" + bytes(200), b"\x93NUMPY", TEXT.encode()):
        path.write_bytes(foreign)
        refusal(path)
    refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "missing")


def forge(path, change):
    """Write the file again with another configuration and a digest that fits."""
    arrays, config = load_arrays(path)
    change(config, arrays)
    save_arrays(path, arrays, config)
    return refusal(path)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("layers", 10**9, "layers is 1000000000; expected at most"),
        ("layers", 2, "gru1.Wu has shape None; expected (12, 24)"),
        ("units", 13, "gru0.Wu has shape (12, 20); expected (13, 21)"),
        ("units", 10**9, "gru0.Wu has shape (12, 20)"),
        ("units", 10**30, "units is 1000000000000000000000000000000"),
        ("units", "12", "units is '12'"),
        ("units", 12.0, "units is 12.0"),
        ("units", None, "units is None"),
        ("units", [12], "units is [12]"),
        ("embedding", 9, "embedding0.We has shape"),
        (
            "cell",
            "os.system",
            "cell is 'os.system'; expected one of rnn, rnn_relu, lstm, gru, gru_reset_after",
        ),
        ("cell", "lstm", "has shape None"),
        ("cell", "x" * 10**5, "cell is 'xxxx"),
        ("cell", ["gru"], "cell is ['gru']"),
        ("cell", {"gru": 1}, "a hyper-parameter is a gru"),
        ("learning_rate", 0, "learning_rate is 0"),
        ("epochs", -1, "epochs is -1"),
        ("seed", -1, "seed is -1"),
        ("__class__", "x", "unexpected keyword argument"),
        ("a\nb\x1b[31m", 1, "unexpected keyword argument"),
    ],
)
def test_forged_hyperparameters_are_refused(path, name, value, words):
    def change(config, arrays):
        config["hyperparameters"][name] = value

    assert words in forge(path, change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c, a: c.update(kind="SequenceMaker"), "holds a 'SequenceMaker'; expected one of"),
        (lambda c, a: c.update(kind="os.system"), "holds a 'os.system'"),
        (lambda c, a: c.update(kind="\x1b[2J\n" * 10**4), "holds a "),
        (lambda c, a: c.update(kind=["LanguageModel"]), "holds a ['LanguageModel']"),
        (lambda c, a: c.pop("kind"), "holds a None"),
        (lambda c, a: c.pop("hyperparameters"), "'hyperparameters' is missing"),
        (lambda c, a: c.update(hyperparameters=[1]), "does not describe a LanguageModel"),
        (lambda c, a: c.update(hyperparameters="x"), "does not describe a LanguageModel"),
        (lambda c, a: c["fitted"].pop("vocabulary"), "'vocabulary' is missing"),
        (lambda c, a: c["fitted"].update(vocabulary="ab"), "its vocabulary is not a list of str"),
        (lambda c, a: c["fitted"]["vocabulary"].pop(), "embedding0.We has shape"),
        (lambda c, a: c["fitted"]["vocabulary"].append("é"), "embedding0.We has shape"),
        (lambda c, a: c.pop("history"), "'history' is missing"),
        (lambda c, a: c.update(history=3), "its history is not"),
        (lambda c, a: c.update(history=[3]), "its history is not"),
        (lambda c, a: c["history"][0].pop("loss"), "its history is not"),
        (lambda c, a: c["history"][0].update(loss="low"), "its history is not"),
        (lambda c, a: c["history"][0].update(step=None), "its history is not"),
        (lambda c, a: c.update(interrupted="yes"), "its interrupted is no bool"),
        (lambda c, a: c.update(versions="0.1"), "its versions is no dict"),
        (lambda c, a: a.pop("dense0.by"), "dense0.by has shape None; expected (12, 1)"),
        (lambda c, a: a.update(extra=np.zeros(2)), "extra has shape (2,); expected None"),
        (lambda c, a: a.update({"\x1b[2J": np.zeros(2)}), "has shape (2,); expected None"),
        (
            lambda c, a: a.update({"dense0.by": a["dense0.by"].T.copy()}),
            "dense0.by has shape (1, 12); expected (12, 1)",
        ),
        (
            lambda c, a: a.update({"dense0.by": a["dense0.by"].astype(np.float64)}),
            "dense0.by is float64; expected float32",
        ),
        (
            lambda c, a: a.update({"dense0.by": a["dense0.by"].astype(np.int32)}),
            "dense0.by is int32; expected float32",
        ),
    ],
)
def test_forged_configurations_and_arrays_are_refused(path, change, words):
    assert words in forge(path, change)


def test_a_model_cannot_be_saved_where_nothing_can_be_written(fitted, tmp_path):
    for place in (tmp_path, tmp_path / "missing" / "m", tmp_path / ("x" * 300)):
        with pytest.raises(CheckpointError, match="save: cannot write"):
            fitted.save(place)
