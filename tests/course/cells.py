"""The code cells of the five sources of the course: what they call, print, and printed.

The sources are three editions of the notebook (2018, 2019, 2021), the ragged source, which spells
`rnnCell_forward`, and the batch-first exercise. Each source is executed cell after cell in one
namespace, as a notebook is: the cells of 2018 use arrays of the cells before them. What a cell
defines is written anew (`submissions`, `styles`); what it draws, calls and prints is as it was.

``python -m tests.course.cells`` prints the table: source, cell, expression, printed, obtained.
"""

import contextlib
import io
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

RNN = "Waa 5 5; Wax 5 3; Wya 2 5; ba 5 1; by 2 1"
RNN_BACKWARD = "Wax 5 3; Waa 5 5; Wya 2 5; ba 5 1; by 2 1"
GATES = "Wf 5 8; bf 5 1; Wi 5 8; bi 5 1; Wo 5 8; bo 5 1; Wc 5 8; bc 5 1"
LSTM = f"{GATES}; Wy 2 5; by 2 1"
_SHAPES = {f"gradients['dW{k}'].shape": "(5, 8)" for k in "fico"}
_SHAPES |= {f"gradients['db{k}'].shape": "(5, 1)" for k in "fico"}
_RNN_SHAPES = {f"gradients['{k}'].shape": shape for k, shape in
               (("dWax", "(5, 3)"), ("dWaa", "(5, 5)"), ("dba", "(5, 1)"))}  # fmt: skip


class Cell(NamedTuple):
    """A cell: the function it shows, arrays drawn, parameters drawn, call, what it printed."""

    function: str
    draws: str
    parameters: str
    call: str
    printed: dict[str, str]


RNN_STEP = Cell(
    "rnn_cell_forward", "xt 3 10; a_prev 5 10", RNN,
    "a_next, yt_pred, cache = rnn_cell_forward(xt, a_prev, parameters)",
    {
        "a_next[4]": "[ 0.59584544 0.18141802 0.61311866 0.99808218 0.85016201 0.99980978 "
                     "-0.18887155 0.99815551 0.6531151 0.82872037]",
        "a_next.shape": "(5, 10)",
        "yt_pred[1]": "[ 0.9888161 0.01682021 0.21140899 0.36817467 0.98988387 0.88945212 "
                      "0.36920224 0.9966312 0.9982559 0.17746526]",
        "yt_pred.shape": "(2, 10)",
    },
)  # fmt: skip
RNN_FORWARD = Cell(
    "rnn_forward", "x 3 10 4; a0 5 10", RNN, "a, y_pred, caches = rnn_forward(x, a0, parameters)",
    {
        "a[4][1]": "[-0.99999375 0.77911235 -0.99861469 -0.99833267]",
        "a.shape": "(5, 10, 4)",
        "y_pred[1][3]": "[ 0.79560373 0.86224861 0.11118257 0.81515947]",
        "y_pred.shape": "(2, 10, 4)",
        "caches[1][1][3]": "[-1.1425182 -0.34934272 -0.20889423 0.58662319]",
        "len(caches)": "2",
    },
)  # fmt: skip
LSTM_STEP = Cell(
    "lstm_cell_forward", "xt 3 10; a_prev 5 10; c_prev 5 10", LSTM,
    "a_next, c_next, yt, cache = lstm_cell_forward(xt, a_prev, c_prev, parameters)",
    {
        "a_next[4]": "[-0.66408471 0.0036921 0.02088357 0.22834167 -0.85575339 0.00138482 "
                     "0.76566531 0.34631421 -0.00215674 0.43827275]",
        "a_next.shape": "(5, 10)",
        "c_next[2]": "[ 0.63267805 1.00570849 0.35504474 0.20690913 -1.64566718 0.11832942 "
                     "0.76449811 -0.0981561 -0.74348425 -0.26810932]",
        "c_next.shape": "(5, 10)",
        "yt[1]": "[ 0.79913913 0.15986619 0.22412122 0.15606108 0.97057211 0.31146381 "
                 "0.00943007 0.12666353 0.39380172 0.07828381]",
        "yt.shape": "(2, 10)",
        "cache[1][3]": "[-0.16263996 1.03729328 0.72938082 -0.54101719 0.02752074 -0.30821874 "
                       "0.07651101 -1.03752894 1.41219977 -0.37647422]",
        "len(cache)": "10",
    },
)  # fmt: skip
LSTM_FORWARD = Cell(
    "lstm_forward", "x 3 10 7; a0 5 10", LSTM, "a, y, c, caches = lstm_forward(x, a0, parameters)",
    {
        "a[4][3][6]": "0.172117767533",
        "a.shape": "(5, 10, 7)",
        "y[1][4][3]": "0.95087346185",
        "y.shape": "(2, 10, 7)",
        "caches[1][1][1]": "[ 0.82797464 0.23009474 0.76201118 -0.22232814 -0.20075807 0.18656139 "
                           "0.41005165]",
        "c[1][2][1]": "-0.855544916718",
        "len(caches)": "2",
    },
)  # fmt: skip
RNN_STEP_BACKWARD = Cell(
    "rnn_cell_backward", "xt 3 10; a_prev 5 10", f"{RNN_BACKWARD}; da_next: 5 10",
    "a_next, yt, cache = rnn_cell_forward(xt, a_prev, parameters)\n"
    "gradients = rnn_cell_backward(da_next, cache)",
    {
        "gradients['dxt'][1][2]": "-1.3872130506",
        "gradients['dxt'].shape": "(3, 10)",
        "gradients['da_prev'][2][3]": "-0.152399493774",
        "gradients['da_prev'].shape": "(5, 10)",
        "gradients['dWax'][3][1]": "0.410772824935",
        "gradients['dWaa'][1][2]": "1.15034506685",
        "gradients['dba'][4]": "[ 0.20023491]",
    } | _RNN_SHAPES,
)  # fmt: skip
RNN_BACKWARD_CELL = Cell(
    "rnn_backward", "x 3 10 4; a0 5 10", f"{RNN_BACKWARD}; da: 5 10 4",
    "a, y, caches = rnn_forward(x, a0, parameters)\ngradients = rnn_backward(da, caches)",
    {
        "gradients['dx'][1][2]": "[-2.07101689 -0.59255627 0.02466855 0.01483317]",
        "gradients['dx'].shape": "(3, 10, 4)",
        "gradients['da0'][2][3]": "-0.314942375127",
        "gradients['da0'].shape": "(5, 10)",
        "gradients['dWax'][3][1]": "11.2641044965",
        "gradients['dWaa'][1][2]": "2.30333312658",
        "gradients['dba'][4]": "[-0.74747722]",
    } | _RNN_SHAPES,
)  # fmt: skip
LSTM_STEP_BACKWARD = Cell(
    "lstm_cell_backward", "xt 3 10; a_prev 5 10; c_prev 5 10",
    f"{LSTM}; da_next: 5 10; dc_next: 5 10",
    "a_next, c_next, yt, cache = lstm_cell_forward(xt, a_prev, c_prev, parameters)\n"
    "gradients = lstm_cell_backward(da_next, dc_next, cache)",
    {
        "gradients['dxt'][1][2]": "3.23055911511",
        "gradients['dxt'].shape": "(3, 10)",
        "gradients['da_prev'][2][3]": "-0.0639621419711",
        "gradients['da_prev'].shape": "(5, 10)",
        "gradients['dc_prev'][2][3]": "0.797522038797",
        "gradients['dc_prev'].shape": "(5, 10)",
        "gradients['dWf'][3][1]": "-0.147954838164",
        "gradients['dWi'][1][2]": "1.05749805523",
        "gradients['dWc'][3][1]": "2.30456216369",
        "gradients['dWo'][1][2]": "0.331311595289",
        "gradients['dbf'][4]": "[ 0.18864637]",
        "gradients['dbi'][4]": "[-0.40142491]",
        "gradients['dbc'][4]": "[ 0.25587763]",
        "gradients['dbo'][4]": "[ 0.13893342]",
    } | _SHAPES,
)  # fmt: skip
LSTM_BACKWARD = Cell(
    "lstm_backward", "x 3 10 7; a0 5 10", f"{GATES}; Wy= 2 5; by= 2 1; da: 5 10 4",
    "a, y, c, caches = lstm_forward(x, a0, parameters)\ngradients = lstm_backward(da, caches)",
    {
        "gradients['dx'][1][2]": "[0.00218254 0.28205375 -0.48292508 -0.43281115]",
        "gradients['dx'].shape": "(3, 10, 4)",
        "gradients['da0'][2][3]": "0.312770310257",
        "gradients['da0'].shape": "(5, 10)",
        "gradients['dWf'][3][1]": "-0.0809802310938",
        "gradients['dWi'][1][2]": "0.40512433093",
        "gradients['dWc'][3][1]": "-0.0793746735512",
        "gradients['dWo'][1][2]": "0.038948775763",
        "gradients['dbf'][4]": "[-0.15745657]",
        "gradients['dbi'][4]": "[-0.50848333]",
        "gradients['dbc'][4]": "[-0.42510818]",
        "gradients['dbo'][4]": "[-0.17958196]",
    } | _SHAPES,
)  # fmt: skip
NOTEBOOK = (RNN_STEP, RNN_FORWARD, LSTM_STEP, LSTM_FORWARD, RNN_STEP_BACKWARD, RNN_BACKWARD_CELL,
            LSTM_STEP_BACKWARD, LSTM_BACKWARD)  # fmt: skip

# 2018: the bias that rnn_cell_backward uses is left over from the cell of rnn_forward (its own is
# drawn under the name b), Wy and by of lstm_backward from the cell before it. lstm_backward carries
# neither da_prev nor dc_prev back, and that is what was printed.
_LEFT_OVER = RNN_STEP_BACKWARD._replace(
    parameters=RNN_STEP_BACKWARD.parameters.replace("ba 5 1", "b: 5 1; ba? 5 1"),
    printed=RNN_STEP_BACKWARD.printed | {
        "gradients['dxt'][1][2]": "-0.460564103059",
        "gradients['da_prev'][2][3]": "0.0842968653807",
        "gradients['dWax'][3][1]": "0.393081873922",
        "gradients['dWaa'][1][2]": "-0.28483955787",
        "gradients['dba'][4]": "[ 0.80517166]",
    },
)  # fmt: skip
_NOT_CARRIED = LSTM_BACKWARD._replace(
    parameters=LSTM_BACKWARD.parameters.replace("=", "?"),
    printed=LSTM_BACKWARD.printed | {
        "gradients['dx'][1][2]": "[-0.00173313 0.08287442 -0.30545663 -0.43281115]",
        "gradients['da0'][2][3]": "-0.095911501954",
        "gradients['dWf'][3][1]": "-0.0698198561274",
        "gradients['dWi'][1][2]": "0.102371820249",
        "gradients['dWc'][3][1]": "-0.0624983794927",
        "gradients['dWo'][1][2]": "0.0484389131444",
        "gradients['dbf'][4]": "[-0.0565788]",
        "gradients['dbi'][4]": "[-0.15399065]",
        "gradients['dbc'][4]": "[-0.29691142]",
        "gradients['dbo'][4]": "[-0.29798344]",
    },
)  # fmt: skip
_RESULTS = [
    "parameters",
    "gradients",
    "cache",
    "caches",
    "a_next",
    "c_next",
    "yt",
    "yt_pred",
    "a",
    "c",
    "y",
    "y_pred",
]
_PUBLIC = {"rnn_cell_forward": "rnn_cell_forward_tests"} | {
    name: f"{name}_test" for name in ("rnn_forward", "lstm_cell_forward", "lstm_forward")
}

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


def code(cell: Cell, suffix: str = "") -> str:
    """Return a cell as Python: seed, draws, call, one print for each expression."""
    lines, names, before, after = ["np.random.seed(1)"], [], [], []
    for entry in f"{cell.draws}; |; {cell.parameters}".split("; "):
        name, *shape = entry.split()
        drawn = f"np.random.randn({', '.join(shape)})"
        if name == "|":
            before = names
            names = []
        elif name.endswith((":", "=", "?")):
            kind, name = name[-1], name[:-1]
            if kind == ":":  # an array that is no parameter; a gradient is drawn after the forward
                (after if name.startswith("d") else lines).append(f"{name} = {drawn}")
            else:
                names.append(name)
            if kind == "=":
                lines.append(f"{name} = np.zeros(({', '.join(shape)}))")
        else:
            names.append(name)
            lines.append(f"{name} = {drawn}")
    lines.append("parameters = {" + ", ".join(f"'{n}': {n}" for n in names) + "}")
    calls = cell.call.split("\n")
    lines += [*calls[:-1], *after, calls[-1]]
    lines += [f'print("""{e} =""", {e})' for e in cell.printed]
    text = "\n".join(lines)
    if suffix:  # the later editions' names
        own = {*names, *before, *(line.split()[0] for line in after), *_RESULTS}
        text = re.sub(
            r"\b(?<!')(" + "|".join(sorted(own, key=len, reverse=True)) + r")\b(?!')",
            rf"\1{suffix}", text,
        )  # fmt: skip
    return text


def sources() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield source, cell, code and what it printed, in the order of execution."""
    for cell in NOTEBOOK:
        if cell.function == "rnn_cell_backward":
            cell = _LEFT_OVER
        if cell.function == "lstm_backward":
            cell = _NOT_CARRIED
        yield "2018", cell.function, code(cell), cell.printed
    for edition in ("2019", "2021"):
        for cell in NOTEBOOK:
            text, printed = code(cell, "_tmp"), dict(cell.printed)
            if edition == "2021" and cell.function in _PUBLIC:
                text += f"\n{_PUBLIC[cell.function]}({cell.function})"
                printed["public test"] = f"{cell.function}: all tests passed."
            yield edition, cell.function, text, printed
    for cell in (RNN_STEP, RNN_FORWARD, LSTM_STEP, LSTM_FORWARD, RNN_STEP_BACKWARD,
                 RNN_BACKWARD_CELL):  # fmt: skip
        text = code(cell).replace("rnn_cell_", "rnnCell_")
        m = 10
        text = re.sub(r"(\w+_forward)\(x, a0, parameters\)",
                      rf"\1(x, a0, parameters, seq_lengths=[x.shape[2]] * {m})", text)  # fmt: skip
        yield "ragged", cell.function.replace("rnn_cell_", "rnnCell_"), text, cell.printed
    for function, (arrays, call, printed) in SPACED.items():
        lines = []
        for entry in arrays.split("; "):
            name, start, stop, *shape = entry.split()
            size = ", ".join(shape)
            lines.append(f"{name} = np.linspace({start}, {stop}, num=np.prod(({size},)))"
                         f".reshape({size})")  # fmt: skip
        lines += [call, *(f'print("""{n} =""", {n}.tolist())' for n in printed)]
        text = {n: str(v) for n, v in printed.items()}
        yield "batch first", function, "\n".join(lines), text
    for function, (*_, gradients) in DIFFERENCES.items():
        printed = {f"{name} error": LARGEST for name in gradients.split()}
        yield "batch first", function, backward_code(function), printed
    for function, (text, printed) in OTHERS.items():
        lines = [text, *(f'print("""{e} =""", {e})' for e in printed)]
        yield "batch first", function, "\n".join(lines), printed


def executed(definitions: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, str, str, str]]:
    """Run all sources; yield source, cell, expression, printed, obtained."""
    namespaces: dict[str, dict[str, Any]] = {}
    for source, cell, text, printed in sources():
        names = namespaces.setdefault(source, HELPERS | definitions[source])
        out = io.StringIO()
        with contextlib.redirect_stdout(out), np.printoptions(legacy="1.13", linewidth=10_000):
            exec(text, names)
        obtained = [line for line in out.getvalue().splitlines() if line]
        assert len(obtained) == len(printed), (source, cell)
        for (expression, value), line in zip(printed.items(), obtained, strict=True):
            yield source, cell, expression, value, line.rpartition(" = ")[2]


def agree(printed: str, obtained: str) -> bool:
    """Return whether the numbers are the same, to the digits that were printed."""
    if printed == LARGEST:
        return float(obtained) <= float(LARGEST.removeprefix("<= "))
    if not re.search(r"\d", printed):
        return printed == obtained
    numbers = [re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text) for text in (printed, obtained)]
    if len(numbers[0]) != len(numbers[1]):
        return False
    for text, other in zip(*numbers, strict=True):
        digits = len(text.partition(".")[2])
        if abs(float(text) - float(other)) > 0.51 * 10.0**-digits:
            return False
    return True


if __name__ == "__main__":
    from tests.course.test_cells import LEARNER

    rows = list(executed(LEARNER))
    print("| source | cell | expression | printed | obtained | |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print("|", " | ".join(t if len(t) < 42 else t[:40] + "..." for t in row), "|",
              "same" if agree(*row[3:]) else "DIFFERS", "|")  # fmt: skip
    print(f"\n{sum(agree(*r[3:]) for r in rows)} of {len(rows)} printed values are reproduced.")
