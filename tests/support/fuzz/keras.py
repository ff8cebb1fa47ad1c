"""Files of Keras to fuzz: .h5 of Keras 1, 2 and 3, .keras and .weights.h5.

HDF5's library is tried out in a child process, as `interop.load` does, but a fork of this one:
a new interpreter would take half a second for each file.
"""

import contextlib
import io
import os
import random
import signal
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from bptt.interop import hdf5_trial
from tests.support.fuzz import mutations
from tests.support.fuzz.interop import change_member, check_whole, prepared

FILES = Path(__file__).parents[2] / "golden" / "keras_files.npz"
MODELS = {  # of Keras 3 -> endings
    "lstm_sequences": (".keras", ".h5", ".weights.h5"),
    "both_sequences": (".h5",),
    "embedding_mask": (".keras", ".h5", ".weights.h5"),
    "norms": (".keras", ".h5"),
    "reshape": (".keras",),
    "repeat": (".keras", ".h5"),
    "functional": (".keras", ".h5"),
    "convolution_pools": (".keras",),
    "preprocessing": (".keras",),
    "branched": (".keras", ".h5", ".weights.h5"),
}
SECONDS = 2  # of processor time to read a small file: nothing has to be started


def keras_seeds():
    """Return small files of three generations: (name, bytes, check)."""
    hdf5_trial._tried = tried
    hdf5_trial.SECONDS = SECONDS
    with np.load(FILES) as files:
        seeds = [
            (f"{name}{ending}", files[f"{name}/{ending}"].tobytes(), check_whole)
            for name, endings in MODELS.items()
            for ending in endings
        ]
    return prepared([*seeds, *old_files()])


def tried(path, seconds):
    """Read a file in a forked process; return the signal that ended it, or 0, and its refusal."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        with contextlib.suppress(BaseException):
            os.write(writer, hdf5_trial.refusal_of(path, seconds).encode()[:4000])
        os._exit(0)
    os.close(writer)
    try:
        with open(reader, "rb") as pipe:
            refusal = pipe.read().decode(errors="replace")
        _, status = os.waitpid(child, 0)
    except BaseException:  # it took too long
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    # What that process was not given is refused rightly; "memory" is a fault of this one.
    refusal = refusal.replace("memory allocation", "allocation")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, refusal


def old_files():
    """Return files as Keras 1 and 2 wrote them."""
    from tests.support.keras_files import legacy

    draw = np.random.default_rng(0).standard_normal
    one = {f"r_{w}_{gate}:0": draw(shape) for gate in "icfo"
           for w, shape in (("W", (3, 2)), ("U", (2, 2)), ("b", (2,)))}  # fmt: skip
    two = [draw((5, 3)), *(draw(s) for s in ((3, 6), (2, 6), (6,)) * 2), draw((4, 1)), draw((1,))]
    names = ["e/embeddings:0"]
    names += [f"b/{side}_g/{w}:0" for side in ("forward", "backward")
              for w in ("kernel", "recurrent_kernel", "bias")]  # fmt: skip
    names += ["d/kernel:0", "d/bias:0"]
    weights: dict = {}
    for name, array in zip(names, two, strict=True):
        weights.setdefault(name[0], {})[name] = array.astype(np.float32)
    inner = {"class_name": "GRU", "config": {"name": "g", "units": 2, "reset_after": False,
             "recurrent_activation": "hard_sigmoid", "time_major": False}}  # fmt: skip
    rows_1 = [("LSTM", {"name": "r", "output_dim": 2, "inner_activation": "hard_sigmoid",
                        "batch_input_shape": [None, 6, 3], "return_sequences": True}),
              ("TimeDistributedDense", {"name": "d", "output_dim": 1})]  # fmt: skip
    rows_2 = [("Embedding", {"name": "e", "mask_zero": True, "batch_input_shape": [None, None]}),
              ("Bidirectional", {"name": "b", "layer": inner, "merge_mode": "concat"}),
              ("Dense", {"name": "d", "units": 1, "activation": "sigmoid"})]  # fmt: skip
    dense = {"d": {"d_W:0": draw((2, 1)), "d_b:0": draw((1,))}}
    cudnn = {"r": {"r/kernel:0": draw((3, 8)), "r/recurrent_kernel:0": draw((2, 8)),
                   "r/bias:0": draw(16)}}  # fmt: skip
    rows_3 = [("CuDNNLSTM", {"name": "r", "units": 2})]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        files = {
            "keras1.h5": legacy(path, rows_1, "1.2.2", {"r": one, **dense}).read_bytes(),
            "keras2.h5": legacy(path, rows_2, "2.4.0", weights, False).read_bytes(),
            "cudnn.h5": legacy(path, rows_3, "2.2.4", cudnn).read_bytes(),
        }
    return [(name, data, check_whole) for name, data in files.items()]


def change(seed: bytes, pool: list[bytes], rng: random.Random) -> bytes:
    """Change a file: what HDF5 holds, what a zip file holds, or bytes anywhere.

    h5py opens whole files alone here: HDF5's library may not come back from others.
    """
    if rng.random() < 0.5:
        return _change_within(seed, rng)
    if seed.startswith(b"PK") and rng.random() < 0.7:
        return change_member(rng.choice([seed, *pool]), rng)
    return mutations.mutate(seed if rng.random() < 0.6 else rng.choice(pool), rng.choice(pool), rng)


def _change_within(seed, rng):
    if not seed.startswith(b"PK"):
        return _change_image(seed, rng)
    with zipfile.ZipFile(io.BytesIO(seed)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if rng.random() < 0.5:
        members["config.json"] = mutations.change_json_line(members["config.json"], rng)
    else:
        members["model.weights.h5"] = _change_image(members["model.weights.h5"], rng)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _change_image(data, rng):
    """Change one to three groups, attributes or arrays of an HDF5 file."""
    import h5py

    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as file:
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            places = ["/"]
            file.visit(places.append)
            place = rng.choice(places)
            with (
                contextlib.suppress(KeyError, ValueError, TypeError, OSError, RuntimeError),
                np.errstate(all="ignore"),
            ):
                if "model_config" in file.attrs and rng.random() < 0.4:
                    text = file.attrs["model_config"]
                    text = text.encode() if isinstance(text, str) else bytes(text)
                    file.attrs["model_config"] = mutations.change_json_line(text, rng)
                elif file[place].attrs and rng.random() < 0.5:
                    _change_attribute(file[place].attrs, rng)
                elif place != "/":
                    _change_link(h5py, file, place, places, rng)
    return stream.getvalue()


TEXTS = [
    b"",
    b"2.4.0",
    b"1.2.2",
    b"3.9",
    b"../x",
    b"/",
    b".",
    b"\xff",
    b"\0a",
    b"lstm",
    b"a" * 3000,
]


def _change_attribute(attributes, rng):
    name = rng.choice(sorted(attributes))
    value = attributes[name]
    way = rng.randrange(4)
    if way == 0:
        del attributes[name]
    elif way == 1:
        attributes[name] = rng.choice([1, 2.5, [1, 2], np.zeros((0,)), np.zeros((2, 2)), "x", True])
    elif way == 2 or np.ndim(value) == 0:
        attributes[name] = rng.choice(TEXTS)
    else:
        rows = [bytes(v) if isinstance(v, bytes) else str(v).encode() for v in np.ravel(value)]
        rows[rng.randrange(len(rows))] = rng.choice([*TEXTS, *rows])
        attributes[name] = rng.sample(rows, rng.randint(1, len(rows))) * rng.choice([1, 1, 2])


def _change_link(h5py, file, place, places, rng):
    """Delete, move, link or overwrite what lies at a place."""
    way, other = rng.randrange(7), rng.choice(places)
    old, there = np.ones((2, 2), np.float32), file[place]
    if isinstance(there, h5py.Dataset) and there.dtype.kind == "f" and there.nbytes < 2**20:
        old = there[()]
    del file[place]
    if way == 0:
        return
    if way == 1:
        file[place] = rng.choice([file[other], h5py.SoftLink(f"/{other}"),
                                  h5py.ExternalLink("/etc/passwd", "/x")])  # fmt: skip
    elif way == 2:
        file[place] = old.astype(rng.choice(["f2", "f8", ">f4", "i4", "u1", "?", "S3", "c8"]))
    elif way == 3:
        shape = rng.choice([old.shape[::-1], (*old.shape, 1), old.shape[1:], (0, *old.shape),
                            (10**6, 10**6), (2**20,)])  # fmt: skip
        file.create_dataset(place, shape, "f4")
    elif way == 4:
        wide = np.ravel(old).astype("f4") if old.size else np.ones(1, "f4")
        wide[rng.randrange(len(wide))] = rng.choice([np.nan, np.inf, -3e38, 1e-45])
        file[place] = wide.reshape(old.shape) if old.size else wide
    elif way == 5:
        options = rng.choice([{"compression": "gzip"}, {"compression": "lzf"},
                              {"scaleoffset": 3}, {"fletcher32": True}])  # fmt: skip
        file.create_dataset(place, data=np.atleast_1d(old), chunks=True, **options)
    else:
        file.create_group(place)
