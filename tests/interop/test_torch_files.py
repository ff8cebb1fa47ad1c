"""Files of PyTorch, safetensors and npz, read without torch; hostile ones are refused."""

import io
import struct
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save as save_safetensors

from bptt.errors import InteropError
from bptt.interop import from_torch, load, to_torch
from bptt.layers import LSTM, Dense
from bptt.network import Network
from tests.support.interop import CORPUS, GOLDEN, close, corpus, task, tasks

FILES = GOLDEN / "torch_files"
EXPECTED = dict(np.load(FILES / "expected.npz"))


@pytest.mark.parametrize("name", ["state.pt", "legacy.th", "checkpoint.ckpt"])
def test_files_that_torch_wrote_give_its_outputs(name):
    """Zip, legacy, and a checkpoint in bfloat16 with Python objects beside its state dict."""
    imported = load(FILES / name)
    assert list(imported.modules) == ["rnn", "fc"]
    y = imported.chain("rnn", "fc").run(EXPECTED["x"])
    np.testing.assert_allclose(y, EXPECTED["y_half" if "ckpt" in name else "y"], atol=1e-6)


def test_a_checkpoint_keeps_what_is_beside_its_state_dict():
    metadata = load(FILES / "checkpoint.ckpt").metadata
    assert metadata["epoch"] == 7
    assert metadata["hparams"] == {"units": 3}
    assert metadata["best"] == 0.25
    assert metadata["classes"] == ["a", "b"]
    np.testing.assert_array_equal(metadata["mean"], np.array([1, 2], np.float32))


@corpus
@pytest.mark.parametrize("name", tasks("torch-", "safetensors-", "npz-"))
def test_published_files_give_the_outputs_of_their_reference(name):
    folder, about, arrays = task(name)
    modules = load(folder / about["files"][0]).modules
    inputs = [key[3:] for key in arrays if key.startswith("in.")]
    for key in inputs:
        module = key.removesuffix("x").removesuffix(".")
        y = modules[module or "lstm_cell"].run(arrays[f"in.{key}"])
        close(y, arrays[f"out.{key.removesuffix('x')}y"], about["tolerance"])


@corpus
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("os_system.pt", "posix.system"),
        ("stride_out_of_range.pt", "size (1000, 1000), stride"),
        ("negative_offset.pt", "offset -8"),
        ("short_storage.pt", "16 elements of f4 for the storage '0', which has 20 bytes"),
        ("bad_header.safetensors", "header of 1099511627776 bytes"),
    ],
)
def test_hostile_files_are_refused(name, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InteropError, match=r"^interop\.load: ") as error:
        load(CORPUS / "hostile" / name)
    assert words in str(error.value)
    assert not list(tmp_path.iterdir())


# -- files made here -------------------------------------------------------------------------------


def small(seed=0, n=1):
    """Return a network of LSTMs and a Dense layer, and its parameters."""
    network = Network([LSTM(2, 3, n_layers=n, bidirectional=n > 1), Dense(3 * min(n, 2), 2)])
    return network, network.init(np.random.default_rng(seed))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
@pytest.mark.parametrize("n", [1, 2])
def test_what_is_written_reads_back_to_the_same_bytes(tmp_path, suffix, n):
    network, parameters = small(n=n)
    to_torch((network, parameters), path := tmp_path / f"a{suffix}")
    back = load(path).chain("lstm0", "dense0")
    assert repr(back.network) == repr(network)
    for name, p in parameters.items():
        assert back.parameters[name].tobytes() == p.tobytes()
    first = path.read_bytes()
    to_torch(back, path)
    assert path.read_bytes() == first


def pickled(*parts):
    """Return a pickle of protocol 2 that ends with STOP."""
    return b"\x80\x02" + b"".join(parts) + b"."


def archive(folder, pickle, members=(), compression=zipfile.ZIP_STORED):
    path = folder / "m.pt"
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in [("archive/data.pkl", pickle), *members]:
            file.writestr(name, data)
    return path


def text(word):
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def tensor(offset=0, size=(2, 2), stride=(2, 1), numel=4, storage="FloatStorage"):
    """Return the opcodes of a tensor in the storage "0"."""
    whole = [b"J" + struct.pack("<i", n) for n in (numel, offset, *size, *stride)]
    n = len(size)
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(("
        + text("storage") + f"ctorch\n{storage}\n".encode() + text("0") + text("cpu")
        + whole[0] + b"tQ" + whole[1] + b"(" + b"".join(whole[2 : 2 + n]) + b"t("
        + b"".join(whole[2 + n :]) + b"t\x89ccollections\nOrderedDict\n)RtR"
    )  # fmt: skip


def one(folder, tensor_opcodes, data=bytes(16)):
    """Return a file with one tensor "w" and the bytes of its storage."""
    members = [("archive/data/0", data)]
    return archive(folder, pickled(b"}", text("w"), tensor_opcodes, b"s"), members)


def test_a_tensor_may_be_transposed_or_a_part_of_its_storage(tmp_path):
    data = np.arange(6, dtype="<f4").tobytes()
    path = one(tmp_path, tensor(1, (2, 2), (1, 2), 6), data)
    w = load(path).modules[""].parameters["dense0.Wy"]
    np.testing.assert_array_equal(w, [[1, 3], [2, 4]])


@pytest.mark.parametrize(
    ("opcodes", "words"),
    [
        (tensor(stride=(0, 0), size=(4000, 4000)), "size (4000, 4000), stride (0, 0)"),
        (tensor(stride=(1, 1), size=(2, 3)), "size (2, 3)"),
        (tensor(offset=1), "offset 1"),
        (tensor(stride=(-2, 1)), "stride (-2, 1)"),
        (tensor(size=(-2, 2)), "size (-2, 2)"),
        (tensor(numel=8), "8 elements of f4"),
        (tensor(storage="QInt8Storage"), "torch.QInt8Storage"),
        (b"cbuiltins\neval\n" + text("1") + b"\x85R", "builtins.eval"),
        (b"\x8c\x08builtins\x8c\x04eval\x93" + text("1") + b"\x85R", "builtins.eval"),
        (b"(ios\nsystem\n", "the opcode INST"),
        (b"\x82\x01", "the opcode EXT1"),
        (b"ctorch\nFloatStorage\n)R", "calls torch.FloatStorage"),
        (b"(" * 3, "damaged pickle"),
        (b"]q\x01h\x01a", "no named tensor"),
        (b"(" + b"\x85" * 3, "damaged pickle"),
        (b"(" + text("a") + b"\x85" * 50_000 + b"d", "the opcode DICT"),
    ],
)
def test_pickles_that_are_not_plain_are_refused(tmp_path, opcodes, words):
    with pytest.raises(InteropError) as error:
        load(one(tmp_path, opcodes))
    assert words in str(error.value)


def test_a_checkpoint_may_hold_what_torch_itself_loads(tmp_path):
    """torch.load(weights_only=True) allows dtypes, complex numbers and parameters with state."""
    parameter = b"ctorch._utils\n_rebuild_parameter_with_state\n(" + tensor() + b"\x89}}tR"
    entries = [
        *(text(name) + f"ctorch\n{name}\n".encode() for name in ("bfloat16", "bool", "int8")),
        text("z") + b"cbuiltins\ncomplex\nG" + bytes(8) + b"G" + bytes(8) + b"\x86R",
        text("w") + parameter,
    ]
    path = archive(tmp_path, pickled(b"}(", *entries, b"u"), [("archive/data/0", bytes(16))])
    assert list(load(path).modules) == [""]


def test_a_legacy_file_may_have_another_protocol(tmp_path):
    data = (FILES / "legacy.th").read_bytes()
    (path := tmp_path / "a.th").write_bytes(b"\x80\x04\x95" + (13).to_bytes(8, "little") + data[2:])
    assert list(load(path).modules) == list(load(FILES / "legacy.th").modules)


def test_recurrent_weights_that_are_not_read_are_named():
    state = {"rnn.weight_ih_l0": np.ones((8, 3)), "fc.weight": np.ones((2, 2))}
    imported = from_torch(state | {"fc.bias": np.ones(2)})
    assert list(imported.modules) == ["fc"]
    assert "'rnn' has recurrent weights, but not both" in imported.notes[0]
    with pytest.raises(InteropError, match="cannot be one network: the state dict: 'rnn' has"):
        _ = imported.network
    with pytest.raises(InteropError, match=r"no layer is known by its tensors a\.weight, b;"):
        _ = from_torch({"a.weight": np.ones((2, 3, 4)), "b": np.ones(3)}).network


def test_a_key_may_not_be_a_deep_tuple(tmp_path):
    """Its hash would exhaust the stack of C."""
    key = text("a") + b"\x85" * 200_000
    with pytest.raises(InteropError, match="a key that is a tuple"):
        load(archive(tmp_path, pickled(b"}", key, text("b"), b"s")))


def test_zip_files_that_torch_does_not_write_are_refused(tmp_path):
    fine = pickled(b"}", text("w"), tensor(), b"s")
    with pytest.raises(InteropError, match="compressed member"):
        load(archive(tmp_path, fine, [("archive/data/0", bytes(16))], zipfile.ZIP_DEFLATED))
    with pytest.raises(InteropError, match=r"no member 'archive/data/0'"):
        load(archive(tmp_path, fine))
    with pytest.raises(InteropError, match="TorchScript"):
        load(archive(tmp_path, fine, [("archive/code/a.py", b"")]))
    path = one(tmp_path, tensor())
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InteropError, match="damaged zip"):
        load(path)


def test_a_truncated_legacy_file_is_refused(tmp_path):
    data = (FILES / "legacy.th").read_bytes()
    for n in range(100, len(data), 211):
        (path := tmp_path / "a.th").write_bytes(data[:n])
        with pytest.raises(InteropError):
            load(path)


def test_npz_files_are_read_and_their_limits_held(tmp_path):
    rng = np.random.default_rng(0)
    own = {"enc_w_ih": (9, 2), "enc_w_hh": (9, 3), "enc_b_ih": (9,), "enc_b_hh": (9,)}
    arrays = {k: rng.normal(size=shape) for k, shape in own.items()}
    np.savez_compressed(path := tmp_path / "a.npz", **arrays, enc_emb=np.ones((4, 2)))
    modules = load(path).modules
    assert repr(modules["enc"].network) == "Network(gru0: GRU(2, 3, cell='gru_reset_after'))"
    assert repr(modules["enc_emb"].network) == "Network(embedding0: Embedding(4, 2))"
    np.savez_compressed(path, zeros=np.zeros(10**6))
    with pytest.raises(InteropError, match="8000"):
        load(path)
    np.savez(path, objects=np.array([{}], object))
    with pytest.raises(InteropError, match="expected numbers"):
        load(path)


def test_safetensors_of_half_precision_become_float32(tmp_path):
    state = {k: v.astype(np.float16) for k, v in to_torch(small()).items()}
    (path := tmp_path / "a.safetensors").write_bytes(save_safetensors(state))
    imported = load(path, module="lstm0")
    assert imported.parameters["lstm0.Wf"].dtype == np.float32
    assert any("float16" in note for note in imported.notes)


def test_weights_in_parts_are_put_together():
    """weight_norm and spectral_norm in their two forms, and dropout of weights."""
    rng = np.random.default_rng(0)
    shapes = {"rnn.weight_ih_l0": (8, 3), "rnn.weight_hh_l0": (8, 2), "fc.weight": (4, 2)}
    whole = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    whole["fc.bias"] = rng.standard_normal(4)
    x = rng.standard_normal((2, 5, 3))
    expected = from_torch(whole).chain("rnn", "fc").run(x)
    for kept in (0, 1, None):
        parts = {k: w for k, w in whole.items() if k not in ("rnn.weight_hh_l0", "fc.weight")}
        for name, g, v in (
            ("rnn.weight_hh_l0", "rnn.weight_hh_l0_g", "rnn.weight_hh_l0_v"),
            ("fc.weight", *(f"fc.parametrizations.weight.original{i}" for i in (0, 1))),
        ):
            w = whole[name]
            axes = tuple(i for i in (0, 1) if i != kept)
            norm = np.sqrt((w**2).sum(axis=axes, keepdims=True))
            parts[g], parts[v] = norm if kept is not None else norm.reshape(()), w * 3
        imported = from_torch(parts)
        assert not imported.tensors
        assert [note.partition(" is ")[0] for note in imported.notes[:2]] == [
            "rnn.weight_hh_l0", "fc.weight",
        ]  # fmt: skip
        close(imported.chain("rnn", "fc").run(x), expected, {"rtol": 1e-6, "atol": 1e-7})
    for orig, u, v in (
        ("rnn.weight_hh_l0_orig", "rnn.weight_hh_l0_u", "rnn.weight_hh_l0_v"),
        *[[f"rnn.parametrizations.weight_hh_l0.{n}" for n in ("original", "0._u", "0._v")]],
    ):  # spectral_norm in its two forms
        W = whole["rnn.weight_hh_l0"]
        parts = {k: w for k, w in whole.items() if k != "rnn.weight_hh_l0"}
        parts |= {orig: W, u: rng.standard_normal(8), v: rng.standard_normal(2)}
        imported = from_torch(parts)
        assert not imported.tensors
        wanted = from_torch(whole | {"rnn.weight_hh_l0": W / (parts[u] @ W @ parts[v])})
        close(
            imported.chain("rnn", "fc").run(x),
            wanted.chain("rnn", "fc").run(x),
            {"rtol": 1e-6, "atol": 1e-7},
        )
    inner = {f"rnn.module.{k[4:]}": w for k, w in whole.items() if k.startswith("rnn.")}
    dropped = {
        "rnn.module.weight_hh_l0": np.zeros((8, 2)),
        "rnn.weight_hh_l0_raw": inner["rnn.module.weight_hh_l0"],
    }
    close(from_torch(inner | dropped).run(x), from_torch(inner).run(x), {"rtol": 0, "atol": 0})


def test_files_of_other_kinds_are_refused_with_the_way_out(tmp_path):
    for name, members, words in (
        ("script.pt", {"m/data.pkl": b"", "m/code/a.py": b" " * 99}, "is a TorchScript program"),
        ("bare.pkl", b"\x80\x04}.", "is a pickle, which can run any code"),
    ):
        path = tmp_path / name
        if isinstance(members, bytes):
            path.write_bytes(members)
        else:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
                for member, data in members.items():
                    file.writestr(member, data)
        with pytest.raises(InteropError, match=words):
            load(path)
    path = one(tmp_path, b"ctorch._utils\n_rebuild_qtensor\n")
    with pytest.raises(InteropError, match="has quantized weights"):
        load(path)


def test_a_state_dict_without_tensors_is_refused():
    with pytest.raises(InteropError, match="holds no named tensor"):
        from_torch({"a": io.BytesIO()})
