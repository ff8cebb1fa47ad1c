"""The places of a built-in cell: what is missing where one of them is forgotten, by name.

A record with its equations in `bptt.equations`, listed in its `__init__`; natively a row in the
table of the engine with the same names; a row in the tests' registry.
"""

from dataclasses import replace

import pytest

import bptt
from bptt.equations import CELLS as REGISTERED
from bptt.equations import variant
from tests.support.cases import CELLS as ROWS
from tests.support.cases import make_case, same_bits

RECORDS = {
    name: cell for name, cell in REGISTERED.items() if cell.recurrence.__module__[:4] == "bptt"
}
VARIANTS = {f"{family}_variant": variant(family, clip=1) for family in ("lstm", "lstm_peephole")}


def native_table():
    return pytest.importorskip("bptt.engine._native", exc_type=ImportError).cells()


def missing(records, native, rows):
    """Sentences: what each cell lacks, and what does not fit its record."""
    for name in records.keys() - rows:
        yield f"{name} has no row in tests/support/cases.py"
    for name in rows - records.keys():
        yield f"{name} has a row in tests/support/cases.py and no record in bptt.equations"
    known = records | VARIANTS
    for name in native.keys() - known.keys():
        yield f"{name} is in the native table and has no record in bptt.equations"
    for name in native.keys() & known.keys():
        cell = known[name]
        record = {"states": cell.states, "gates": cell.gates, "parameters": dict(cell.kinds)}
        for what, values in record.items():
            if native[name][what] != values or list(native[name][what]) != list(values):
                yield f"{name}: {what} are {values} in its record, {native[name][what]} natively"


def test_every_built_in_cell_has_all_its_places():
    assert list(missing(RECORDS, native_table(), ROWS.keys())) == []


@pytest.mark.parametrize("name", RECORDS)
def test_every_built_in_cell_is_native(name):
    assert name in native_table()


def test_what_is_forgotten_is_listed():
    native, rows = native_table(), set(ROWS)
    cifg = replace(REGISTERED["lstm"], name="cifg")
    assert list(missing(RECORDS | {"cifg": cifg}, native, rows)) == [
        "cifg has no row in tests/support/cases.py"
    ]
    assert list(missing(RECORDS, native, rows | {"cifg"})) == [
        "cifg has a row in tests/support/cases.py and no record in bptt.equations"
    ]
    assert list(missing(RECORDS, native | {"cifg": native["lstm"]}, rows)) == [
        "cifg is in the native table and has no record in bptt.equations"
    ]
    turned = {
        name: native["gru"]["parameters"][name] for name in ("bu", "Wu", "Wr", "br", "Wc", "bc")
    }
    for what, wrong in (
        ("states", ("a", "c")),
        ("gates", ("rt", "ut", "cct")),
        ("parameters", turned),
        ("parameters", native["gru"]["parameters"] | {"bc": "per_unit"}),
    ):
        (sentence,) = missing(RECORDS, native | {"gru": native["gru"] | {what: wrong}}, rows)
        assert sentence.startswith(f"gru: {what} are ")


@pytest.mark.parametrize("module", [bptt, bptt.equations])
@pytest.mark.parametrize("name", ROWS)
def test_a_row_needs_no_functions_of_the_course(name, module):
    """A cell that the course does not have is one name: the results are those of its functions."""
    row = ROWS[name].within(module)
    plain, case = replace(row, prefix=None), make_case(name, lengths=[5, 0, 7, 2])
    found = [r.forward(case.x, case.state0, case.parameters, case.lengths) for r in (row, plain)]
    assert same_bits(found[0][:2], found[1][:2])
    gradients = [
        r.backward(case.da, f[2], case.dfinal) for r, f in zip((row, plain), found, strict=True)
    ]
    assert same_bits(*gradients)
    step = case.x[:, :, 0], case.state0, case.parameters
    found = [r.cell_forward(*step) for r in (row, plain)]
    assert same_bits(found[0][:2], found[1][:2])
    gradients = [
        r.cell_backward(case.dfinal, f[2]) for r, f in zip((row, plain), found, strict=True)
    ]
    assert same_bits(*gradients)
