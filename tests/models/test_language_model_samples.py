"""LanguageModel: sampling."""

import copy
from collections import Counter

import numpy as np
import pytest

from bptt.errors import BpttError, ConfigError
from tests.support.language_models import TEXT


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
