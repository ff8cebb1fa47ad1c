"""PyTorch: the fastest of oneDNN on and off, all cores and one thread."""

import numpy as np
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .cases import (
    CHECKED_STEPS,
    EMBEDDING,
    GRAD_CLIP,
    LEARNING_RATE,
    N_TOKENS,
    STREAM_STEPS,
    CharacterArrays,
    LayerArrays,
    character_results,
    layer_results,
)
from .convert import from_pytorch, to_pytorch
from .worker import Configuration, thread_counts

LAYERS = {"lstm": nn.LSTM, "gru_reset_after": nn.GRU, "rnn": nn.RNN}
TENSORS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def hello():
    return {"version": f"PyTorch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()})"}


def settings(onednn=(True,)):
    """Label and switch of every way in which PyTorch may run."""
    for n in thread_counts():
        for on in onednn:

            def use(n=n, on=on):
                torch.set_num_threads(n)
                torch.backends.mkldnn.set_flags(_enabled=on)

            yield f"oneDNN {'on' if on else 'off'}, threads {n}", use


def prepare(case):
    return globals()[case.kind](case)


def time_major(z):
    """(m, T_x, n) -> tensor (T_x, m, n), contiguous: the layout PyTorch computes in."""
    return torch.from_numpy(np.ascontiguousarray(z.transpose(1, 0, 2)))


def batch_first(z):
    return z.detach().numpy().transpose(1, 0, 2)


def tensors(arrays):
    return tuple(torch.from_numpy(z.copy()) for z in arrays)


def load(module, cell, parameters, layer=0):
    """Give a layer of a recurrent module the course's parameters."""
    for name, value in to_pytorch(cell, parameters).items():
        getattr(module, f"{name}_l{layer}").data.copy_(torch.from_numpy(value.copy()))


def layer(case):
    """nn.LSTM, nn.GRU, nn.RNN. The gradients: of the parameters, of x and of the initial state."""
    n_x, n_a, _, T_x = case.size
    d = LayerArrays(case)
    module = LAYERS[case.cell](n_x, n_a).to(getattr(torch, case.dtype))
    load(module, case.cell, d.parameters)
    x, dy = time_major(d.x), time_major(d.dy)
    state, dstate = tensors(d.state), tensors(d.dstate)
    lengths = torch.from_numpy(d.lengths) if case.ragged else None
    leaves = [x, *state, *module.parameters()]

    def outputs():
        inputs = x
        if lengths is not None:
            inputs = pack_padded_sequence(x, lengths, enforce_sorted=False)
        y, final = module(inputs, state if case.cell == "lstm" else state[0])
        if lengths is not None:
            y, _ = pad_packed_sequence(y, total_length=T_x)
        return y, final if case.cell == "lstm" else (final,)

    @torch.inference_mode()
    def forward():
        return outputs()

    def both():
        for leaf in leaves:
            leaf.grad = None
        y, final = outputs()
        torch.autograd.backward((y, *final), (dy, *dstate))
        return y, final

    def read(results):
        y, final = results
        final = [s.detach().numpy() for s in final]
        if not case.backward:
            return layer_results(batch_first(y), final)
        grads = {name: getattr(module, f"{name}_l0").grad.numpy() for name in TENSORS}
        return layer_results(
            batch_first(y),
            final,
            batch_first(x.grad),
            [s.grad.numpy() for s in state],
            from_pytorch(case.cell, grads, gradients=True),
        )

    if case.backward:
        for leaf in leaves:
            leaf.requires_grad_(True)
    run = both if case.backward else forward
    # PyTorch has oneDNN's recurrent layer for this case only; off makes no difference elsewhere.
    fused = (case.cell, case.dtype, case.ragged) == ("lstm", "float32", False)
    choice = settings((True, False) if fused else (True,))
    return {label: Configuration(run, read, use) for label, use in choice}


def stream(case):
    """LSTMCell in inference mode, from tensor to tensor."""
    n_x, n_a, _, _ = case.size
    d = LayerArrays(case._replace(size=(n_x, n_a, 1, STREAM_STEPS)))
    cell = nn.LSTMCell(n_x, n_a)
    for name, value in to_pytorch("lstm", d.parameters).items():
        getattr(cell, name).data.copy_(torch.from_numpy(value.copy()))
    xs = [torch.from_numpy(d.x[:, t].copy()) for t in range(STREAM_STEPS)]

    def configuration(use):
        state = [torch.zeros(1, n_a), torch.zeros(1, n_a)]

        @torch.inference_mode()
        def run():
            h, c = state
            for xt in xs:
                h, c = cell(xt, (h, c))
            state[:] = h, c
            return h

        return Configuration(run, lambda h: {"y": h.numpy()}, use, work=STREAM_STEPS)

    return {label: configuration(use) for label, use in settings()}


class CharacterModel(nn.Module):
    """What LanguageModel is: embedding, LSTM, output layer."""

    def __init__(self, d, units, layers):
        super().__init__()
        self.embedding = nn.Embedding(N_TOKENS, EMBEDDING)
        self.lstm = nn.LSTM(EMBEDDING, units, layers)
        self.dense = nn.Linear(units, N_TOKENS)
        p = {name: torch.from_numpy(value.copy()) for name, value in d.parameters.items()}
        self.embedding.weight.data.copy_(p["embedding0.We"])
        self.dense.weight.data.copy_(p["dense0.Wy"])
        self.dense.bias.data.copy_(p["dense0.by"][:, 0])
        for k in range(layers):
            of_layer = {n[6:]: v for n, v in d.parameters.items() if n.startswith(f"lstm{k}.")}
            load(self.lstm, "lstm", of_layer, k)
            # A second bias would count twice in the norm and train at twice the rate.
            getattr(self.lstm, f"bias_hh_l{k}").requires_grad_(False)

    def forward(self, x, state):
        y, state = self.lstm(self.embedding(x), state)
        return self.dense(y), state

    def course_parameters(self):
        """The parameters under LanguageModel's names."""
        p = {
            "embedding0.We": self.embedding.weight,
            "dense0.Wy": self.dense.weight,
            "dense0.by": self.dense.bias[:, None],
        }
        p = {name: value.detach().numpy().copy() for name, value in p.items()}
        for k in range(self.lstm.num_layers):
            t = {n: getattr(self.lstm, f"{n}_l{k}").detach().numpy() for n in TENSORS}
            p |= {f"lstm{k}.{n}": v for n, v in from_pytorch("lstm", t).items()}
        return p


def character(case):
    """The training step: loss, backward, clipping, Adam; the state carried and detached."""
    d = CharacterArrays(case)
    found = {}
    for name in ("fused", "foreach"):
        for label, use in settings():
            found[f"Adam {name}, {label}"] = _training(case, d, {name: True}, use)
    return found


def _training(case, d, adam, use):
    units, layers, batch, steps = case.size
    model = CharacterModel(d, units, layers)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=LEARNING_RATE, **adam)
    loss_of = nn.CrossEntropyLoss()
    windows = _windows(d.tokens, batch, steps)

    def step():
        while True:
            state = None
            for x, y in windows:
                optimizer.zero_grad(set_to_none=True)
                z, state = model(x, state)
                loss = loss_of(z.reshape(-1, N_TOKENS), y.reshape(-1))
                loss.backward()
                norm = clip_grad_norm_(trained, GRAD_CLIP)
                optimizer.step()
                state = tuple(s.detach() for s in state)
                yield loss.item(), norm.item()

    training = step()

    def read(first):
        done = [first, *(next(training) for _ in range(CHECKED_STEPS - 1))]
        losses, norms = zip(*done, strict=True)
        means = [np.mean(losses[: k + 1]) for k in range(CHECKED_STEPS)]  # as Progress.loss
        return character_results(zip(means, norms, strict=True), model.course_parameters())

    return Configuration(lambda: next(training), read, use)


def _windows(tokens, batch, steps):
    """The text as LanguageModel cuts it, time-major: a list of (x, y), each (steps, batch)."""
    n = (len(tokens) - 1) // batch
    x, y = (tokens[k : batch * n + k].reshape(batch, n).T.copy() for k in (0, 1))
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    return [(x[t : t + steps], y[t : t + steps]) for t in range(0, n, steps)]
