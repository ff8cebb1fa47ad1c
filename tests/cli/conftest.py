"""Fixtures of the command line's tests: a directory of one's own, a runner, a trained model."""

from functools import cache

import numpy as np
import pytest
import typer

from bptt import Forecaster, SequenceClassifier, SequenceRegressor, SequenceTagger, cli
from tests.support.cli_cases import (
    SENTENCES,
    SMALL,
    TAGS,
    cases,
    run_in,
    settle,
    train_text,
    write_conll,
    write_csv,
    write_json_lines,
    write_series,
    write_ts,
)


@pytest.fixture(scope="package", autouse=True)
def built_once():
    """Build the commands once, not for each of hundreds of calls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bptt.cli.command_line", cache(cli.command_line))
        patch.setattr("typer.main.get_command", cache(typer.main.get_command))
        yield


@pytest.fixture
def built_anew(monkeypatch):
    """Build the commands for each call, as users' calls do: with what is registered by now."""
    monkeypatch.setattr("bptt.cli.command_line", cli.command_line.__wrapped__)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Run every test in its own directory, with a small text in it."""
    settle(tmp_path, monkeypatch)


@pytest.fixture
def run(capsys):
    """Run a command in this process: exit status, standard output, standard error."""
    return lambda *arguments: run_in(capsys, *arguments)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A language model's file, trained once by the command itself."""
    return train_text(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def data(here):
    """Write data of every kind into the test's directory."""
    X, y = cases()
    write_ts("x.ts", X, y)
    write_csv("x.csv", X, y)
    write_json_lines("x.jsonl", X, y)
    write_conll("x.conll")
    write_series("series.csv")


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A directory with a file of every kind of model."""
    folder = tmp_path_factory.mktemp("models")
    X, y = cases()
    t = np.arange(160)
    series = np.stack([np.sin(t / 4), np.cos(t / 4) + 5], axis=1).round(4)
    framing = {"window": 12, "horizon": 3, "output": "gaussian"}
    fitted = {
        "classify": SequenceClassifier(**SMALL).fit(X, y, progress="silent"),
        "regress": SequenceRegressor(**SMALL).fit(X, [len(x) for x in X], progress="silent"),
        "tag": SequenceTagger(**SMALL).fit(SENTENCES, TAGS, progress="silent"),
        "forecast": Forecaster(**SMALL, **framing).fit(series, progress="silent"),
        "several": Forecaster(**SMALL, **framing).fit([series, -series], progress="silent"),
    }
    for name, model in fitted.items():
        model.save(folder / name)
    train_text(folder)
    return folder
