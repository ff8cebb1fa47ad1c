"""Fixtures of the command line's tests: a directory of one's own, a runner, a trained model."""

import pytest

from tests.support.cli_cases import run_in, settle, train_text


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
