"""Open files of bptt in their programs: python -m tests.interop.other_sides [PROGRAM ...]

Not collected by pytest: needs torch, Keras 3 (on torch) and ONNX Runtime. Each row is a file that
bptt has written, opened by its program; the difference is that of the outputs, at batch sizes,
times and lengths (0 included) other than any the file was written with. "same bytes" says that
every tensor came back from the file, and from a file that the program saved again.
"""

import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx

from bptt import GRU, LSTM, RNN, Dense, Embedding, Network
from bptt.interop import load, to_keras, to_nam, to_onnx, to_rtneural
from bptt.layers import Activation, BatchNorm, Dropout, LayerNorm, Merge, Pool, Windows

SIZES = ((5, 4), (1, 1), (3, 7), (2, 30))
KERAS = {
    "lstm, dense": lambda: [LSTM(3, 4), Dense(4, 2)],
    "gru both ways, mean": lambda: [GRU(3, 4, bidirectional=True), Pool(8, "mean"), Dense(8, 2)],
    "gru reset after x 2": lambda: [GRU(3, 4, cell="gru_reset_after", n_layers=2), Dense(4, 2)],
    "rnn relu, last": lambda: [RNN(3, 4, cell="rnn_relu"), Pool(4, "last"), Activation(4, "elu")],
    "tokens": lambda: [Embedding(9, 3), LSTM(3, 4), Dense(4, 9), Activation(9, "softmax")],
    "softmax of the last": lambda: [
        LSTM(3, 4),
        Dropout(4, 0.2),
        Pool(4, "last"),
        Dense(4, 5),
        Activation(5, "softmax"),
    ],
    "convolution, pool": lambda: [
        Windows(3, 3, stride=2, padding="same"),
        Dense(9, 4),
        GRU(4, 4),
        Windows(4, 3, dilation=2, padding="causal"),
        Dense(12, 4),
        Windows(4, 1),
        Merge(4, "max", parts=1),
    ],
    "norms": lambda: [LSTM(3, 4), LayerNorm(4), BatchNorm(4), Dropout(4, 0.5), Pool(4, "max")],
}
AUDIO = {
    "lstm": lambda: [LSTM(1, 8), Dense(8, 1)],
    "gru": lambda: [GRU(1, 8, cell="gru_reset_after"), Dense(8, 1)],
    "lstm x 2": lambda: [LSTM(1, 8, n_layers=2), Dense(8, 1)],
}


def drawn(layers, rng, **options):
    """Return a network and parameters that are nowhere 0."""
    network = Network(layers, **options)
    parameters = {
        k: (p + 0.3 * rng.standard_normal(p.shape)).astype(np.float32)
        for k, p in network.init(rng).items()
    }
    for name in parameters:
        if name.endswith(".variance"):
            parameters[name] **= 2
    return network, parameters


def given(network, rng, m, T_x):
    first = next(iter(network.layers.values()))
    if isinstance(first, Embedding):
        return rng.integers(0, first.n_in, (m, T_x))
    return rng.standard_normal((m, T_x, first.n_in)).astype(np.float32)


def apart(theirs, ours):
    """Return the largest difference, relative where values are above 1."""
    return float((np.abs(theirs - ours) / np.maximum(1, np.abs(ours))).max())


def kept(found, parameters):
    """Say whether every tensor of the network is among those found, byte for byte."""
    found = {array.tobytes() for array in found}
    lost = [name for name, p in parameters.items() if p.tobytes() not in found]
    return f"OTHER BYTES in {', '.join(lost)}" if lost else "same bytes"


def torch_rows(folder):
    """Yield (file, difference, same bytes); peer_torch itself compares the tensors."""
    from tests.interop.peer_torch import write_modules

    for name, difference in write_modules(folder):
        yield name.removeprefix("write "), difference, "same bytes"


def keras_rows(folder):
    import keras

    rng = np.random.default_rng(0)
    for name, layers in KERAS.items():
        network, parameters = drawn(layers(), rng)
        path, weights = folder / "m.keras", folder / "m.weights.h5"
        to_keras((network, parameters), path)
        to_keras((network, parameters), weights)
        model = keras.models.load_model(path)
        other = keras.models.load_model(path)
        for variable in other.weights:
            variable.assign(np.zeros(variable.shape))
        other.load_weights(weights)
        worst = 0.0
        for m, T_x in SIZES:
            x = given(network, rng, m, T_x)
            ours = network.forward(x, parameters)[0]
            for theirs in (model, other):
                y = np.asarray(theirs(x, training=False).detach().cpu())
                worst = max(worst, apart(y.reshape(ours.shape), ours))
        model.save(folder / "again.keras")
        for file in (path, folder / "again.keras"):
            if (said := kept(load(file).parameters.values(), parameters)) != "same bytes":
                break
        yield f"{name} (.keras, .weights.h5)", worst, said


def onnx_rows(folder):
    from tests.interop.onnx.models import runtime
    from tests.interop.onnx.test_writing import NETWORKS
    from tests.interop.onnx.test_writing import drawn as inputs

    path = folder / "m.onnx"
    for name, layers in NETWORKS.items():
        for learned in (False, True):
            rng = np.random.default_rng(1)
            network, parameters = drawn(
                layers(), rng, initial_state="learned" if learned else "zero"
            )
            for with_lengths in (False, True):
                to_onnx((network, parameters), path, lengths=with_lengths)
                worst = 0.0
                for m, T_x in SIZES:
                    x, lengths = inputs(name, rng, m, T_x), None
                    own = {"tokens" if x.dtype.kind == "i" else "x": x}
                    if with_lengths:  # a runtime begins a sequence of no steps at 0
                        lengths = rng.integers(int(learned), T_x + 1, m).astype(np.int32)
                        lengths[0] = int(learned)
                        own["lengths"] = lengths
                    ours = network.forward(x, parameters, lengths=lengths)[0]
                    y = runtime(path, own, None)[0]
                    worst = max(worst, apart(y.reshape(ours.shape), ours))
                what = ", lengths" * with_lengths + ", learned states" * learned
                yield f"{name}{what}", worst, kept(tensors(path), parameters)


def tensors(path):
    """Yield the tensors of an ONNX file: those of its recurrent nodes, and the constants."""
    file = load(path)
    for module in file.modules.values():
        yield from module.parameters.values()
    states: dict[str, list[np.ndarray]] = {}
    for tensor in onnx.load(path).graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        yield from (array, np.ascontiguousarray(array.T))
        states.setdefault(tensor.name.rpartition(".")[2], []).append(array)
    for name in {"a0", "c0"} & states.keys():  # of the layers of a stack, one by one
        yield np.concatenate(states[name])


def model_rows(folder):
    """Whole models: their own predictions against the runtime's."""
    from tests.interop.onnx.models import runtime
    from tests.interop.onnx.whole_models import MODELS, there

    path = folder / "m.onnx"
    for name, make in MODELS.items():
        model, own, output, expected = make()
        notes = to_onnx(model, path)
        y = runtime(path, own, [output])[0].reshape(expected.shape)
        yield name, apart(there(y, own), there(expected, own)), "; ".join(notes) or "whole"


def json_rows(folder):
    rng = np.random.default_rng(2)
    for name, layers in AUDIO.items():
        network, parameters = drawn(layers(), rng)
        x = given(network, rng, 2, 64)
        for kind, write, ending in (("RTNeural", to_rtneural, ".json"), ("NAM", to_nam, ".nam")):
            if kind == "NAM" and name == "gru":
                continue  # which it has not
            write((network, parameters), path := folder / f"m{ending}")
            file = load(path)
            worst = apart(file.run(x), network.forward(x, parameters)[0])
            said = kept(file.parameters.values(), parameters)
            yield f"{kind} {name}, read by bptt", worst, said


PROGRAMS = {
    "torch": ("torch", torch_rows),
    "keras": ("keras", keras_rows),
    "onnx": ("onnxruntime", onnx_rows),
    "models": ("onnxruntime", model_rows),
    "json": ("bptt", json_rows),
}


def main():
    print("| program | file | largest difference | tensors, or what stays behind |")
    print("| --- | --- | ---: | --- |")
    failed = []
    for program in sys.argv[1:] or PROGRAMS:
        package, rows = PROGRAMS[program]
        title = package if package == "bptt" else f"{package} {version(package)}"
        with tempfile.TemporaryDirectory() as folder:
            for file, difference, said in rows(Path(folder)):
                print(f"| {title} | {file} | {difference:.1e} | {said} |", flush=True)
                if not difference < 1e-4 or said.startswith("OTHER"):
                    failed.append(file)
    print(f"\n{len(failed)} failed{': ' * bool(failed)}{', '.join(failed)}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "torch"
    main()
