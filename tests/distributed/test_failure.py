"""A rank that fails ends the others; what one rank meets, all decide alike."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from bptt.distributed import STATUS_LOST, processes, supervisor
from bptt.errors import BpttError

from .cases import cases, hash_of
from .threads import on_ranks


def trained(model, data, size, **options):
    """Return one result for all ranks: a hash, or the text of the error."""

    def work(communicator):
        own = type(model)(**model.get_params())
        return hash_of(own.fit(*data, distributed=communicator, **options))

    results = {str(r) for r in on_ranks(size, work)}
    assert len(results) == 1, results
    return results.pop()


def regressor(**hyperparameters):
    model, data = next((m, d) for name, m, d in cases(epochs=3) if name == "regress")
    return model.set_params(**hyperparameters), data


def test_a_plateau_schedule_falls_at_the_same_epoch_on_all_ranks():
    model, data = regressor(schedule="plateau", learning_rate=0.5, epochs=5)
    rates = [row["learning_rate"] for row in model.fit(*data).history_]
    assert rates[-1] < rates[0]
    assert trained(model, data, 3) == hash_of(model)


def test_more_ranks_than_micro_batches_change_nothing():
    model, data = regressor(micro_batches=2)
    assert trained(model, data, 5) == trained(model, data, 1)


def test_what_is_not_finite_on_one_rank_is_the_same_error_on_all():
    def work(communicator):
        model, data = regressor()

        def breaks(progress):
            if communicator.rank == 1 and progress.step == 2:
                model.parameters_["dense0.Wy"][0, 0] = np.nan

        return model.fit(*data, distributed=communicator, on_step=breaks)

    errors = on_ranks(3, work)
    assert all(type(error) is BpttError for error in errors)
    (message,) = set(map(str, errors))
    assert "stopped at step 3: the parameter dense0.Wy is not finite" in message


@pytest.mark.parametrize("asking", [0, 2])
def test_a_request_on_any_rank_stops_all_after_the_same_step(asking):
    def work(communicator):
        model, data = regressor()
        model.fit(
            *data, distributed=communicator,
            on_step=lambda p: communicator.rank == asking and p.step == 2,
        )  # fmt: skip
        return model.interrupted_, model.history_[-1]["step"], hash_of(model)

    first, *others = on_ranks(3, work)
    assert first[:2] == (True, 3)
    assert all(other == first for other in others)


def test_sys_exit_in_a_step_keeps_its_status(capsys):
    def work(communicator):
        def leaves(progress):
            sys.exit(4)

        def abort(*how):
            aborted.append(how)
            raise SystemExit

        communicator.abort, aborted = abort, []
        model, data = regressor()
        with pytest.raises(SystemExit):
            model.fit(*data, distributed=communicator, on_step=leaves)
        return aborted[0]

    for rank, (status, sentence) in enumerate(on_ranks(2, work)):
        assert status == 4
        assert sentence.startswith(f"rank {rank} called sys.exit(4)")
    assert "Traceback" not in capsys.readouterr().err


def test_a_supervised_rank_that_is_killed_gives_75_and_its_name(capfd, monkeypatch):
    monkeypatch.setenv("PMI_RANK", "2")
    monkeypatch.setenv("PMI_SIZE", "3")
    monkeypatch.delenv(supervisor.SUPERVISED, raising=False)
    monkeypatch.delenv("HYDI_CONTROL_FD", raising=False)
    assert supervisor.in_job()
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert supervisor.supervise(["-c", killed]) == STATUS_LOST
    assert "bptt: rank 2 on " in (err := capfd.readouterr().err)
    assert "was ended by SIGKILL" in err


def test_a_supervised_rank_that_does_not_leave_the_job_is_lost(capfd, monkeypatch):
    monkeypatch.setenv("PMI_RANK", "1")
    monkeypatch.delenv("HYDI_CONTROL_FD", raising=False)
    joins = "import os\nfrom bptt.distributed import processes as p\np.tell(p.JOINED)\n"
    assert supervisor.supervise(["-c", f"{joins}os._exit(0)"]) == STATUS_LOST
    assert "bptt: rank 1 on " in (err := capfd.readouterr().err)
    assert " ended before the other ranks; the job ends with status 75." in err
    other = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', sys.argv[1]])"
    for words in ([f"{joins}p.tell(p.LEFT)"], [other, joins], ["pass"]):
        assert supervisor.supervise(["-c", *words]) == 0
    assert not capfd.readouterr().err


def test_the_launcher_is_told_of_the_end_of_a_rank_that_lost_others(monkeypatch):
    told, pipe = os.pipe()
    monkeypatch.setenv("PMI_FD", str(pipe))
    monkeypatch.setenv("HYDI_CONTROL_FD", "0")
    assert supervisor.supervise(["-c", f"import os; os._exit({STATUS_LOST})"]) == STATUS_LOST
    assert supervisor.supervise(["-c", "import os; os._exit(3)"]) == 3
    os.close(pipe)
    with os.fdopen(told, "rb") as sent:
        assert sent.read() == b"cmd=abort exitcode=75\n"


def test_a_supervised_rank_gets_signals_and_gives_its_own_status(monkeypatch):
    monkeypatch.setenv(supervisor.SUPERVISED, "1")
    monkeypatch.setenv("PMI_SIZE", "3")
    assert not supervisor.in_job()
    before = signal.getsignal(signal.SIGTERM)
    sends = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n"
        "os.kill(os.getppid(), signal.SIGTERM)\n"
        "time.sleep(20)"
    )
    assert supervisor.supervise(["-c", sends]) == 9
    dies = sends.replace("lambda *_: sys.exit(9)", "signal.SIG_DFL")
    assert supervisor.supervise(["-c", dies]) == 128 + signal.SIGTERM  # no rank that was lost
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs Linux' /proc")
def test_a_process_that_has_ended_is_seen_before_it_is_waited_for():
    here = processes.identity()
    assert processes.can_be_seen(here)
    assert not processes.can_be_seen(here + np.array([0, 0, 1]))  # another container
    assert not processes.can_be_seen(here + np.array([0, 1, 0]))  # its number was given again
    child = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    other = here.copy()
    other[[processes.PID, processes.START]] = child.pid, processes._state(child.pid)[1]
    assert processes.can_be_seen(other)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie
    assert processes.has_ended(other)
    child.communicate()
    assert processes.has_ended(other)
