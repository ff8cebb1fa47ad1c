r"""Cells with other activations, peepholes and a clip: the LSTM, the GRU and the plain RNN varied.

The equations are those of `lstm`, `lstm_cifg`, `gru` and `rnn` with sigma, g and h in place of
sigmoid, tanh and tanh; the numbers are those there. sigma', g', h' are written in terms of their
own outputs (`nonlinearities`).

LSTM, with peepholes (Gers & Schmidhuber 2000; ONNX: input P): pf, pi, po weigh each unit's own cell
state:

(1)  ft      = sigma(Wf s + pf * c_prev + bf)        coupled: ft = 1 - it
(2)  it      = sigma(Wi s + pi * c_prev + bi)
(3)  cct     = g(Wc s + bc)
(4)  c_next  = ft * c_prev + it * cct
(5)  ot      = sigma(Wo s + po * c_next + bo)
(6)  a_next  = ot * h(c_next)

(7)  dzo     = da_next * h(c_next) * sigma'(ot)
(7a) dc      = dc_next + da_next * ot * h'(c_next) + po * dzo         c_next is used by (5) and (6)
(8)  dzc     = dc * it * g'(cct)
(9)  dzi     = dc * cct * sigma'(it)                 coupled: dc * (cct - c_prev) * sigma'(it)
(10) dzf     = dc * c_prev * sigma'(ft)              coupled: none
(20) dc_prev = dc * ft + pf * dzf + pi * dzi
     dpf     = sum over the examples of dzf * c_prev;  dpi likewise;  dpo of dzo * c_next

GRU: other programs keep the state by z = 1 - ut, with the sign of Wu and bu changed. That is the
same only where sigma(-x) = 1 - sigma(x), as for the sigmoid; so that any sigma gives their numbers:

(1u) ut      = 1 - sigma(-(Wu s + bu))
(5u) dzu     = da_next * (cct - a_prev) * sigma'(-(Wu s + bu)), where sigma(...) is 1 - ut

A name says all of a variant: "lstm__hard_sigmoid__tanh__relu", "gru__sigmoid__relu",
"rnn__softsign", "lstm_peephole__sigmoid__tanh__tanh__clip_3p0".
"""

from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import ConfigError
from .cell import Array, Cell, Gradients, Parameters, name_reader
from .gru import GRU, GRU_RESET_AFTER, GRUCache, GRUResetAfterCache
from .lstm import LSTM
from .lstm_cifg import LSTM_CIFG
from .nonlinearities import Nonlinearity, nonlinearity, number_text, read_number
from .rnn import RNN, RNN_RELU, RNNCache, product_backward

Family = Literal[
    "lstm", "lstm_peephole", "lstm_cifg", "lstm_cifg_peephole", "gru", "gru_reset_after", "rnn"
]
_DEFAULT = {  # the activations of each family, in the order of ONNX: gates, candidate, output
    "lstm": ("sigmoid", "tanh", "tanh"),
    "gru": ("sigmoid", "tanh"),
    "rnn": ("tanh",),
}
_PLAIN = {cell.name: cell for cell in (LSTM, LSTM_CIFG, GRU, GRU_RESET_AFTER, RNN)}
_FAMILIES = (*_PLAIN, "lstm_peephole", "lstm_cifg_peephole")


def variant(
    family: Family | str,
    activations: tuple[str | Nonlinearity, ...] | None = None,
    clip: float | None = None,
) -> Cell:
    """Return the cell of a family with these activations.

    Parameters
    ----------
    family : str
        "lstm", "lstm_peephole", "lstm_cifg", "lstm_cifg_peephole", "gru", "gru_reset_after", "rnn".
    activations : tuple of (str or Nonlinearity), optional
        In the order of ONNX. LSTM: gates, candidate, output; GRU: gates, candidate; RNN: one.
    clip : float, optional
        The arguments of all activations but the output's h are cut to [-clip, clip] (ONNX).

    Returns
    -------
    Cell
        The built-in cell where it is the same.

    Raises
    ------
    ConfigError
        No such activation, or another number of them.

    Examples
    --------
    >>> variant("lstm", ("hard_sigmoid", "tanh", "tanh"))
    <Cell lstm__hard_sigmoid__tanh__tanh>
    >>> variant("lstm", ("sigmoid", "tanh", "tanh"))
    <Cell lstm>
    """
    names = activations or _DEFAULT[family.split("_")[0]]
    expected = len(_DEFAULT[family.split("_")[0]])
    if len(names) != expected:
        raise ConfigError(f"activations of {family} has {len(names)} names; expected {expected}.")
    given = [n if isinstance(n, Nonlinearity) else nonlinearity(n) for n in names]
    return _variant(family, tuple(f.name for f in given), clip)


@cache
def _variant(family: str, names: tuple[str, ...], clip: float | None) -> Cell:
    if clip is None:
        if names == _DEFAULT[family.split("_")[0]] and family in _PLAIN:
            return _PLAIN[family]
        if (family, names) == ("rnn", ("relu",)):
            return RNN_RELU
    functions = [nonlinearity(name) for name in names]
    clipped = [f if clip is None else f.clipped(clip) for f in functions]
    if family.startswith("lstm"):
        clipped[2] = functions[2]  # ONNX clips the arguments of f and g
        make = _lstm
    else:
        make = _gru if family.startswith("gru") else _rnn
    name = "__".join((family, *names))
    if names == _DEFAULT[family.split("_")[0]] and clip is None:
        name = family
    if clip is not None:
        name += f"__clip_{number_text(clip)}"
    return make(name, family, *clipped)


def parts_of(cell: Cell) -> tuple[str, tuple[str, ...], float | None] | None:
    """Return what `variant` makes a cell from: family, activations, clip; None for a user's cell.

    >>> parts_of(variant("gru", ("hard_sigmoid", "tanh")))
    ('gru', ('hard_sigmoid', 'tanh'), None)
    """
    if cell is RNN_RELU:
        return "rnn", ("relu",), None
    family, *names = cell.name.split("__")
    clip = read_number(names.pop()[5:]) if names and names[-1].startswith("clip_") else None
    if family not in _FAMILIES or variant(family, tuple(names) or None, clip) is not cell:
        return None
    return family, tuple(names) or _DEFAULT[family.split("_")[0]], clip


@name_reader
def _read(name: str) -> Cell | None:
    """Return the variant of a name, None if it is none."""
    family, *names = name.split("__")
    clip = None
    if family not in _FAMILIES:
        return None
    try:
        if names and names[-1].startswith("clip_"):
            clip = read_number(names.pop()[5:])
        cell = variant(family, tuple(names) or None, clip)
    except (ConfigError, ValueError):
        return None
    return cell if cell.name == name else None


class LSTMVariantCache(NamedTuple):
    """One step of an LSTM variant; hc_next is h(c_next)."""

    a_next: Array
    c_next: Array
    a_prev: Array
    c_prev: Array
    ft: Array
    it: Array
    cct: Array
    ot: Array
    hc_next: Array
    xt: Array
    parameters: Parameters


def _lstm(name: str, family: str, sigma: Nonlinearity, g: Nonlinearity, h: Nonlinearity) -> Cell:
    """Make an LSTM variant."""
    coupled, peephole = "cifg" in family, "peephole" in family
    gates = "ico" if coupled else "fico"
    base = LSTM_CIFG if coupled else LSTM
    peepholes = {f"p{k}": "n_a 1" for k in gates if k != "c"} if peephole else {}

    def recurrence(xt: Array, a_prev: Array, c_prev: Array, parameters: Parameters) -> Any:
        p = parameters
        s = np.concatenate([a_prev, xt])
        z = {k: p[f"W{k}"] @ s + p[f"b{k}"] for k in gates}
        if peephole:
            z |= {k: z[k] + p[f"p{k}"] * c_prev for k in gates if k in "fi"}
        it = sigma.f(z["i"])  # (2)
        ft = 1 - it if coupled else sigma.f(z["f"])  # (1)
        cct = g.f(z["c"])  # (3)
        c_next = ft * c_prev + it * cct  # (4)
        ot = sigma.f(z["o"] + p["po"] * c_next if peephole else z["o"])  # (5)
        hc_next = h.f(c_next)
        a_next = ot * hc_next  # (6)
        kept = LSTMVariantCache(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, hc_next, xt, p)
        return a_next, c_next, kept

    def backward(da_next: Array, dc_next: Array, cache: LSTMVariantCache) -> Gradients:
        _, c_next, a_prev, c_prev, ft, it, cct, ot, hc_next, xt, p = cache
        n_a = a_prev.shape[0]
        s = np.concatenate([a_prev, xt])
        dzo = da_next * hc_next * sigma.d(ot)  # (7)
        dc = dc_next + da_next * ot * h.d(hc_next)  # (7a)
        if peephole:
            dc = dc + p["po"] * dzo
        dz = {
            "c": dc * it * g.d(cct),  # (8)
            "i": dc * (cct - c_prev if coupled else cct) * sigma.d(it),  # (9)
            "o": dzo,
        }
        if not coupled:
            dz["f"] = dc * c_prev * sigma.d(ft)  # (10)
        ds: Any = sum(p[f"W{k}"].T @ dz[k] for k in gates)  # (18a)
        gradients = {"dxt": ds[n_a:], "da_prev": ds[:n_a], "dc_prev": dc * ft}  # (19) to (21)
        for k in gates:
            gradients[f"dW{k}"] = dz[k] @ s.T  # (11) to (14)
            gradients[f"db{k}"] = dz[k].sum(axis=1, keepdims=True)  # (15) to (18)
        for k in (k for k in "fio" if f"p{k}" in peepholes):
            seen = c_next if k == "o" else c_prev
            gradients[f"dp{k}"] = (dz[k] * seen).sum(axis=1, keepdims=True)
            if k != "o":
                gradients["dc_prev"] = gradients["dc_prev"] + p[f"p{k}"] * dz[k]  # (20)
        return gradients

    return Cell(
        name=name,
        states=LSTM.states,
        gates=base.gates,
        parameters={**base.parameters, **peepholes},
        per_unit=tuple(peepholes),
        initial=base.initial,
        cache=LSTMVariantCache,
        recurrence=recurrence,
        backward=backward,
    )


def _gru(name: str, family: str, sigma: Nonlinearity, g: Nonlinearity) -> Cell:
    """Make a GRU variant."""
    base = _PLAIN[family]
    after = base is GRU_RESET_AFTER

    def recurrence(xt: Array, a_prev: Array, parameters: Parameters) -> Any:
        p, n_a = parameters, a_prev.shape[0]
        s = np.concatenate([a_prev, xt])
        ut = 1 - sigma.f(-(p["Wu"] @ s + p["bu"]))  # (1u)
        rt = sigma.f(p["Wr"] @ s + p["br"])  # (2)
        Wca, Wcx = p["Wc"][:, :n_a], p["Wc"][:, n_a:]
        pct: Any = Wca @ a_prev + p["bca"] if after else None  # (3a)
        state = rt * pct if after else Wca @ (rt * a_prev)
        cct = g.f(state + Wcx @ xt + p["bc"])  # (3) or (3b)
        a_next = ut * cct + (1 - ut) * a_prev  # (4)
        if after:
            return a_next, GRUResetAfterCache(a_next, a_prev, ut, rt, cct, pct, xt, p)
        return a_next, GRUCache(a_next, a_prev, ut, rt, cct, xt, p)

    def backward(da_next: Array, cache: Any) -> Gradients:
        a_prev, ut, rt, cct, xt, p = (
            getattr(cache, k) for k in ("a_prev", "ut", "rt", "cct", "xt", "parameters")
        )
        n_a = a_prev.shape[0]
        s = np.concatenate([a_prev, xt])
        Wca, Wcx = p["Wc"][:, :n_a], p["Wc"][:, n_a:]
        dzu = da_next * (cct - a_prev) * sigma.d(1 - ut)  # (5u)
        dzc = da_next * ut * g.d(cct)  # (6)
        if after:
            dpct = dzc * rt  # (7a)
            dzr = dzc * cache.pct * sigma.d(rt)  # (8a)
            through, dWca = Wca.T @ dpct, dpct @ a_prev.T  # (10a) (14a)
        else:
            dpct, dq = None, Wca.T @ dzc  # (7)
            dzr = dq * a_prev * sigma.d(rt)  # (8)
            through, dWca = dq * rt, dzc @ (rt * a_prev).T  # (10) (14)
        ds = p["Wu"].T @ dzu + p["Wr"].T @ dzr  # (9)
        gradients = {
            "dxt": Wcx.T @ dzc + ds[n_a:],  # (11)
            "da_prev": da_next * (1 - ut) + through + ds[:n_a],  # (10)
            "dWu": dzu @ s.T,  # (12)
            "dbu": dzu.sum(axis=1, keepdims=True),  # (15)
            "dWr": dzr @ s.T,  # (13)
            "dbr": dzr.sum(axis=1, keepdims=True),  # (16)
            "dWc": np.concatenate([dWca, dzc @ xt.T], axis=1),  # (14)
            "dbc": dzc.sum(axis=1, keepdims=True),  # (17)
        }
        if dpct is not None:
            gradients["dbca"] = dpct.sum(axis=1, keepdims=True)  # (18a)
        return gradients

    return Cell(
        name=name,
        states=base.states,
        gates=base.gates,
        parameters=base.parameters,
        cache=base.cache,
        recurrence=recurrence,
        backward=backward,
    )


def _rnn(name: str, family: str, g: Nonlinearity) -> Cell:
    """Make a plain RNN with another activation."""

    def recurrence(xt: Array, a_prev: Array, parameters: Parameters) -> Any:
        p = parameters
        a_next = g.f(p["Wax"] @ xt + p["Waa"] @ a_prev + p["ba"])  # (1)
        return a_next, RNNCache(a_next, a_prev, xt, p)

    def backward(da_next: Array, cache: RNNCache) -> Gradients:
        a_next, a_prev, xt, p = cache
        return product_backward(g.d(a_next) * da_next, a_prev, xt, p)  # (2) to (7)

    return Cell(
        name=name,
        states=RNN.states,
        gates=(),
        parameters=RNN.parameters,
        cache=RNNCache,
        recurrence=recurrence,
        backward=backward,
        head=RNN.head,
    )
