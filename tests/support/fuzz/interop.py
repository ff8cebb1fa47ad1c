"""Models of other programs to fuzz: PyTorch, safetensors, npz and the JSON of audio tools.

A changed file is loaded, and then it runs and is written again, or `InteropError` refuses it. An
audit hook is the canary: it raises where anything is started, unpickled or connected to.
"""

import io
import json
import random
import sys
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from bptt.errors import InteropError
from bptt.interop import ResidualNetwork, load, to_nam, to_onnx, to_rtneural, to_torch
from bptt.layers import GRU, LSTM, RNN, Activation, Dense, Embedding, Pool
from bptt.network import Network
from tests.support.fuzz import mutations

GOLDEN = Path(__file__).parents[2] / "golden" / "torch_files"
FORBIDDEN = {
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pickle.find_class",
    "socket.connect",
}  # fmt: skip
_watching = False


def _watch(event, arguments):
    trial = event.startswith(("subprocess", "os")) and "bptt.interop.hdf5_trial" in str(arguments)
    if _watching and event in FORBIDDEN and not trial:
        raise AssertionError(f"{event} {arguments!r:.200}")


def check(path):
    """Load a file and use what it holds; refuse with InteropError alone."""
    global _watching
    _watching = True
    try:
        with np.errstate(all="ignore"):
            imported = load(path)
            parts = imported.modules.values() if imported.modules else [imported]
            for part in list(parts)[:10]:
                if part.model is not None:
                    _use(part)
    finally:
        _watching = False


def check_whole(path):
    """Load a file and run it, whatever the shape of its outputs is."""
    global _watching
    _watching = True
    try:
        with np.errstate(all="ignore"):
            imported = load(path)
            parts = imported.modules.values() if imported.obstacle else [imported]
            for part in list(parts)[:10]:
                network, parameters = part
                assert {k: p.shape for k, p in parameters.items()} == network.shapes()
                first = next(iter(network.layers.values()))
                if sum(p.size for p in parameters.values()) <= 10**6 and first.n_in < 10**5:
                    x = np.ones((2, 6), int) if first.is_table else np.ones((2, 6, first.n_in))
                    assert len(part.run(x)) == 2
    finally:
        _watching = False


def _use(part):
    network, parameters = part
    assert {k: p.shape for k, p in parameters.items()} == network.shapes()
    if sum(p.size for p in parameters.values()) > 10**6:
        return
    first = next(iter(network.layers.values()))
    x = np.zeros((2, 3), int) if first.is_table else np.ones((2, 3, first.n_in))
    y = part.run(x)
    assert y.shape[:2] == (2, 3)
    try:
        state = to_torch(part)
    except InteropError:
        return
    again = to_torch(part)
    assert all(again[k].tobytes() == t.tobytes() for k, t in state.items())


def prepared(seeds):
    """Load every seed, so that imports are done, and set the canary."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data, use in seeds:
            (path := Path(folder) / name).write_bytes(data)
            use(path)
    sys.addaudithook(_watch)
    return seeds


def _network(kind, *layers):
    network = kind(list(layers))
    return network, network.init(np.random.default_rng(0))


def torch_seeds():
    """Return files of torch itself, and one that bptt wrote."""
    seeds = [(p.name, p.read_bytes(), check) for p in sorted(GOLDEN.glob("*.*t*"))]
    seeds = [seed for seed in seeds if not seed[0].endswith(".npz")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.pt"
        own = _network(Network, Embedding(5, 2), LSTM(2, 2, bidirectional=True), Dense(4, 1))
        to_torch(own, path)
        seeds.append(("own.pt", path.read_bytes(), check))
    return prepared(seeds)


def array_seeds():
    """Return safetensors and npz files of state dicts."""
    own = _network(Network, LSTM(2, 2, n_layers=2), Dense(2, 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        state = to_torch(own, path)
        data = path.read_bytes()
        np.savez_compressed(packed := Path(folder) / "a.npz", **state)
        np.savez(plain := Path(folder) / "b.npz", **state)
        return prepared(
            [
                ("a.safetensors", data, check),
                ("a.npz", packed.read_bytes(), check),
                ("b.npz", plain.read_bytes(), check),
            ]
        )


def check_graph(path):
    """Load an ONNX file and compute it with inputs of the sizes that it says."""
    global _watching
    _watching = True
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # numbers, not files
            imported = load(path)
            if imported.graph is not None:
                values = imported.graph.inputs.values()
                sizes = [[n if isinstance(n, int) else 2 for n in v.shape or ()] for v in values]
                if all(np.prod(size, dtype=float) < 10**6 for size in sizes):
                    given = {
                        v.name: np.ones(size, v.dtype or np.float32)
                        for v, size in zip(values, sizes, strict=True)
                    }
                    for _ in range(3):  # node by node, twice, and by the plan that this makes
                        imported.graph.run(given)
    finally:
        _watching = False


def onnx_seeds():
    """Return ONNX files: recurrent nodes with lengths and states, pooling, embeddings."""
    networks = {
        "lstm": ([LSTM(2, 3), Dense(3, 2)], {"lengths": False, "states": True}),
        "both": ([GRU(2, 3, bidirectional=True), Pool(6, "mean"), Dense(6, 2)], {"lengths": True}),
        "tokens": ([Embedding(5, 2), RNN(2, 3), Activation(3, "elu")], {"lengths": True}),
    }
    seeds = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (layers, options) in networks.items():
            path = Path(folder) / f"{name}.onnx"
            to_onnx(_network(Network, *layers), path, **options)
            check_graph(path)
            seeds.append((path.name, path.read_bytes(), check_graph))
    sys.addaudithook(_watch)
    return seeds


def audio_seeds():
    """Return NAM, GuitarML, RTNeural and AIDA-X files, and a state dict in JSON."""
    network = _network(Network, LSTM(1, 2, n_layers=2), Dense(2, 1))
    residual = _network(ResidualNetwork, LSTM(1, 2), Dense(2, 1))
    several = _network(
        Network, Dense(1, 2), Activation(2, "tanh"), GRU(2, 2, cell="gru_reset_after"), Dense(2, 1)
    )
    state = {k.replace("lstm0", "rec").replace("dense0", "lin"): v.tolist()
             for k, v in to_torch(residual).items()}  # fmt: skip
    about = {"model": "SimpleRNN", "input_size": 1, "skip": 1, "output_size": 1}
    aida = to_rtneural(residual) | {"in_gain": -3.0, "out_gain": 2}
    files = {
        "a.nam": to_nam(network, sample_rate=48000),
        "guitarml.json": {"model_data": about, "state_dict": state},
        "rtneural.json": to_rtneural(several),
        "a.aidax": aida,
        "state.json": state,
    }
    return prepared([(k, json.dumps(content).encode(), check) for k, content in files.items()])


def change_member(data: bytes, rng: random.Random) -> bytes:
    """Change a member of a zip file and pack it again, with the right sizes and checksums."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(i.filename, archive.read(i), i.compress_type) for i in archive.infolist()]
    except (
        zipfile.BadZipFile,
        ValueError,
        RuntimeError,
        NotImplementedError,
        OSError,
        EOFError,
        zlib.error,
    ):
        return data
    if not members:
        return data
    at = rng.randrange(len(members)) if rng.random() < 0.4 else 0
    name, content, how = members[at]
    members[at] = name, mutations.mutate(content, rng.choice(members)[1], rng), how
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content, how in members:
            archive.writestr(zipfile.ZipInfo(name), content, how)
    return buffer.getvalue()
