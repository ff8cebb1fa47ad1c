"""Time traces, attribution, a monitored training and a report, beside plain passes and PyTorch.

``python benchmarks/inspection.py`` prints a table. PyTorch, where it is installed, runs an LSTMCell
step by step with a hook, which is how it shows states; its gates need a product of their own
besides. Traces and integrated gradients are compared with PyTorch's before they are timed;
trainings begin with other weights, and are not.
"""

import resource
import time
from importlib.util import find_spec

import numpy as np

from bptt import LSTM, Dense, Embedding, LanguageModel, Network, SequenceClassifier, inspect
from bptt.engine import set_num_threads
from bptt.inspect.report import report
from bptt.training import Monitor

M, T, UNITS, TOKENS, FEATURES = 32, 200, 256, 80, 32
TORCH = find_spec("torch") is not None
STEPS, EXPLAINED = 64, 4  # points of integrated gradients; sequences that are explained


def in_turns(runs, repeats=7):
    """Return the shortest time of each run, in milliseconds, and the median of the times' ratios.

    The runs take turns, because the speed of a machine drifts; ratios are to the first run.
    """
    times = np.zeros((repeats + 1, len(runs)))
    for row in times:
        for k, run in enumerate(runs):
            began = time.perf_counter()
            run()
            row[k] = 1e3 * (time.perf_counter() - began)
    times = times[1:]  # the first one warms up
    return times.min(axis=0), np.median(times / times[:, :1], axis=0)


def show(title, runs, repeats=7):
    """Print the times of some runs and their ratios to the first."""
    print(f"\n{title}")
    for name, ms, ratio in zip(runs, *in_turns(list(runs.values()), repeats), strict=True):
        print(f"  {name:48} {ms:9.1f} ms  {ratio:6.3f}", flush=True)


class Torch:
    """The same LSTM in PyTorch: a cell with a hook, and a fused layer."""

    def __init__(self, parameters):
        import torch

        torch.set_num_threads(1)
        self.torch = torch
        own = {k: torch.from_numpy(v) for k, v in parameters.items()}
        self.cell, self.layer = torch.nn.LSTMCell(FEATURES, UNITS), torch.nn.LSTM(FEATURES, UNITS)
        W = torch.cat([own[f"lstm0.W{g}"] for g in "fico"]).reshape(4, UNITS, -1)
        b = torch.cat([own[f"lstm0.b{g}"] for g in "fico"]).reshape(4, UNITS)
        order = [1, 0, 2, 3]  # i, f, g, o
        with torch.no_grad():
            for module, end in ((self.cell, ""), (self.layer, "_l0")):
                getattr(module, f"weight_hh{end}").copy_(W[order, :, :UNITS].reshape(4 * UNITS, -1))
                getattr(module, f"weight_ih{end}").copy_(W[order, :, UNITS:].reshape(4 * UNITS, -1))
                getattr(module, f"bias_ih{end}").copy_(b[order].reshape(-1))
                getattr(module, f"bias_hh{end}").zero_()
        self.head = own["dense0.Wy"], own["dense0.by"][:, 0]
        self.table = own.get("embedding0.We")

    def stepwise(self, x, gates=False, keep=True):
        """Run the cell over all steps; a hook keeps the states of each, and the gates."""
        torch, cell, kept = self.torch, self.cell, []
        hook = cell.register_forward_hook(lambda _, given, out: kept.append(out))
        h = c = torch.zeros(len(x), UNITS)
        for t in range(x.shape[1]):
            if gates:
                z = x[:, t] @ cell.weight_ih.T + h @ cell.weight_hh.T + cell.bias_ih + cell.bias_hh
                kept.append(torch.sigmoid(z))
            h, c = cell(x[:, t], (h, c))
        hook.remove()
        return h, kept

    def trace(self, ids, gates):
        """Keep states, and gates, of a batch of tokens."""
        with self.torch.no_grad():
            return self.stepwise(self.table[self.torch.from_numpy(ids)], gates)[1]

    def integrated_gradients(self, x, target, fused=False):
        """Return integrated gradients of zeros, all points of all sequences in one batch."""
        torch = self.torch
        x = torch.from_numpy(x)
        points = ((torch.arange(STEPS) + 0.5) / STEPS)[:, None, None, None]
        line = (points * x).reshape(-1, *x.shape[1:]).requires_grad_()
        h = self.layer(line.transpose(0, 1))[0][-1] if fused else self.stepwise(line)[0]
        y = (h @ self.head[0].T + self.head[1])[:, target].sum()
        (g,) = torch.autograd.grad(y, line)
        return (g.reshape(STEPS, *x.shape).mean(0) * x).numpy()


def traces(peer, network, p, ids):
    """Time a trace beside a forward pass with a tape: uniform and ragged batches."""
    lengths = np.random.default_rng(1).integers(T // 4, T + 1, M)
    lengths[0] = T
    for title, own in (("uniform", None), ("ragged, 50 to 200 steps", lengths)):
        runs = {
            "forward with a tape": lambda n=own: network.forward(ids, p, lengths=n),
            "trace: states, gates, outputs": lambda n=own: inspect.trace(
                network, ids, p, lengths=n
            ),
            "trace: one gate, copied": lambda n=own: inspect.trace(
                network, ids, p, lengths=n, names="lstm0.ft"
            ),
            "trace: all, pre-activations too": lambda n=own: inspect.trace(
                network, ids, p, lengths=n, names="*"
            ),
        }
        if peer and own is None:
            ours = np.stack(inspect.trace(network, ids, p, names="lstm0.a")["lstm0.a"])
            theirs = np.stack([a.numpy() for a, _ in peer.trace(ids, False)], axis=1)
            assert np.abs(ours - theirs).max() < 1e-5
            runs["torch LSTMCell, hook: states"] = lambda: peer.trace(ids, False)
            runs["torch LSTMCell, hook: states and gates"] = lambda: peer.trace(ids, True)
        show(f"trace of {M} sequences of {T} steps, {title}", runs)


def attributions(rng):
    """Time integrated gradients beside as many backward passes, and PyTorch."""
    network = Network([LSTM(FEATURES, UNITS), Dense(UNITS, 10)])
    p = network.init(rng)
    x = rng.normal(size=(EXPLAINED, T, FEATURES)).astype(np.float32)
    dy = np.zeros((EXPLAINED, T, 10), np.float32)
    dy[:, -1, 3] = 1

    def passes():
        for _ in range(STEPS):
            network.backward(network.forward(x, p)[2], dy)

    runs = {
        f"{STEPS} passes, forward and backward": passes,
        f"integrated gradients, {STEPS} steps": lambda: inspect.attribute(
            network, x, p, target=3, steps=STEPS
        ),
    }
    if TORCH:
        peer = Torch(p)
        ours = np.stack(inspect.attribute(network, x, p, target=3, steps=STEPS).values)
        assert np.abs(ours - peer.integrated_gradients(x, 3)).max() < 1e-4 * np.abs(ours).max()
        runs["torch LSTMCell, hook"] = lambda: peer.integrated_gradients(x, 3)
        runs["torch nn.LSTM, which shows no gate"] = lambda: peer.integrated_gradients(x, 3, True)
    show(f"attribution of {EXPLAINED} sequences of {T} steps, {FEATURES} features", runs, 3)


def trainings():
    """Time a training with and without a monitor."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(256, 60, 8)), np.arange(256) % 2

    def trained(*callbacks):
        model = SequenceClassifier(units=64, epochs=6, batch_size=32, validation_fraction=0)
        model.fit(X, y, progress="silent", callbacks=callbacks)

    runs = {"training": trained, "with Monitor(every=20)": lambda: trained(Monitor(20))}
    if TORCH:
        runs |= {
            "torch nn.LSTM": lambda: torch_training(X, y, 0),
            "torch nn.LSTM, the same recorded": lambda: torch_training(X, y, 20),
        }
    show("training of 48 steps: 64 units, 32 sequences of 60 steps", runs, 9)


def torch_training(X, y, every):
    """Train as `trainings` does; record norms of gradients and updates every few steps."""
    import torch

    torch.manual_seed(0)
    layer, head = torch.nn.LSTM(8, 64, batch_first=True), torch.nn.Linear(64, 1)
    parameters = [*layer.parameters(), *head.parameters()]
    optimizer, records = torch.optim.Adam(parameters), []
    x, goal = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    for step in range(1, 49):
        rows = torch.randperm(len(x))[:32]
        before = [p.detach().clone() for p in parameters] if every and step % every == 0 else []
        logits = head(layer(x[rows])[0][:, -1])[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, goal[rows])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        for p, old in zip(parameters, before, strict=False):
            own = p.detach()
            records.append((float(p.grad.norm()), float((own - old).norm() / own.norm())))


def reports(rng):
    """Time reports on a text of 100,000 characters."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz      .\n"))
    text = "".join(rng.choice(letters, 100_000))
    model = LanguageModel(units=UNITS, embedding=FEATURES, epochs=1, seq_length=64, verbose=0)
    model.fit(text[:20_000], progress="silent")
    other = LanguageModel(
        units=UNITS, embedding=FEATURES, epochs=1, seq_length=64, verbose=0, seed=1
    )
    other.fit(text[:20_000], progress="silent")
    print(f"\nreport on {UNITS} units, 100,000 characters ({_peak():.0f} MB before)")
    for name, compare in (("alone", None), ("compared with another model", other)):
        began = time.perf_counter()
        page = report(model, text, compare=compare)
        seconds = time.perf_counter() - began
        print(f"  {name}: {seconds:.1f} s, page of {len(page.encode()) / 1e6:.2f} MB, ", end="")
        print(f"peak of the process {_peak():.0f} MB", flush=True)
    if TORCH:
        peer = Torch(model.parameters_)
        ids = model.network_inputs(text[:2000])[0][np.newaxis]
        began = time.perf_counter()
        peer.trace(ids, True)
        seconds = 50 * (time.perf_counter() - began)
        print(f"  torch LSTMCell, hook: states and gates alone {seconds:.1f} s (2,000 steps x 50)")


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main():
    """Print all tables."""
    set_num_threads(1)
    rng = np.random.default_rng(0)
    network = Network([Embedding(TOKENS, FEATURES), LSTM(FEATURES, UNITS), Dense(UNITS, TOKENS)])
    p = network.init(rng)
    ids = rng.integers(0, TOKENS, (M, T))
    print(f"LSTM of {UNITS} units, float32, one thread")
    reports(rng)  # first: its peak is that of the process
    traces(Torch(p) if TORCH else None, network, p, ids)
    attributions(rng)
    trainings()


if __name__ == "__main__":
    main()
