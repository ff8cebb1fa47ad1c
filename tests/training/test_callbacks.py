"""Callbacks see every step and epoch; the loggers' files hold what was trained."""

import csv
import struct

import numpy as np
import pytest

from bptt import SequenceClassifier
from bptt.errors import ConfigError
from bptt.training import Callback, CSVLogger, Monitor, TensorBoardLogger
from bptt.training.event_files import crc32c
from tests.support.cases import same_bits

RNG = np.random.default_rng(0)
X, Y = [RNG.normal(size=(4 + k % 3, 2)) for k in range(12)], [0, 1] * 6


def fit(*callbacks, **settings):
    m = SequenceClassifier(units=4, batch_size=3, validation_fraction=0, **{"epochs": 3} | settings)
    return m.fit(X, Y, progress="silent", callbacks=callbacks)


class Watch(Callback):
    def __init__(self):
        self.steps, self.rows, self.closed, self.norms, self.same = [], [], 0, [], True

    def after_step(self, model, progress, last):
        self.steps.append(progress.step)
        squares = sum(float((g.astype(float) ** 2).sum()) for g in last.gradients.values())
        self.norms.append((squares**0.5 * last.scale, progress.grad_norm))
        self.same = self.same and model.parameters_.keys() == last.gradients.keys()

    def after_epoch(self, model, row):
        self.rows.append(row)
        return row["epoch"] == 2

    def close(self):
        self.closed += 1


def test_a_callback_sees_steps_epochs_and_gradients_and_can_end_the_training():
    watch = Watch()
    m = fit(watch)
    assert watch.steps == list(range(1, 9))
    assert watch.rows == m.history_
    assert m.interrupted_
    assert (watch.closed, watch.same) == (1, True)
    assert np.allclose(*zip(*watch.norms, strict=True), rtol=1e-5)


def test_callbacks_change_no_bit_and_record_updates(tmp_path):
    board = TensorBoardLogger(tmp_path / "board", every=2)
    monitor = Monitor(every=2, log=board.write)
    m = fit(monitor, board, CSVLogger(tmp_path / "log.csv"))
    assert same_bits(m.parameters_, fit().parameters_)
    assert monitor.steps == [2, 4, 6, 8, 10, 12]
    ratios = np.array(list(monitor.update_ratios.values()))
    assert ratios.shape == (len(m.parameters_), 6)
    assert (ratios > 0).any()
    assert np.isfinite(monitor.loss_by_length([0, 10])).all()
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [float(r["loss"]) for r in rows] == [r["loss"] for r in m.history_]
    assert sorted(tags(tmp_path / "board")) == sorted(
        {f"{a}/{n}" for a in ("grad_norm", "update_ratio") for n in m.parameters_}
        | {"loss", "grad_norm", "learning_rate", "epoch/loss", "dead_units/lstm0"}
    )


def tags(folder):
    """Read the tags of the one event file by another way; check every CRC."""
    (path,) = folder.iterdir()
    data, found, at = path.read_bytes(), set(), 0
    while at < len(data):
        (n,) = struct.unpack_from("<Q", data, at)
        event = data[at + 12 : at + 12 + n]
        for part, check in ((data[at : at + 8], at + 8), (event, at + 12 + n)):
            crc = crc32c(part)
            masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            assert struct.unpack_from("<I", data, check)[0] == masked
        start = event.find(b"\x2a")
        for place in range(start, len(event)):  # 0a n 0a k tag 15 float
            k = event[place + 3] if place + 4 < len(event) else 0
            if event[place] == 0x0A and event[place + 2] == 0x0A and event[place + 1] == k + 7:
                found.add(event[place + 4 : place + 4 + k].decode())
        at += n + 16
    return found


def test_the_check_sum_is_that_of_the_standard():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_what_is_no_callback_is_refused_before_training():
    with pytest.raises(ConfigError, match=r"expected a list of bptt\.training\.Callback"):
        fit(lambda progress: None)
