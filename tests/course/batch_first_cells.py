"""The code cells of the batch-first exercise: what they draw, call, print, and printed.

See `cells`, which executes them.
"""

from collections.abc import Iterator

import numpy as np

# batch first: arrays are evenly spaced numbers, from : to : shape
SPACED = {
    "rnn_step_forward": (
        "x -.4 .7 3 10; prev_h -.2 .5 3 4; Wx -.1 .9 10 4; Wh -.3 .7 4 4; b -.2 .4 4",
        "next_h, _ = rnn_step_forward(x, prev_h, Wx, Wh, b)",
        {"next_h": [[-0.58172089, -0.50182032, -0.41232771, -0.31410098],
                    [0.66854692, 0.79562378, 0.87755553, 0.92795967],
                    [0.97934501, 0.99144213, 0.99646691, 0.99854353]]},
    ),
    "rnn_forward": (
        "x -.1 .3 2 3 4; h0 -.3 .1 2 5; Wx -.2 .4 4 5; Wh -.4 .1 5 5; b -.7 .1 5",
        "h, _ = rnn_forward(x, h0, Wx, Wh, b)",
        {"h": [[[-0.42070749, -0.27279261, -0.11074945, 0.05740409, 0.22236251],
                [-0.39525808, -0.22554661, -0.0409454, 0.14649412, 0.32397316],
                [-0.42305111, -0.24223728, -0.04287027, 0.15997045, 0.35014525]],
               [[-0.55857474, -0.39065825, -0.19198182, 0.02378408, 0.23735671],
                [-0.27150199, -0.07088804, 0.13562939, 0.33099728, 0.50158768],
                [-0.51014825, -0.30524429, -0.06755202, 0.17806392, 0.40333043]]]},
    ),
    "lstm_step_forward": (
        "x -.4 1.2 3 4; prev_h -.3 .7 3 5; prev_c -.4 .9 3 5; Wx -2.1 1.3 4 20; Wh -.7 2.2 5 20; "
        "b .3 .7 20",
        "next_h, next_c, cache = lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b)",
        {"next_h": [[0.24635157, 0.28610883, 0.32240467, 0.35525807, 0.38474904],
                    [0.49223563, 0.55611431, 0.61507696, 0.66844003, 0.7159181],
                    [0.56735664, 0.66310127, 0.74419266, 0.80889665, 0.858299]],
         "next_c": [[0.32986176, 0.39145139, 0.451556, 0.51014116, 0.56717407],
                    [0.66382255, 0.76674007, 0.87195994, 0.97902709, 1.08751345],
                    [0.74192008, 0.90592151, 1.07717006, 1.25120233, 1.42395676]]},
    ),
    "lstm_forward": (
        "x -.4 .6 2 3 5; h0 -.4 .8 2 4; Wx -.2 .9 5 16; Wh -.3 .6 4 16; b .2 .7 16",
        "h, cache = lstm_forward(x, h0, Wx, Wh, b)",
        {"h": [[[0.01764008, 0.01823233, 0.01882671, 0.0194232],
                [0.11287491, 0.12146228, 0.13018446, 0.13902939],
                [0.31358768, 0.33338627, 0.35304453, 0.37250975]],
               [[0.45767879, 0.4761092, 0.4936887, 0.51041945],
                [0.6704845, 0.69350089, 0.71486014, 0.7346449],
                [0.81733511, 0.83677871, 0.85403753, 0.86935314]]]},
    ),
}  # fmt: skip

# batch first, backward: a cell prints how far each gradient is from central differences. These
# are rounding errors, relative to small entries too, and differ between machines.
_LSTM_WEIGHTS = "Wx D,4*H; Wh H,4*H; b 4*H"
DIFFERENCES = {
    "rnn_step_backward": ("N, D, H = 4, 5, 6", "x N,D; prev_h N,H; Wx D,H; Wh H,H; b H",
                          "next_h", "dx dprev_h dWx dWh db"),
    "rnn_backward": ("N, D, T, H = 2, 3, 10, 5", "x N,T,D; h0 N,H; Wx D,H; Wh H,H; b H",
                     "h", "dx dh0 dWx dWh db"),
    "lstm_step_backward": ("N, D, H = 4, 5, 6", f"x N,D; prev_h N,H; prev_c N,H; {_LSTM_WEIGHTS}",
                           "next_h, next_c", "dx dprev_h dprev_c dWx dWh db"),
    "lstm_backward": ("N, D, T, H = 2, 3, 10, 6", f"x N,T,D; h0 N,H; {_LSTM_WEIGHTS}",
                      "h", "dx dh0 dWx dWh db"),
}  # fmt: skip
LARGEST = "<= 1e-05"
# The rest of that exercise: expression, what it printed
OTHERS = {
    "word_embedding_forward": (
        "x = np.asarray([[0, 3, 1, 2], [2, 1, 0, 3]])\n"
        "W = np.linspace(0, 1, num=15).reshape(5, 3)\nout, _ = word_embedding_forward(x, W)",
        {"out.tolist()": str([[[0, 0.07142857, 0.14285714], [0.64285714, 0.71428571, 0.78571429],
                               [0.21428571, 0.28571429, 0.35714286], [0.42857143, 0.5, 0.57142857]],
                              [[0.42857143, 0.5, 0.57142857], [0.21428571, 0.28571429, 0.35714286],
                               [0, 0.07142857, 0.14285714],
                               [0.64285714, 0.71428571, 0.78571429]]])},
    ),
    "temporal_softmax_loss": (
        "def check_loss(N, T, V, p):\n    x = 0.001 * np.random.randn(N, T, V)\n"
        "    y = np.random.randint(V, size=(N, T))\n    mask = np.random.rand(N, T) <= p\n"
        "    return round(temporal_softmax_loss(x, y, mask)[0], 1)",
        {"check_loss(100, 1, 10, 1.0)": "2.3", "check_loss(100, 10, 10, 1.0)": "23.0"},
    ),
}  # fmt: skip


def rel_error(x, y):
    """Return the largest relative difference, as that exercise has it."""
    return np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y)))


def central_differences(function, x, dout, h=1e-5):
    """Return the gradient of sum(function() * dout) with respect to x, changed in place."""
    gradient = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        kept, ends = x[k], []
        for x[k] in (kept + h, kept - h):
            ends.append(sum(np.sum(out * d) for out, d in zip(function(), dout, strict=True)))
        x[k] = kept
        gradient[k] = (ends[0] - ends[1]) / (2 * h)
    return gradient


HELPERS = {"np": np, "rel_error": rel_error, "central_differences": central_differences}


def backward_code(function: str) -> str:
    """Return a cell that compares a backward function with central differences."""
    sizes, draws, outs, gradients = DIFFERENCES[function]
    rows = [entry.split() for entry in draws.split("; ")]
    call = f"{function.replace('backward', 'forward')}({', '.join(name for name, _ in rows)})"
    outs, names = outs.split(", "), gradients.split()
    lines = ["np.random.seed(231)", sizes]
    lines += [f"{name} = np.random.randn({shape})" for name, shape in rows]
    lines += [f"*outs, cache = {call}", "dout = [np.random.randn(*out.shape) for out in outs]"]
    lines += [f"{', '.join(names)} = {function}(*dout, cache)"]
    for (name, _), d in zip(rows, names, strict=True):
        numeric = f"central_differences(lambda: {call}[:{len(outs)}], {name}, dout)"
        lines.append(f'print("""{d} error =""", rel_error({numeric}, {d}))')
    return "\n".join(lines)


def sources() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield cell, code and what it printed."""
    for function, (arrays, call, printed) in SPACED.items():
        lines = []
        for entry in arrays.split("; "):
            name, start, stop, *shape = entry.split()
            size = ", ".join(shape)
            lines.append(f"{name} = np.linspace({start}, {stop}, num=np.prod(({size},)))"
                         f".reshape({size})")  # fmt: skip
        lines += [call, *(f'print("""{n} =""", {n}.tolist())' for n in printed)]
        text = {n: str(v) for n, v in printed.items()}
        yield function, "\n".join(lines), text
    for function, (*_, gradients) in DIFFERENCES.items():
        printed = {f"{name} error": LARGEST for name in gradients.split()}
        yield function, backward_code(function), printed
    for function, (text, printed) in OTHERS.items():
        lines = [text, *(f'print("""{e} =""", {e})' for e in printed)]
        yield function, "\n".join(lines), printed
