"""Compare with PyTorch itself, where it is installed: python -m tests.interop.peer_torch.

Not collected by pytest: torch is no dependency of the tests.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bptt import GRU, LSTM, RNN, Dense, Embedding, Network, SequenceClassifier
from bptt.interop import from_torch, load, to_torch, unpack_padded

T, M, D, H = 7, 3, 5, 6


def read_modules(folder):
    """Read state dicts of every module that torch has; yield (name, difference)."""
    torch.manual_seed(0)
    for kind, options in [
        (nn.LSTM, {}),
        (nn.LSTM, {"bias": False}),
        (nn.LSTM, {"num_layers": 3, "bidirectional": True}),
        (nn.LSTM, {"proj_size": 4}),
        (nn.LSTM, {"proj_size": 4, "num_layers": 2, "bidirectional": True}),
        (nn.LSTM, {"dtype": torch.float64}),
        (nn.GRU, {}),
        (nn.GRU, {"num_layers": 2, "bidirectional": True, "bias": False}),
        (nn.RNN, {"num_layers": 2}),
        (nn.RNN, {"nonlinearity": "relu", "bidirectional": True}),
    ]:
        module = kind(D, H, batch_first=True, **options)
        for form in ("dict", "zip", "legacy", "checkpoint"):
            path = folder / "m.pt"
            state = module.state_dict()
            saved = {"epoch": 3, "model": state, "optimizer": {"state": {}}}
            torch.save(saved if form == "checkpoint" else state, path,
                       _use_new_zipfile_serialization=form != "legacy")  # fmt: skip
            nonlinearity = options.get("nonlinearity", "tanh")
            imported = from_torch(state if form == "dict" else path, nonlinearity=nonlinearity)
            x = torch.randn(M, T, D, dtype=options.get("dtype", torch.float32))
            with torch.no_grad():
                expected = module(x)[0].numpy()
            y = imported.run(x.numpy())
            yield f"{kind.__name__} {options} {form}", np.abs(y - expected).max()
    for kind in (nn.LSTMCell, nn.GRUCell):
        cell = kind(D, H)
        x, state = torch.randn(M, T, D), None
        for t in range(T):
            state = cell(x[:, t], state)
        last = (state[0] if isinstance(state, tuple) else state).detach().numpy()
        y = from_torch(cell.state_dict()).run(x.numpy())
        yield kind.__name__, np.abs(y[:, -1] - last).max()
    for dtype in (torch.float16, torch.bfloat16):
        module = nn.LSTM(D, H, batch_first=True).to(dtype)
        torch.save(module.state_dict(), folder / "half.pt")
        x = torch.randn(M, T, D)
        with torch.no_grad():
            expected = module.float()(x)[0].numpy()
        yield str(dtype), np.abs(load(folder / "half.pt").run(x.numpy()) - expected).max()


def packed(folder):
    """Compare ragged batches with pack_padded_sequence."""
    module = nn.LSTM(D, H, num_layers=2, bidirectional=True, batch_first=True)
    x, lengths = torch.randn(4, T, D), torch.tensor([7, 2, 5, 1])
    pack = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    with torch.no_grad():
        out, (h, c) = module(pack)
    expected = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)[0].numpy()
    network, parameters = from_torch(module.state_dict())
    y, ((a, cc),), _ = network.forward(x.numpy(), parameters, lengths=lengths.numpy())
    own, own_lengths = unpack_padded(pack)
    assert (own_lengths == lengths.numpy()).all()
    y_own = network.forward(own, parameters, lengths=own_lengths)[0]
    yield "unpack_padded y", np.abs(y_own - expected).max()
    yield "packed y", np.abs(y - expected).max()
    yield "packed h", np.abs(a - h.numpy()).max()
    yield "packed c", np.abs(cc - c.numpy()).max()


class Model(nn.Module):
    """The layers of a network of bptt, by its names."""

    def __init__(self, recurrent):
        super().__init__()
        self.embedding0 = nn.Embedding(9, D)
        self.recurrent = recurrent
        self.dense0 = nn.Linear(recurrent.hidden_size * (1 + recurrent.bidirectional), 4)

    def forward(self, ids):
        return self.dense0(self.recurrent(self.embedding0(ids))[0])


def write_modules(folder):
    """Write networks, load them with strict names in torch; yield (name, difference)."""
    rng = np.random.default_rng(0)
    for theirs, ours in [
        (nn.LSTM(D, H, batch_first=True), LSTM(D, H)),
        (nn.LSTM(D, H, 2, batch_first=True, bidirectional=True),
         LSTM(D, H, n_layers=2, bidirectional=True)),
        (nn.GRU(D, H, 2, batch_first=True), GRU(D, H, cell="gru_reset_after", n_layers=2)),
        (nn.RNN(D, H, batch_first=True, bidirectional=True), RNN(D, H, bidirectional=True)),
        (nn.RNN(D, H, batch_first=True, nonlinearity="relu"), RNN(D, H, cell="rnn_relu")),
    ]:  # fmt: skip
        network = Network([Embedding(9, D), ours, Dense(ours.n_out, 4)])
        parameters = {
            k: (p + rng.normal(size=p.shape)).astype(p.dtype) / 4
            for k, p in network.init(rng).items()
        }
        name = next(n for n in network.layers if n[:-1] in ("lstm", "gru", "rnn"))
        ids = rng.integers(0, 9, (M, T))
        expected = network.forward(ids, parameters)[0]
        for suffix in (".pt", ".safetensors"):
            path = folder / f"out{suffix}"
            to_torch((network, parameters), path, names={name: "recurrent"})
            if suffix == ".pt":
                state = torch.load(path, weights_only=True)
                torch.load(path, weights_only=True, mmap=True)
            else:
                from safetensors.torch import load_file

                state = load_file(path)
            model = Model(theirs)
            model.load_state_dict(state, strict=True)
            with torch.no_grad():
                y = model(torch.from_numpy(ids)).numpy()
            yield f"write {ours} {suffix}", np.abs(y - expected).max()
            back = load(path).chain("embedding0", "recurrent", "dense0")
            for key, p in parameters.items():
                own = back.parameters[key.replace(name, "recurrent")]
                assert own.tobytes() == p.tobytes(), key
            torch.save(model.state_dict(), folder / "again.pt")
            again = load(folder / "again.pt").chain("embedding0", "recurrent", "dense0")
            for key, p in back.parameters.items():
                assert again.parameters[key].tobytes() == p.tobytes(), key


def fine_tuned(folder):
    """Train an LSTM in torch, save it, and go on with other labels in a classifier of bptt."""
    torch.manual_seed(1)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 12, 3)).astype(np.float32)
    sums = X[:, :, 0].cumsum(axis=1)[:, -1] + X[:, :, 1].max(axis=1)
    rnn, fc = nn.LSTM(3, 24, batch_first=True), nn.Linear(24, 1)
    optimizer = torch.optim.Adam([*rnn.parameters(), *fc.parameters()], 0.01)
    for _ in range(150):
        optimizer.zero_grad()
        out = fc(rnn(torch.from_numpy(X))[0][:, -1])[:, 0]
        ((out - torch.from_numpy(sums)) ** 2).mean().backward()
        optimizer.step()
    torch.save({"rnn." + k: v for k, v in rnn.state_dict().items()}, folder / "sums.pt")
    y = ["high" if s > np.median(sums) else "low" for s in sums]
    options = {"epochs": 3, "learning_rate": 0.003, "verbose": 0}
    network, parameters = load(folder / "sums.pt", module="rnn")
    tuned = SequenceClassifier.from_network(network, parameters, **options)
    new = SequenceClassifier(units=24, standardize=False, **options)
    few = slice(0, 100)
    scores = []
    for model in (tuned, new):
        model.fit(list(X[few]), y[few], progress="silent")
        scores.append(model.score(list(X[200:]), y[200:]))
    print(f"fine-tuned on 100 sequences: accuracy {scores[0]:.2f}; from random: {scores[1]:.2f}")
    assert scores[0] > scores[1]
    yield "fine-tuned", 0.0


def main():
    print(f"torch {torch.__version__}")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for part in (read_modules, packed, write_modules, fine_tuned):
            for name, difference in part(Path(folder)):
                print(f"{difference:.1e}  {name}")
                worst = max(worst, difference)
    assert worst < 2e-6, worst
    print(f"largest difference {worst:.1e}")


if __name__ == "__main__":
    main()
