"""Files of Keras: small ones of Keras 3, others of Keras 1 and 2 written here, the corpus."""

import io
import json
import os
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from bptt import GRU
from bptt.errors import BpttError, InteropError
from bptt.interop import Mask, from_keras, load
from bptt.interop.keras_building import Building
from tests.support.interop import CORPUS, GOLDEN, close, corpus, task, tasks

h5py = pytest.importorskip("h5py")
from tests.support.keras_files import legacy, write_weights  # noqa: E402

FILES = np.load(GOLDEN / "keras_files.npz")
TIGHT = {"rtol": 1e-5, "atol": 1e-6}
NAMES = [key for key in FILES.files if key.endswith((".keras", "/.h5")) and "branched" not in key]
NOT_DEFINED = {"masking_mean": [3]}  # the mean of no step: Keras divides by 0


def written(key, folder):
    """Write a file of `keras_files.npz`; return its path."""
    path = folder / f"model{key.partition('/')[2]}"
    path.write_bytes(FILES[key].tobytes())
    return path


def rng(seed=0):
    return np.random.default_rng(seed)


# Keras 3


@pytest.mark.parametrize("key", NAMES)
def test_files_of_keras_3_give_its_outputs(key, tmp_path):
    name = key.partition("/")[0]
    x, y = FILES[f"{name}/x"], FILES[f"{name}/y"]
    rows = [i for i in range(len(x)) if i not in NOT_DEFINED.get(name, ())]
    found = load(written(key, tmp_path)).run(x)
    assert found.dtype == np.float32
    assert found.shape == y.shape
    close(found[rows], y[rows], TIGHT)


def test_a_model_that_branches_gives_its_layers_and_says_where(tmp_path):
    for ending in (".keras", ".h5"):
        imported = load(written(f"branched/{ending}", tmp_path))
        with pytest.raises(
            InteropError, match=r"goes to 'left', 'right'; Concatenate 'both' takes"
        ):
            _network, _ = imported
        assert list(imported.modules) == ["left", "right", "out"]
        x = FILES["branched/x"]
        both = [imported.modules[name].run(x) for name in ("left", "right")]
        y = load(tmp_path / f"model{ending}", module="out").run(np.concatenate(both, axis=1))
        close(y, FILES["branched/y"], TIGHT)


@pytest.mark.parametrize("name", ["lstm_sequences", "both_sequences", "norms", "repeat"])
def test_layers_of_a_file_of_weights_have_those_of_the_model(name, tmp_path):
    whole = load(written(f"{name}/.keras", tmp_path))
    parts = load(written(f"{name}/.weights.h5", tmp_path))
    with pytest.raises(InteropError, match="has weights alone"):
        _ = parts.network
    found = {}
    for module in parts.modules.values():
        found |= module.parameters
    with_parameters = {k: p for k, p in whole.parameters.items() if k.partition(".")[0] in found}
    for key, p in with_parameters.items():
        np.testing.assert_array_equal(found[key], p)
    assert len(found) == len(whole.parameters)


def test_layers_of_a_file_of_weights_are_chained(tmp_path):
    from bptt.layers import Pool

    parts = load(written("both_sequences/.weights.h5", tmp_path))
    first, second = parts.modules
    assert "assumed to be tanh and sigmoid" in parts.modules[first].notes[0]
    model = parts.chain(first, second, Pool(4, "last", bidirectional=True))
    close(model.run(FILES["both_sequences/x"]), FILES["both_sequences/y"], TIGHT)


def test_masks_and_notes_are_told(tmp_path):
    assert load(written("masking_dense/.keras", tmp_path)).mask == Mask("value", 0.5)
    assert load(written("embedding_mask_both/.keras", tmp_path)).mask == Mask("id", 0)
    assert load(written("masking_both/.keras", tmp_path)).mask == Mask("value", 0.5, True)
    plain = load(written("embedding/.keras", tmp_path))
    assert plain.mask is None
    assert plain.metadata["maxlen"] == 6
    assert "has no mask, so that padding counts" in plain.notes[0]


# Keras 1 and 2: files of the same layers as their programs wrote them


def lstm_arrays(n_x=3, n_a=4, gates=4):
    draw = rng().standard_normal
    shapes = (n_x, gates * n_a), (n_a, gates * n_a), (gates * n_a,)
    return [draw(shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize(
    ("kind", "order", "own"), [("LSTM", "icfo", "ifco"), ("GRU", "zrh", "zrh")]
)
def test_keras_1_has_arrays_for_each_gate(kind, order, own, tmp_path):
    arrays = lstm_arrays(gates=len(order))
    blocks = [dict(zip(own, np.split(a, len(order), axis=-1), strict=True)) for a in arrays]
    weights = {
        f"r_{w}_{gate}:0": block[gate]
        for gate in order
        for w, block in zip("WUb", blocks, strict=True)
    }
    config = {
        "name": "r",
        "output_dim": 4,
        "activation": "tanh",
        "inner_activation": "hard_sigmoid",
    }
    path = legacy(tmp_path / "1.h5", [(kind, config)], "1.2.2", {"r": weights})
    x = rng(1).standard_normal((2, 5, 3)).astype(np.float32)
    expected = from_keras(kind, arrays, version="2.0", recurrent_activation="hard_sigmoid")
    assert "hard_sigmoid" in load(path).network.layers["r"].cell.name
    close(load(path).run(x), expected.run(x), TIGHT)


def test_hard_sigmoid_is_that_of_the_version():
    x = rng(1).standard_normal((2, 5, 3)).astype(np.float32)
    config = {"recurrent_activation": "hard_sigmoid"}
    old, new = (from_keras("LSTM", lstm_arrays(), version=v, **config) for v in ("2.15.0", "3.0"))
    assert old.network.layers["lstm"].cell.name == "lstm__hard_sigmoid__tanh__tanh"
    assert np.abs(old.run(x) - new.run(x)).max() > 1e-3


def cudnn(kernel, gates, order):
    """Return a kernel as CuDNNLSTM keeps it: the inverse of what Keras does to read it."""
    blocks = np.split(kernel, gates, axis=1)
    if order == "F":
        return np.concatenate([b.reshape(b.shape[::-1], order="F").T for b in blocks], axis=1)
    return np.concatenate([b.T for b in blocks], axis=1)


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3)])
def test_weights_of_cudnn_layers_are_seen_by_the_size_of_the_bias(kind, gates, tmp_path):
    W, U, b = lstm_arrays(gates=gates)
    b2 = rng(2).standard_normal(b.shape).astype(np.float32)
    if kind == "LSTM":
        plain = from_keras("LSTM", [W, U, b + b2])
    else:
        plain = from_keras("GRU", [W, U, np.stack([b, b2])], reset_after=True)
    kept = [cudnn(W, gates, "F"), cudnn(U, gates, "C"), np.concatenate([b, b2])]
    x = rng(1).standard_normal((2, 5, 3)).astype(np.float32)
    layer = from_keras(f"CuDNN{kind}", kept, return_sequences=True)
    weights = dict(zip(("r/kernel:0", "r/recurrent_kernel:0", "r/bias:0"), kept, strict=True))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        write_weights(file, {"r": weights})
    for found in (layer, load(tmp_path / "w.h5").modules["r"]):
        close(found.run(x)[:, -1], plain.run(x), TIGHT)


def test_keys_known_to_be_harmless_are_ignored(tmp_path):
    arrays = lstm_arrays()
    config = {"name": "l", "units": 4, "time_major": False, "unroll": True, "implementation": 2,
              "dropout": 0.2, "recurrent_dropout": 0.2, "batch_input_shape": [None, 5, 3],
              "stateful": True, "dtype": "float32", "something_new": None}  # fmt: skip
    weights = dict(zip(("l/kernel:0", "l/recurrent_kernel:0", "l/bias:0"), arrays, strict=True))
    path = legacy(tmp_path / "2.h5", [("LSTM", config)], "2.4.0", {"l": weights}, False)
    imported = load(path)
    assert imported.format == "Keras 2.4.0 (HDF5)"
    assert [n.partition(" is ")[2].partition(":")[0] for n in imported.notes] == ["stateful", ""]
    x = rng(1).standard_normal((2, 5, 3)).astype(np.float32)
    close(imported.run(x), from_keras("LSTM", arrays).run(x), TIGHT)


def test_long_lists_of_names_lie_in_several_attributes(tmp_path):
    names = [f"dense_{i}" for i in range(4)]
    with h5py.File(tmp_path / "w.h5", "w") as file:
        write_weights(file, {n: {f"{n}/kernel:0": np.eye(2, dtype=np.float32)} for n in names})
        del file.attrs["layer_names"]
        file.attrs["layer_names0"] = [n.encode() for n in names[:3]]
        file.attrs["layer_names1"] = [n.encode() for n in names[3:]]
    assert list(load(tmp_path / "w.h5").modules) == names


def test_bidirectional_layers_of_the_oldest_keras_repeat_the_output_at_masked_steps():
    arrays = [*lstm_arrays(), *lstm_arrays()]
    inner = {"class_name": "LSTM", "config": {"return_sequences": True}}
    rows = [("Masking", {"mask_value": 0.0}), ("Bidirectional", {"layer": inner})]
    x = rng(1).standard_normal((1, 5, 3)).astype(np.float32)
    x[0, [0, 2, 4]] = 0
    for version, zero in (("2.2.4", False), ("2.2.4-tf", True)):
        named = [{"class_name": k, "config": {"name": k, **c}} for k, c in rows]
        whole = {"class_name": "Sequential", "config": named}
        y = imported_from(whole, {"Bidirectional": arrays}, version).run(x)
        if zero:
            assert not y[0, [0, 2, 4]].any()
            continue
        assert not y[0, 0, :4].any()
        assert not y[0, 4, 4:].any()
        np.testing.assert_array_equal(y[0, 2, :4], y[0, 1, :4])
        np.testing.assert_array_equal(y[0, 2, 4:], y[0, 3, 4:])
        np.testing.assert_array_equal(y[0, 4, :4], y[0, 3, :4])


def imported_from(config, weights, version):
    from bptt.interop.keras_files import KerasFile
    from bptt.interop.keras_models import imported

    named = {k: {str(i): a for i, a in enumerate(v)} for k, v in weights.items()}
    return imported(KerasFile("here", version, "HDF5", config, named))


# The corpus


@corpus
@pytest.mark.parametrize("name", tasks("keras"))
def test_the_corpus(name):
    folder, about, arrays = task(name)
    tolerance = about["tolerance"]
    if about["format"] == "keras-get_weights":
        for case in about["cases"]:
            own = {k: arrays[f"in.{case['case']}.{k}"] for k in ("x", "w0", "w1", "w2")}
            x = own.pop("x")
            layer = from_keras(case["layer"], [*own.values()], version="2.1", **case["attrs"])
            close(layer.run(x), arrays[f"out.{case['case']}.y"], tolerance)
        return
    model = next(f for f in about["files"] if "inputs_and_outputs" not in f)
    imported = load(folder / model)
    if "in.ids" in arrays:  # weights alone: its numbers need float64
        x = imported.modules["embedding"].run(arrays["in.ids"])
        for part in ("rnn_1", "rnn_2"):
            x = imported.modules[part].astype(np.float64).run(x)
            close(x, arrays[f"out.{part}"], tolerance)
        return
    close(imported.run(arrays["in.x"]), arrays["out.y"], tolerance)


@corpus
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_code_is_refused_at_once_and_never_run(tmp_path):
    code = (
        "import sys; from bptt.interop import load; from bptt.errors import InteropError\n"
        "import re, time; start = time.process_time()\n"
        "try:\n    load(sys.argv[1])\nexcept InteropError as e:\n    print(e)\n"
        "print(time.process_time() - start < 1, 'h5py' in sys.modules, 'onnx' in sys.modules)\n"
        "peak = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())\n"
        "print(int(peak[1]) < 200 * 1024)"  # of this process alone; ru_maxrss counts its parent's
    )
    given = [sys.executable, "-c", code, str(CORPUS / "hostile" / "lambda.keras")]
    done = subprocess.run(given, capture_output=True, text=True, check=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    words, *rest = done.stdout.splitlines()
    assert "the layer 'l' is a Lambda" in words
    assert rest == ["True False False", "True"]


# What is refused


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def image(fill):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        fill(file)
    return stream.getvalue()


SIMPLE = json.dumps({"class_name": "Sequential", "config": {"layers": [
    {"class_name": "Dense", "config": {"name": "d", "units": 2}}]}})  # fmt: skip


def with_kernel(make):
    """Return a .keras file's weights, whose kernel is made by a function of its group."""

    def fill(file):
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "d"
        make(group)

    return image(fill)


HOSTILE = {
    "external link": (
        lambda g: g.__setitem__("0", h5py.ExternalLink("/etc/passwd", "/x")),
        "is a link to another place",
    ),
    "soft link": (lambda g: g.__setitem__("0", h5py.SoftLink("/x")), "is a link to another place"),
    "external array": (
        lambda g: g.create_dataset("0", (2, 2), "f4", external=[("/etc/passwd", 0, 16)]),
        "lies in another file",
    ),
    "nothing stored": (lambda g: g.create_dataset("0", (2**14, 2**14), "f4"), "of which 0 are"),
    "bomb": (
        lambda g: g.create_dataset("0", (2**10, 2**12), "f4", compression="gzip", fillvalue=0,
                                   data=np.zeros((2**10, 2**12), "f4")),
        "bytes, of which",
    ),
    "references": (
        lambda g: g.create_dataset("0", data=[g.ref] * 2, dtype=h5py.ref_dtype), "expected numbers"
    ),
    "integers": (lambda g: g.create_dataset("0", data=np.eye(2, dtype=int)), "expected floating"),
    "three axes": (lambda g: g.create_dataset("0", data=np.ones((2, 2, 2))), "expected two axes"),
    "no arrays": (lambda g: None, "has 0 arrays; expected 1 or 2"),
    "not a number": (lambda g: g.create_dataset("0", data=[[np.nan]]), "not finite"),
    "its own group": (lambda g: g.__setitem__("0", g), "groups in one another"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_weights_are_refused(name, tmp_path):
    make, words = HOSTILE[name]
    version, weights = '{"keras_version": "3.1"}', with_kernel(make)
    members = {"config.json": SIMPLE, "metadata.json": version, "model.weights.h5": weights}
    path = zipped(tmp_path / "m.keras", **members)
    with pytest.raises(InteropError, match=words):
        load(path)


CONFIGS = {
    "ConvLSTM2D": ([("ConvLSTM2D", {})], r"ConvLSTM2D 'ConvLSTM2D0' is a layer that bptt does not"),
    "merge": ([("Bidirectional", {"layer": {"class_name": "LSTM", "config": {}},
                                  "merge_mode": None})], "has merge_mode None"),
    "late mask": ([("Dense", {}), ("Masking", {})], "behind other layers"),
    "quantized": ([("Dense", {"dtype": {"config": {"mode": "int8", "source_name": "float32"}}})],
                  r"Dense 'Dense0' is quantized \(int8\); expected floating point"),
    "nested": ([("Sequential", {"layers": []})], "is a model in the model; expected one chain"),
    "time_major": ([("LSTM", {"time_major": True})], "has time_major = true"),
    "activation": ([("LSTM", {"activation": "gelu"})], "has the activation 'gelu'"),
    "flatten": ([("LSTM", {"return_sequences": True}), ("Flatten", {})], "a fixed number of steps"),
    "kernel": ([("Conv1D", {"groups": 3})], r"a kernel of \(2, 3, 4\) and 3 groups"),
    "padding": ([("Conv1D", {"padding": "full"})], "padding 'full'; expected one of valid"),
    "pool": ([("Conv1D", {"batch_input_shape": [None, None, 3]}),
              ("MaxPooling1D", {"padding": "same"})], "an unknown number of steps"),
    "axis": ([("BatchNormalization", {"axis": 1})], "normalizes along axis 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_what_bptt_cannot_compute_is_refused_by_name(name):
    rows, words = CONFIGS[name]
    arrays = {
        "LSTM": lstm_arrays(),
        "Bidirectional": lstm_arrays() * 2,
        "Dense": [np.eye(3)],
        "Conv1D": [np.ones((2, 3, 4))],
    }
    config = [
        {"class_name": k, "config": {"name": f"{k}{i}", **c}} for i, (k, c) in enumerate(rows)
    ]
    weights = {f"{k}{i}": arrays.get(k, []) for i, (k, _) in enumerate(rows)}
    with pytest.raises(InteropError, match=words):
        _ = imported_from({"class_name": "Sequential", "config": config}, weights, "2.4").network


def test_a_normalization_may_have_one_number_for_all_features():
    given = {"name": "n", "mean": 1.0, "variance": 4.0, "batch_input_shape": [None, None, 3]}
    rows = [{"class_name": "Normalization", "config": given}]
    x = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    model = imported_from({"class_name": "Sequential", "config": rows}, {"n": []}, "3.5")
    np.testing.assert_array_equal(model.run(x), (x - 1) / 2)


def test_a_module_that_cannot_be_read_leaves_the_others(tmp_path):
    ones = np.ones((2, 3), np.float32)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        write_weights(file, {"d": {"d/kernel:0": ones}, "bad": {"bad/kernel:0": ones * np.nan}})
    parts = load(tmp_path / "w.h5")
    assert list(parts.modules) == ["d"]
    assert "Not read: " in parts.notes[-1]
    assert "Dense 'bad' has weights that are not finite" in parts.notes[-1]
    assert list(parts.tensors) == ["bad/kernel:0"]


def test_half_precision_of_keras_is_told():
    arrays = {"Dense0": [np.eye(3, dtype=np.float32)]}
    policy = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    rows = [{"class_name": "Dense", "config": {"name": "Dense0", "dtype": policy}}]
    (note,) = imported_from({"class_name": "Sequential", "config": rows}, arrays, "3.5").notes
    assert note == "Keras computes it in mixed_float16, bptt in float32."


@pytest.mark.parametrize("data", [b"", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(2000)])
def test_damaged_files_are_refused(data, tmp_path):
    (path := tmp_path / "x.h5").write_bytes(data)
    with pytest.raises(InteropError):
        load(path)


def test_a_zip_bomb_is_refused_at_once(tmp_path):
    path = zipped(tmp_path / "m.keras", **{"config.json": b" " * 2**27, "model.weights.h5": b""})
    start = time.process_time()
    with pytest.raises(InteropError, match=r"config.json has 134217728 bytes, of which"):
        load(path)
    assert time.process_time() - start < 1


def test_from_keras_refuses_other_things():
    for model, weights in ((3, None), ("LSTM", [np.ones(3)]), ("LSTM", None)):
        with pytest.raises(BpttError, match="from_keras: "):
            from_keras(model, weights)


def test_weights_of_directions_that_do_not_fit_are_refused():
    layer = GRU(2, 3, bidirectional=True)
    parameters = layer.init(np.random.default_rng(0))
    parameters["reverse.Wu"] = np.zeros((3, 6), np.float32)
    with pytest.raises(
        InteropError, match=r"reverse.Wu of 'b' has shape \(3, 6\); expected \(3, 5\)"
    ):
        Building("2.4.0", "x.h5").put("b", layer, parameters)
