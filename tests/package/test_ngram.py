"""The n-gram baseline of the examples: honest probabilities and the known floors."""

import math
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from bptt.corpus import default_corpus

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "ngram.py"
SHAKESPEARE = ROOT.parent / "shared" / "data" / "tinyshakespeare" / "input.txt"

module = runpy.run_path(str(EXAMPLE))
fit, ngram_nats = module["fit"], module["ngram_nats"]


@pytest.mark.parametrize("order", [0, 1, 2, 3, 6])
@pytest.mark.parametrize("history", ["", "a", "abra", "cad", "abracadabr", "za", "az", "☃"])
def test_probabilities_sum_to_one_over_vocabulary_and_unknown(order, history):
    train = "abracadabra, abracadabra"
    probability = fit(train, order)
    total = sum(probability(history, c) for c in set(train)) + probability(history, "☃")
    assert total == pytest.approx(1, abs=1e-14)
    assert probability(history, "☃") > 0


def test_hand_computed_case():
    # "aab": unigrams a 2, b 1 of 3, T = 2, uniform over a, b, unknown = 1/3;
    # after a: a 1, b 1 of 2, T = 2; after b: nothing.
    probability = fit("aab", 2)
    assert probability("", "a") == pytest.approx((2 + 2 / 3) / 5)  # 8/15
    assert probability("", "b") == pytest.approx((1 + 2 / 3) / 5)  # 1/3
    assert probability("", "?") == pytest.approx((0 + 2 / 3) / 5)  # 2/15
    assert probability("a", "a") == pytest.approx((1 + 2 * 8 / 15) / 4)  # 31/60
    assert probability("a", "b") == pytest.approx((1 + 2 * 1 / 3) / 4)  # 25/60
    assert probability("a", "?") == pytest.approx((0 + 2 * 2 / 15) / 4)  # 4/60
    assert probability("b", "a") == probability("", "a")
    # The first held-out character follows b, the second follows the a before it.
    expected = -(math.log(8 / 15) + math.log(25 / 60)) / 2
    assert ngram_nats("aab", "ab", 2) == pytest.approx(expected, rel=1e-14)


def test_history_reaches_back_before_the_split_and_no_further_than_the_order():
    assert ngram_nats("xaba", "b", 2) == pytest.approx(-math.log(fit("xaba", 2)("a", "b")))
    assert fit("abcabd", 2)("ab", "c") == fit("abcabd", 2)("b", "c")
    assert fit("abcabd", 3)("ab", "c") != fit("abcabd", 2)("ab", "c")


def test_held_out_text_is_not_counted():
    assert ngram_nats("ab" * 20, "c" * 1000, 3) > 3


def test_more_context_helps_until_the_text_is_too_short():
    text = default_corpus()[:100_000]
    uniform, *nats = (ngram_nats(text[:90_000], text[90_000:], order) for order in range(6))
    assert uniform == pytest.approx(math.log(len(set(text[:90_000])) + 1))
    assert uniform > nats[0] > nats[1] > nats[2] > nats[3] > nats[4] > 1


@pytest.mark.skipif(not SHAKESPEARE.exists(), reason="../shared/data/tinyshakespeare is absent")
@pytest.mark.parametrize(("order", "floor"), [(2, 2.486), (5, 1.669)])
def test_tinyshakespeare_floors(order, floor):
    text = SHAKESPEARE.read_text(encoding="utf-8")
    n_train = int(0.9 * len(text))
    assert ngram_nats(text[:n_train], text[n_train:], order) == pytest.approx(floor, abs=5e-4)


def test_command_prints_both_orders_on_the_last_tenth(tmp_path):
    text = default_corpus()[:20_001]
    file = tmp_path / "text.txt"
    file.write_text(text, encoding="utf-8", newline="")
    command = [sys.executable, str(EXAMPLE), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    expected = ""
    for order in (3, 5):
        nats = ngram_nats(text[:18_000], text[18_000:], order)
        expected += f"{order}-gram: {nats:.3f} nats/character, {nats / math.log(2):.3f} "
        expected += "bits/character\n"
    assert done.stdout == expected
