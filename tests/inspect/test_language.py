"""Probabilities, errors and units of language models, against cases with known answers."""

import importlib.util
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bptt import LSTM, Network, inspect
from bptt.errors import ConfigError, ShapeError
from bptt.models import LanguageModel, SequenceClassifier

TEXT = "the cat sat.\n" * 40
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def language():
    given = {"units": 6, "epochs": 1, "batch_size": 2}
    return LanguageModel(**given).fit(TEXT, progress="silent")


def test_the_table_holds_the_probabilities_of_a_stream(language, tmp_path, monkeypatch):
    monkeypatch.setattr("bptt.inspect.language._ROWS", 16)
    found = inspect.probabilities(language, TEXT[:50], top=3)
    assert np.isclose(found.nats, language.cross_entropy(TEXT[:50]))
    stream = language.stream()
    ids = language.encode(TEXT[:50])
    for t in range(49):
        logits = stream.step(np.array([ids[t]]))[0].astype(np.float64)
        p = np.exp(logits - logits.max())
        p /= p.sum()
        assert np.isclose(found.true[0][t], p[ids[t + 1]])
        assert np.allclose(found.top[0][t], np.sort(p)[::-1][:3])
        assert np.allclose(p[found.top_ids[0][t]], found.top[0][t])
        assert found.rank[0][t] == (p > p[ids[t + 1]]).sum()
        assert np.isclose(found.entropy[0][t], -(p * np.log(p)).sum())
    found.save_csv(tmp_path / "p.csv")
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert lines[0] == "text,step,token,p,rank,entropy,top1,p1,top2,p2,top3,p3"
    assert lines[1].startswith("0,1,h,")


def test_documents_have_their_end_marks():
    given = {"units": 4, "epochs": 1, "batch_size": 2, "validation_fraction": 0}
    model = LanguageModel(**given).fit(["ada", "eve", "bob"] * 4, progress="silent")
    found = inspect.probabilities(model, ["ada", "bo?"])
    assert found.tokens == [["", *"ada", ""], ["", *"bo\ufffd", ""]]
    assert [len(p) for p in found.true] == [4, 4]
    assert np.isclose(found.nats, model.cross_entropy(["ada", "bo?"]))
    assert found.tokens == inspect.tokens(model, ["ada", "bo?"])
    split = inspect.error_split(["ada", "bo?"], found.true, ["ada", "eve", "bob"])
    assert split.characters == 6


# One error for each oracle, and none that an earlier one removes.
TRAIN = "abcde abcdf xq xw xe xr xt common common common common common common dull"
CASES = {
    "known": ("abc", [0.9, 0.1], {"n-gram": 1}),  # b is always followed by c
    "memory": ("zebra zebra", [0.9] * 7 + [0.1] + [0.9] * 2, {"memory 100": 1}),
    "rare": ("ozo", [0.9, 0.1], {"rare 0": 1}),
    "as rare": ("dall", [0.1, 0.9, 0.9], {"rare 0": 1}),
    "word start": ("? common", [0.9, 0.1] + [0.9] * 5, {"word start": 1}),
    "punctuation": ("common?!", [0.9] * 5 + [0.1, 0.1], {"punctuation": 2}),
    "boost": (") \n ", [0.35, 0.9, 0.9], {"boost 0.2": 1}),
    "rest": (") \n ", [0.05, 0.9, 0.9], {"rest": 1}),
}


@pytest.mark.parametrize("case", CASES)
def test_each_oracle_removes_its_own_error(case):
    text, p, expected = CASES[case]
    found = inspect.error_split(text, [p], TRAIN)
    assert {name: n for name, n in found.counts.items() if n} == expected
    assert found.errors == np.count_nonzero(found.which[0])
    assert found.which[0][0] == 0
    assert np.isclose(sum(found.shares.values()), 1)


def test_the_memory_reaches_back_as_far_as_its_number():
    text = "zebra " + "common " * 30 + "zebra"
    p = [0.9] * (len(text) - 2) + [0.1]
    for n in (215, 216):
        found = inspect.error_split(text, [p], TRAIN, memory=(n,), orders=())
        assert found.counts[f"memory {n}"] == (n == 216)


@pytest.mark.parametrize("order", [1, 3, 5])
def test_the_n_gram_is_that_of_the_example(order):
    path = Path(__file__).parents[2] / "examples" / "ngram.py"
    spec = importlib.util.spec_from_file_location("ngram", path)
    assert spec is not None
    assert spec.loader is not None
    ngram = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ngram)
    train, text = "".join(RNG.choice(list("aab "), 400)), "".join(RNG.choice(list("aab ?"), 200))
    probability = ngram.fit(train, order)
    # from where on the history is within the text
    own = np.array([probability(text[t - order + 1 : t], text[t]) for t in range(order, 200)])
    for threshold in [p + e for p in np.unique(own)[::4] for e in (-1e-9, 1e-9)]:
        found = inspect.error_split(
            text, [np.zeros(199)], train, orders=(order,), threshold=threshold
        )
        assert ((found.which[0][order:] == 1) == (own >= threshold)).all()


def test_a_counter_follows_the_position_and_a_flag_the_quotes():
    """An LSTM built by hand: unit 0 counts since a line break, unit 1 is open inside quotes."""
    network = Network([LSTM(4, 3)])  # inputs: a line break, a quote, an open quote before, others
    p = {k: np.zeros_like(v) for k, v in network.init(RNG, np.float64).items()}
    big = 40.0
    for gate in "fico":
        p[f"lstm0.b{gate}"][:2] = big
    p["lstm0.Wf"][0, 3] = -2 * big  # a line break clears the count, and adds nothing
    p["lstm0.Wi"][0, 3] = -2 * big
    p["lstm0.bc"][0] = np.arctanh(0.1)
    p["lstm0.Wf"][1, 4] = -2 * big  # a quote opens, or closes the one before
    p["lstm0.bi"][1] = -big
    p["lstm0.Wi"][1, 4] = 2 * big
    p["lstm0.Wi"][1, 5] = -4 * big
    texts = ['he "ran to" it\nand "so on"\n' * 3, 'a "b"\n']
    X = []
    for text in texts:
        open_ = np.append(0, inspect.inside(text)[:-1])
        kinds = [[c == "\n", c == '"', o, 1] for c, o in zip(text, open_, strict=True)]
        X.append(np.array(kinds, np.float64))
    seen = inspect.trace(network, X, p)
    best = inspect.followers(seen, inspect.position_in_line, texts, names="*.c", count=3)
    assert best[0][:2] == ("lstm0.c", 0)
    assert np.isclose(best[0].correlation, 1)
    quotes = inspect.followers(seen, inspect.inside, texts, names=["*.c"])
    assert quotes[0][:2] == ("lstm0.c", 1)
    assert quotes[0].correlation > 0.999
    top = inspect.contexts(seen, "lstm0.c", 0, texts, count=3, width=4)
    assert [(c.sequence, c.step) for c in top] == [
        (0, 13),
        (0, 40),
        (0, 67),
    ]  # ends of the long line
    assert (top[0].before, top[0].token, top[0].after) == ('o" i'[:4], "t", "\nand")
    apart = inspect.contexts(seen, "lstm0.c", 0, texts, count=20, width=28)
    assert np.diff(sorted(c.step for c in apart if not c.sequence)).min() >= 28
    low = inspect.contexts(seen, "lstm0.c", 0, texts, count=1, lowest=True)
    assert low[0].token == "\n"


def test_labels_of_their_own_and_correlations():
    seen = inspect.Trace({"lstm0.c": RNG.normal(size=(40_000, 3))}, np.array([25_000, 15_000]))
    planted = -2 * seen.flat("lstm0.c")[:, 2] + RNG.normal(size=40_000)
    best = inspect.followers(seen, [planted[:25_000], planted[25_000:]], count=2)
    expected = np.corrcoef(seen.flat("lstm0.c")[:, 2], planted)[0, 1]
    assert best[0][:2] == ("lstm0.c", 2)
    assert np.isclose(best[0].correlation, expected)
    assert inspect.inside("(a(b))c)", "(", ")").tolist() == [1, 1, 2, 2, 1, 0, 0, 0]
    assert inspect.position_in_line(["", "a", "b", "", "c"]).tolist() == [0, 1, 2, 0, 1]


def test_bad_input_is_refused(language):
    numbers = SequenceClassifier(units=2, epochs=1).fit(
        [np.zeros((3, 1)), np.ones((3, 1))], ["a", "b"], progress="silent"
    )
    with pytest.raises(ConfigError, match="a SequenceClassifier; expected a LanguageModel"):
        inspect.probabilities(numbers, [np.zeros((3, 1))])
    with pytest.raises(ConfigError, match="not fitted"):
        inspect.tokens(LanguageModel(), "abc")
    with pytest.raises(ConfigError, match="a text has 1 tokens; expected at least 2"):
        inspect.probabilities(language, "t")
    with pytest.raises(ConfigError, match="top is 0"):
        inspect.probabilities(language, TEXT, top=0)
    seen = inspect.trace(language, "the cat")
    for labels, message in (
        ([np.ones(6)], r"of sequence 0 have the shape \(6,\); expected \(7,\)"),
        ([np.ones(7)] * 2, "expected 1 sequences, not 2"),
    ):
        with pytest.raises(ShapeError, match=message):
            inspect.followers(seen, labels)
    for labels, message in (
        (3, "labels is 3; expected a list of arrays, or a function"),
        (["the cat"], "a label is not a number"),
        ([np.ones(7)], "all labels are 1; expected at least two"),
        ([[np.nan, *range(6)]], "a label is not finite"),
        (inspect.inside, "tokens is None"),
    ):
        with pytest.raises(ConfigError, match=message):
            inspect.followers(seen, labels)
    with pytest.raises(ConfigError, match=r"names is 'gru\*'; expected some of lstm0\.a"):
        inspect.followers(seen, [np.arange(7)], names="gru*")
    with pytest.raises(ConfigError, match="count is 0; expected a whole number of at least 1"):
        inspect.followers(seen, [np.arange(7)], count=0)
    with pytest.raises(ConfigError, match="width is 'a'"):
        inspect.contexts(seen, "lstm0.c", 0, width="a")
    with pytest.raises(ConfigError, match="names is 3; expected a str, or a list of them"):
        inspect.followers(seen, [np.arange(7)], names=3)
    with pytest.raises(ConfigError, match="a Network; expected a LanguageModel"):
        inspect.tokens(language.network_, "the cat")
    with pytest.raises(ConfigError, match=r"unit is 6; expected 0 to 5 of lstm0\.c"):
        inspect.contexts(seen, "lstm0.c", 6)
    with pytest.raises(ConfigError, match=r"there is no 'x'; expected one of lstm0\.a"):
        inspect.contexts(seen, "x", 0)
    with pytest.raises(ShapeError, match="expected one for each step"):
        inspect.contexts(seen, "lstm0.c", 0, ["the"])
    split = partial(inspect.error_split, "ab", [[0.1]])
    with pytest.raises(ConfigError, match="train is empty"):
        split("")
    with pytest.raises(ConfigError, match="memory is"):
        split("ab", memory=(5, 2))
    with pytest.raises(ConfigError, match="a probability is not finite"):
        inspect.error_split("ab", [[np.nan]], "ab")
    with pytest.raises(ShapeError, match=r"expected \(1,\), or \(3,\)"):
        inspect.error_split("ab", [[0.1, 0.2]], "ab")
    with pytest.raises(ShapeError, match="are of 1 texts; expected 2"):
        inspect.error_split(["ab", "c"], [[0.1]], "ab")
