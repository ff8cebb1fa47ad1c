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

from tests.course import batch_first_cells

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
    for cell in batch_first_cells.sources():
        yield "batch first", *cell


def executed(definitions: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, str, str, str]]:
    """Run all sources; yield source, cell, expression, printed, obtained."""
    namespaces: dict[str, dict[str, Any]] = {}
    for source, cell, text, printed in sources():
        names = namespaces.setdefault(source, batch_first_cells.HELPERS | definitions[source])
        out = io.StringIO()
        with contextlib.redirect_stdout(out), np.printoptions(legacy="1.13", linewidth=10_000):
            exec(text, names)
        obtained = [line for line in out.getvalue().splitlines() if line]
        assert len(obtained) == len(printed), (source, cell)
        for (expression, value), line in zip(printed.items(), obtained, strict=True):
            yield source, cell, expression, value, line.rpartition(" = ")[2]


def agree(printed: str, obtained: str) -> bool:
    """Return whether the numbers are the same, to the digits that were printed."""
    if printed == batch_first_cells.LARGEST:
        return float(obtained) <= float(printed.removeprefix("<= "))
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
