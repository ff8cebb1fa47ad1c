"""The benchmark's own arithmetic, and a quick run of it; no peer is needed."""

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
pytest.importorskip("peers", reason="benchmarks/ is not part of the source distribution")

import bench
import compare
from peers.cases import FITS, GATES, Case, LayerArrays, flops, lengths, valid_steps
from peers.convert import from_pytorch, to_onnx_lstm, to_pytorch
from peers.experiments import Experiment
from peers.goals import ROWS, SHARES, Participant, judge, peak, product
from peers.instruction_sets import held, sentence
from peers.processes import Contender
from peers.report import Outcome
from peers.shares import share_table
from peers.worker import Configuration, Worker
from peers.yardstick import Yardstick, compiled, products

import bptt

every_cell = pytest.mark.parametrize("cell", ["lstm", "gru_reset_after", "rnn"])
SMALL = (3, 5, 4, 6)  # n_x, n_a, m, T_x
ROW = {row.id: row for row in ROWS if row.measure != "share"}
SHARE = [row for row in ROWS if row.measure == "share"]
TABLES_OF_LAYERS = {
    "lstm-fwd",
    "lstm",
    "gru",
    "rnn",
    "lstm-fwd-ort",
    "lstm-jax",
    "ragged",
    "float64",
}
GOALS = {
    "lstm-fwd": [4, 1.7, 1.4, 1.15, 1.1],
    "lstm": [4, 1.7, 1.25, 1.15, 1.1],
    "gru": [60, 6, 3, 1.5, 1.1],
    "rnn": [40, 8, 3, 1.3, 1.1],
    "lstm-fwd-ort": [1.4, 1.05, 1.15, 1.05, 1.05],
    "lstm-jax": [3, 3, 3.5, 2, 1.6],
    "ragged": [10, 8, 5],
    "float64": [5, 3, 2],
    "stream-ort": [3.5, 2, 1.3],
    "stream-torch": [8, 4, 2.5],
    "ragged-cost": [1.15, 1.15],
    "character": [2.2, 1.8, 1.5],
    "course": [8, 8],
}


@every_cell
def test_flops_are_those_of_the_products_counted_one_by_one(cell):
    n_x, n_a, m, T_x = SMALL
    forward = backward = 0
    for _ in range(m * T_x * len(GATES.get(cell, "a"))):  # every gate of every step, one column
        for _ in range(n_a):
            forward += 2 * (n_a + n_x)  # a row times [a_prev ; xt]: a product and a sum an entry
        for _ in range(n_a + n_x):
            backward += 2 * n_a  # d[a_prev ; xt] = W^T dz
        backward += 2 * n_a * (n_a + n_x)  # dW += dz [a_prev ; xt]^T
    assert flops(Case("layer", SMALL, cell, backward=False)) == forward
    assert flops(Case("layer", SMALL, cell)) == forward + backward


def test_flops_of_a_ragged_batch_are_those_of_the_steps_that_exist():
    case = Case("layer", (16, 32, 200, 100), ragged=True)
    n = lengths(case)
    assert (n.min(), n.max()) == (10, 100)
    assert valid_steps(case) == n.sum()
    assert flops(case) == flops(case._replace(ragged=False)) * n.sum() / (200 * 100)


def test_every_goal_of_the_project_is_in_the_table():
    assert {id: list(row.goals.values()) for id, row in ROW.items()} == GOALS
    assert list(ROW["lstm"].goals) == ["tiny", "small", "medium", "large", "xl"]
    assert list(ROW["ragged"].goals) == ["small", "medium", "large"]
    assert list(ROW["stream-ort"].goals) == ["tiny", "medium", "large"]
    assert ROW["lstm"].ours("xl").case.size == (512, 512, 64, 50)
    assert SHARES == {"small": 0.75, "medium": 0.88, "large": 0.88, "xl": 0.88}
    computed = {(r.case.get("cell", "lstm"), r.case.get("dtype"), r.threads) for r in SHARE}
    assert {("lstm", None, 0), ("lstm", None, 1), ("lstm", "float64", 1)} < computed


def seconds(row, size, ours, *references, **yardsticks):
    """Times of participants; of the peak and NumPy's product as FLOP/s relative to ours."""
    who = row.ours(size)
    found = {who: ours} | dict(zip(row.references(size), references, strict=False))
    for name, speed in yardsticks.items():
        found[{"peak": peak, "product": product}[name](who)] = ours / flops(who.case) / speed
    return found


def test_a_figure_is_the_peers_time_over_ours_and_above_one_bptt_is_faster():
    row = ROW["lstm"]
    found = judge(row, "tiny", seconds(row, "tiny", 0.001, 0.005))
    assert (found.figure, found.ours, found.reference) == (5.0, 0.001, 0.005)
    assert (found.goal, found.passed) == (4, True)
    assert judge(row, "tiny", seconds(row, "tiny", 0.001, 0.004)).passed
    assert judge(row, "tiny", seconds(row, "tiny", 0.001, 0.00399)).passed is False
    alone = judge(row, "tiny", seconds(row, "tiny", 0.001))
    assert (alone.figure, alone.passed) == (None, None)


@pytest.mark.parametrize(
    ("ratio", "yardsticks", "passed", "goal", "held_to"),
    [
        (1.1, {}, False, 1.15, ""),
        (1.1, {"peak": 1 / 0.87}, False, 1.1 * 0.88 / 0.87, "share 0.88"),  # 1.11 < 1.15
        (1.1, {"peak": 1 / 0.5}, False, 1.15, ""),  # the ratio demands less
        (1.0, {"peak": 1 / 0.9}, True, 0.88 / 0.9, "share 0.88"),
        (1.0, {"peak": 1 / 0.8, "product": 1 / 0.9}, True, 0.88 / 0.9, "0.88 x product"),
        (1.2, {"peak": 1 / 0.5}, True, 1.15, ""),
        (None, {"peak": 1 / 0.9}, True, None, "share 0.88"),
        (None, {"peak": 1 / 0.8}, None, None, "share 0.88"),  # a missing peer might be slow
    ],
)
def test_a_layer_is_held_to_the_less_demanding_of_ratio_and_share(
    ratio, yardsticks, passed, goal, held_to
):
    row = ROW["lstm"]
    peers = () if ratio is None else (ratio,)
    found = judge(row, "large", seconds(row, "large", 1.0, *peers, **yardsticks))
    assert found.passed is passed
    assert found.goal == (goal and pytest.approx(goal))
    assert found.held_to == held_to


def test_numpys_product_takes_turns_wherever_a_share_is_a_goal():
    """Also where only some tables are asked for: their verdicts do not depend on others."""
    for row in ROWS:
        for size in row.goals:
            asked = row.measure == "share" or (row.id in TABLES_OF_LAYERS and size != "tiny")
            assert (product(row.ours(size)) in row.participants(size)) is asked, (row.id, size)


def test_a_batch_of_one_is_held_to_no_share():
    row = ROW["lstm"]
    assert judge(row, "tiny", seconds(row, "tiny", 1.0, 3.9, peak=1.0)).passed is False


@pytest.mark.parametrize(
    ("peers", "speeds", "share", "passed", "goal"),
    [
        ((0.5, 0.5), {"peak": 1 / 0.88, "product": 1}, 0.88, True, 0.88 * 0.88),
        ((0.5, 0.5), {"peak": 1 / 0.87, "product": 2}, 0.87, False, 0.88),
        ((9, 9), {"peak": 2, "product": 2}, 0.5, True, 0.5 / 9 * 1.1),
        ((9, 1.05), {"peak": 2, "product": 2}, 0.5, False, 0.5 / 1.05 * 1.1),  # the fastest peer
        ((), {"peak": 1 / 0.87, "product": 1 / 0.87}, 0.87, None, 0.88),
    ],
)
def test_a_share_is_held_to_the_peak_or_numpys_product_or_the_fastest_peer(
    peers, speeds, share, passed, goal
):
    row = SHARE[0]
    assert row.peers == ("torch", "ort")
    found = judge(row, "large", seconds(row, "large", 1.0, *peers, **speeds))
    assert (found.figure, found.share) == (pytest.approx(share), pytest.approx(share))
    assert found.goal == pytest.approx(goal)
    assert found.passed is passed


def test_the_cost_of_raggedness_is_held_from_above():
    row = ROW["ragged-cost"]
    case = row.ours("large").case
    share = valid_steps(case) / (64 * 100)
    found = judge(row, "large", seconds(row, "large", 0.6, 1.0))
    assert (found.figure, found.reference) == pytest.approx((0.6 / share, share))
    assert found.goal == pytest.approx(1.15)
    assert judge(row, "large", seconds(row, "large", 1.149 * share, 1.0)).passed
    assert not judge(row, "large", seconds(row, "large", 1.151 * share, 1.0)).passed


def test_the_table_of_shares_has_the_peak_the_product_and_every_contender():
    row, size = SHARE[0], "large"
    found = seconds(row, size, 1.0, 2.0, 4.0, peak=1 / 0.8, product=1 / 0.9)
    experiment = Experiment(row.participants(size), [(row, size)])
    experiment.rounds = [found, found]
    run = SimpleNamespace(isa="avx2", threads=2, yardstick=SimpleNamespace(work="a loop"))
    cells = share_table([Outcome(row, size, experiment)], run).splitlines()[-1].split(" | ")
    gigaflops = f"{flops(row.ours(size).case) / 0.8e9:.3g}"
    assert cells[:7] == ["| lstm", "forward", "float32", "1", "avx2", "large", gigaflops]
    assert cells[7:12] == ["0.889", "0.8", "0.4", "0.2", "-"]  # product, bptt, PyTorch, ORT, JAX
    assert cells[12:14] == [">= 0.44 (1.1 x peer)", "pass"]


def test_peers_are_held_to_the_instruction_set_that_is_asked_for(monkeypatch):
    peers = {"torch": "PyTorch", "ort": "ONNX Runtime"}
    monkeypatch.delenv("BPTT_ISA", raising=False)
    assert held("torch") == {}
    assert "peers choose their own" in sentence("avx512", ["avx512", "avx2"], peers)
    monkeypatch.setenv("BPTT_ISA", "avx2")
    assert held("numpy") == {"OPENBLAS_CORETYPE": "Haswell"}
    text = sentence("avx2", ["avx512", "avx2"], peers)
    assert "held to it: PyTorch (ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2" in text
    assert "**not held, for want of a setting: ONNX Runtime**" in text
    assert text.count("nothing wider") == 0
    text = sentence("avx2", ["avx2", "baseline"], peers)
    assert text.endswith("ONNX Runtime: the machine has nothing wider")


def test_the_instruction_set_is_read_from_what_show_config_prints():
    text = "engine   native\nisa      avx2 (of avx2, baseline)\nthreads  2\n"
    assert bench.instruction_set(text) == ("avx2", ["avx2", "baseline"])
    assert bench.instruction_set("engine   numpy\n") == ("none", ["none"])


def test_the_yardstick_without_a_compiler_is_numpys_product(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(OSError, match="no-such-compiler"):
        compiled("avx2")
    loop, operations = products()["float64"]
    assert loop(1) is None
    assert operations == 2 * 512**3


@every_cell
def test_parameters_survive_the_way_to_pytorch_and_back(cell):
    parameters = LayerArrays(Case("layer", SMALL, cell, "float64")).parameters
    back = from_pytorch(cell, to_pytorch(cell, parameters))
    assert back.keys() == parameters.keys()
    for name, p in parameters.items():
        np.testing.assert_array_equal(back[name], p)


@every_cell
@pytest.mark.slow
def test_pytorch_with_converted_weights_computes_what_bptt_computes(cell):
    pytest.importorskip("torch")
    from peers import ours, pytorch

    case = Case("layer", SMALL, cell, "float64", ragged=True)
    results = []
    for module in (ours, pytorch):
        configuration = next(iter(module.prepare(case).values()))
        configuration.use()
        results.append(configuration.read(configuration.run()))
    expected, actual = results
    assert actual.keys() == expected.keys()
    for name in expected:
        assert bench.difference(actual[name], expected[name]) < 1e-12, name


def test_onnx_weights_stand_in_the_order_i_o_f_c():
    p = LayerArrays(Case("layer", SMALL)).parameters
    W, R, B = to_onnx_lstm(p)
    n_x, n_a = SMALL[:2]
    assert (W.shape, R.shape, B.shape) == ((1, 4 * n_a, n_x), (1, 4 * n_a, n_a), (1, 8 * n_a))
    np.testing.assert_array_equal(W[0, n_a : 2 * n_a], p["Wo"][:, n_a:])
    np.testing.assert_array_equal(R[0, 2 * n_a : 3 * n_a], p["Wf"][:, :n_a])
    np.testing.assert_array_equal(B[0, 3 * n_a : 4 * n_a], p["bc"][:, 0])
    assert not B[0, 4 * n_a :].any()


def test_a_difference_is_relative_to_the_largest_entry_and_never_overlooks_nan():
    assert bench.difference(np.array([1.0, 2.5]), np.array([1.0, 2.0])) == 0.25
    assert bench.difference(np.array([np.nan, 2.0]), np.array([1.0, 2.0])) == np.inf
    assert bench.difference(np.ones(2), np.ones(3)) == np.inf


def test_a_contender_that_computes_something_else_stops_the_run(tmp_path):
    case = Case("layer", SMALL)
    here, saved = [Participant("bptt", case), Participant("torch", case)], {}
    for p, y in zip(here, (1.0, 1.001), strict=True):
        path = tmp_path / f"{p.contender}.npz"
        np.savez(path, y=np.array([y, 2.0]))
        saved[p] = {"only": str(path)}
    run = bench.Run(bench.arguments(["--quick"]), tmp_path)
    with pytest.raises(bench.Mismatch, match=r"y differs from bptt's by 5\.0e-04"):
        run.compare(here, saved)


def test_two_versions_are_compared_over_every_case_of_ours_once():
    found = compare.cases(ROWS, None)
    assert len(found) == len(set(found))
    ours = {row.ours(size).case for row in ROWS for size in row.goals}
    assert set(found) == ours | {Case("fit", size) for size in FITS.values()}


def test_a_ratio_above_one_says_that_the_new_version_is_faster():
    old, new = Participant("old", Case("layer", SMALL)), Participant("new", Case("layer", SMALL))
    experiment = Experiment([old, new], [])
    experiment.tuned = {old: {}, new: {}}
    experiment.rounds = [{old: 0.003, new: 0.002}, {old: 0.003, new: 0.002}]
    ms_old, ms_new, ratio, low, high, noisy = compare.figures(experiment)
    assert (ms_old, ms_new) == pytest.approx((3, 2))
    assert (ratio, low, high, noisy) == (pytest.approx(1.5), 1.5, 1.5, False)
    experiment.rounds.append({old: 0.004, new: 0.001})
    assert compare.figures(experiment)[-1]


def test_results_that_differ_by_more_than_rounding_are_not_timed(tmp_path):
    case = Case("layer", SMALL)
    here = [Participant(version, case) for version in ("old", "new")]
    run = compare.Run(compare.arguments(["a", "b", "--quick"]), tmp_path)
    for values, bits in (([1.0, 2.0], True), ([1.0, 2.0 + 1e-6], False), ([1.0, 2.1], None)):
        saved = {}
        for p, y in zip(here, ([1.0, 2.0], values), strict=True):
            np.savez(tmp_path / f"{p.contender}.npz", y=np.array(y))
            saved[p] = {"only": str(tmp_path / f"{p.contender}.npz")}
        if bits is None:
            with pytest.raises(bench.Mismatch, match="y differs by"):
                run.compare(here, saved)
        else:
            run.compare(here, saved)
            assert run.bits is bits


class Answering:
    """A contender that only counts its turns."""

    cpu = 0.0

    def __init__(self):
        self.turns = 0

    def ask(self, do, **question):
        self.turns += do == "turn"
        answers = {"prepare": {"saved": {}}, "tune": {"tried": {}}, "turn": {"seconds": self.turns}}
        return answers.get(do, {})


class Scripted:
    """A yardstick that finds what it is told, then the whole machine."""

    def __init__(self, *found):
        self.found = list(found)

    def wait(self, dtype, threads):
        pass

    def measure(self, dtype, threads):
        return 1e-9, self.found.pop(0) if self.found else True


@pytest.mark.parametrize(
    ("found", "seconds", "repeated", "disturbed"),
    [
        ([], [1, 2, 3], 0, 0),
        ([True, False, False], [1, 4, 5], 2, 0),  # rounds 2 and 3 are repeated
        ([False] * 8, [9, 1, 2], 6, 2),  # of 9 rounds one is whole: two others count too
        ([False] * 99, [1, 2, 3], 6, 3),  # never whole: no more than 9 are tried
    ],
)
def test_rounds_without_all_cores_are_repeated(tmp_path, found, seconds, repeated, disturbed):
    run = bench.Run(bench.arguments(["--rounds", "3"]), tmp_path)
    run.contenders, run.yardstick = {("bptt", 0): Answering()}, Scripted(*found)
    participant = Participant("bptt", Case("layer", SMALL))
    experiment = Experiment([participant], [])
    run.measure(experiment)
    assert [r[participant] for r in experiment.rounds] == seconds
    assert (experiment.repeated, experiment.disturbed) == (repeated, disturbed)


def test_a_run_ends_when_its_time_is_over(tmp_path):
    run = bench.Run(bench.arguments(["--rounds", "15", "--minutes", "0"]), tmp_path)
    participant = Participant("bptt", Case("layer", SMALL))
    for minutes, left, rounds in ((-1, 1, 1), (60, 10**9, 5), (60, 1, 15)):
        run.until = time.perf_counter() + minutes * 60
        run.contenders, run.yardstick = {("bptt", 0): Answering()}, Scripted()
        experiment = Experiment([participant], [])
        run.measure(experiment, left)
        assert len(experiment.rounds) == rounds


def test_configurations_that_are_hopeless_are_not_tried_again(tmp_path):
    calls = []

    def configuration(name, seconds):
        def run():
            calls.append(name)
            time.sleep(seconds)

        return Configuration(run, lambda _: {})

    worker = Worker("bptt", tmp_path)
    worker.cases["0"] = {
        "first": configuration("first", 0.001),
        "stuck": configuration("stuck", 9.0),  # threads that wait for one another
        "slow": configuration("slow", 0.02),
    }
    worker.first["0"] = {"first": 0.02, "stuck": 9.0, "slow": 0.02}
    answer = worker.tune("0", seconds=0.01)
    assert answer["chosen"] == "first"
    assert list(answer["tried"]) == ["first", "slow"]
    assert calls.count("slow") == 1


def test_the_yardstick_tells_peak_and_noise_and_waits_no_longer_than_it_is_told():
    yardstick = Yardstick("baseline")
    try:
        seconds, _ = yardstick.measure("float32", 1)
        assert 1e8 < 1 / seconds < 1e12
        yardstick.best = {("float32", 1): 0.0}  # no machine is that fast
        assert not yardstick.measure("float32", 1)[1]
        yardstick.wait("float32", 1, seconds=0)
        yardstick.best = {("float64", 2): 1.0}
        yardstick.seen = [(("float64", 2), seconds) for seconds in (1.0, 1.0, 1.1, 1.2, 3.0)]
        assert yardstick.noise() == pytest.approx((1.1, 1.2, 3.0))
    finally:
        yardstick.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads Linux's /proc")
def test_a_contender_computes_only_while_it_is_asked(tmp_path):
    contender = Contender("bptt", tmp_path, threads=1)
    try:
        assert contender.about["version"].startswith(f"bptt {bptt.__version__} (")
        state = Path(f"/proc/{contender.process.pid}/stat").read_text().rsplit(") ")[1][0]
        assert state == "T"  # stopped: it can neither compute nor spin
        assert contender.ask("drop")["cpu"] > 0
    finally:
        contender.close()


@pytest.mark.slow
def test_a_quick_run_without_peers_reports_and_exits_with_zero(tmp_path):
    out = tmp_path / "build" / "report.md"
    command = [sys.executable, bench.__file__, "--quick", "--out", str(out)]
    done = subprocess.run(
        [*command, "--rows", "lstm,stream-ort", "--sizes", "tiny", "--peers", ""],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    report = out.read_text()
    assert "PyTorch: left out, as asked" in report
    assert "| tiny | 16, 32, 1, 100 |" in report
    assert "Not judged, because a peer is missing: lstm tiny, stream-ort tiny." in report
    assert "Noise: the yardstick took " in report
    assert report.strip() == done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc of Linux")
@pytest.mark.parametrize("stored", [(), ("--stored", "--limit", "300")])
def test_time_and_memory_of_texts_are_measured(stored):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, root / "benchmarks" / "text_memory.py", root / "README.md"]
    done = subprocess.run([*command, "--megabytes", "1", *stored], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    words = ["tokenize:", "train:"] if stored else ["characters", "words", "whitespace"]
    assert [line.split()[0] for line in done.stdout.splitlines()] == words
