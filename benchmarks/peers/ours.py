"""bptt, by its public functions; one configuration, the default one."""

import contextlib
import io

import numpy as np

import bptt
from bptt.engine import provider
from bptt.layers import Recurrent
from bptt.training import Adam, CrossEntropy, Run, Schedule, TextStreams, train

from .cases import (
    CHECKED_STEPS,
    GRAD_CLIP,
    LEARNING_RATE,
    STREAM_STEPS,
    CharacterArrays,
    CourseArrays,
    LayerArrays,
    character_results,
    course_results,
    layer_results,
)
from .worker import Configuration


def hello():
    with contextlib.redirect_stdout(io.StringIO()) as config:
        bptt.show_config()
    engine = provider().name
    about = {"version": f"bptt {bptt.__version__} ({engine})", "config": config.getvalue()}
    if engine != "native":
        about["warning"] = f"**bptt ran on the {engine} provider, not on its native engine**"
    return about


def prepare(case):
    return {f"{provider().name} engine": globals()[case.kind](case)}


def layer(case):
    """A recurrent layer: inference with weights that were prepared once, as the sessions of ONNX
    Runtime do, or forward and backward with weights that each call reads anew."""
    n_x, n_a, _, _ = case.size
    d = LayerArrays(case)
    cell = Recurrent(case.cell, n_x, n_a)
    prepared = cell.prepare(d.parameters)

    def forward():
        return prepared.forward(d.x, d.state, d.lengths)

    def both():
        y, state, tape = cell.forward(d.x, d.parameters, d.state, d.lengths)
        return y, state, *cell.backward(tape, d.dy, d.dstate)

    def read(results):
        y, state, *backward = results
        if backward:  # contenders are compared by the course's names of gradients
            backward[-1] = {f"d{name}": gradient for name, gradient in backward[-1].items()}
        return layer_results(y, state, *backward)

    return Configuration(both if case.backward else forward, read)


def stream(case):
    """One step of `layer.stream(parameters)` from NumPy to NumPy."""
    n_x, n_a, _, _ = case.size
    d = LayerArrays(case._replace(size=(n_x, n_a, 1, STREAM_STEPS)))
    xs = [np.ascontiguousarray(d.x[:, t]) for t in range(STREAM_STEPS)]
    step = bptt.LSTM(n_x, n_a).stream(d.parameters, m=1).step

    def run():
        for xt in xs:
            yt = step(xt)
        return yt

    return Configuration(run, lambda yt: {"y": np.reshape(yt, (1, n_a))}, work=STREAM_STEPS)


def character(case):
    """One step of the loop that `LanguageModel.fit` runs, over the model that `fit` builds."""
    units, layers, batch, steps = case.size
    d = CharacterArrays(case)
    model = bptt.LanguageModel(
        units=units, layers=layers, batch_size=batch, seq_length=steps, epochs=1,
        validation_fraction=0, learning_rate=LEARNING_RATE, grad_clip=GRAD_CLIP,
    )  # fmt: skip
    model.fit(d.text[: batch * steps + 1], progress="silent")
    if model.parameters_.keys() != d.parameters.keys():
        raise RuntimeError(f"LanguageModel has {list(model.parameters_)}, not {list(d.parameters)}")
    for name, p in model.parameters_.items():
        p[...] = d.parameters[name]
    run = Run(
        model.parameters_, Adam(LEARNING_RATE), Schedule("constant", LEARNING_RATE),
        np.random.default_rng(0),
    )  # fmt: skip
    training = train(
        run, model.network_, CrossEntropy(), TextStreams(d.tokens, batch, steps),
        epochs=10**9, grad_clip=GRAD_CLIP,
    )  # fmt: skip

    def read(first):
        progress = [first, *(next(training) for _ in range(CHECKED_STEPS - 1))]
        return character_results([(p.loss, p.grad_norm) for p in progress], model.parameters_)

    return Configuration(lambda: next(training), read)


def course(case):
    """`lstm_forward` and `lstm_backward` as the course writes them."""
    d = CourseArrays(case)

    def run():
        forward = bptt.lstm_forward(d.x, d.a0, d.parameters)
        return forward, bptt.lstm_backward(d.da, forward[3])

    return Configuration(run, lambda results: course_results(*results))
