"""A process that is stopped, and one that computes without letting its other threads run."""

import signal
import subprocess
import sys
import time

import pytest

from chargen.training import clock

PROGRAM = """
import sys, time
from chargen.training import clock
clock.LATE = 0.2
began = clock.seconds_worked()
print(flush=True)
{between}
print(clock.seconds_worked() - began, time.process_time())
"""


def started(between):
    program = [sys.executable, "-c", PROGRAM.format(between=between)]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows has no SIGSTOP")
def test_time_while_the_process_is_stopped_does_not_count():
    process = started("sys.stdin.readline()")
    began = time.perf_counter()
    for _ in range(2):
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.6)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.3)
    counted, _ = process.communicate("\n")[0].split()
    waited = time.perf_counter() - began
    assert 0.6 < float(counted) < waited - 0.6


def test_time_in_which_no_other_thread_may_run_counts():
    """A sum of a range holds the interpreter's lock to its end."""
    counted, computed = started("sum(range(60_000_000))").communicate()[0].split()
    assert float(counted) > 0.9 * float(computed) > 0.5


def test_time_goes_on_at_once_after_a_stop(monkeypatch):
    """Although the thread that looks at the clock has not been woken yet."""
    for name, value in {"BEAT": 3600, "LATE": 0.2, "_heart": None}.items():
        monkeypatch.setattr(clock, name, value)
    began = clock.seconds_worked()
    time.sleep(0.5)
    gone_on = clock.seconds_worked()
    time.sleep(0.05)
    assert gone_on - began == pytest.approx(0.2, abs=0.01)
    assert 0.05 <= clock.seconds_worked() - gone_on < 0.5
