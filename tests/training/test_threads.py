"""The number of threads follows the time of steps, on a machine whose speed the test decides."""

import torch

from chargen.training import threads
from chargen.training.threads import RECENT, SMALL, TRIED_EVERY, Threads


class Machine:
    """Steps take the seconds that `seconds` gives for a number of threads; the clock counts them."""

    def __init__(self, monkeypatch, seconds):
        self.seconds, self.now, self.computed = seconds, 0.0, 0
        monkeypatch.setattr(threads.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
        monkeypatch.setattr(torch, "set_num_threads", self._set)
        self.count = 4

    def _set(self, count):
        self.count = count

    def gradients(self):
        self.computed += 1
        self.now += self.seconds[self.count]

    def steps(self, watched, number):
        for _ in range(number):
            with watched.computing():
                watched.before_step(self.gradients)
                began = self.now
                self.gradients()
                watched.after_step(self.now - began)


def test_a_small_network_takes_one_thread(monkeypatch):
    machine = Machine(monkeypatch, {1: 1.0, 4: 0.1})
    watched = Threads(SMALL)
    machine.steps(watched, 50)
    assert (watched.count, watched.busy, watched.used, machine.computed) == (1, False, 1, 50)


def test_on_an_idle_machine_all_threads_compute_and_little_is_tried(monkeypatch):
    machine = Machine(monkeypatch, {1: 0.3, 4: 0.1})
    watched = Threads(SMALL + 1)
    machine.steps(watched, 200)
    assert (watched.count, watched.busy, watched.used) == (4, False, 4)
    assert machine.computed <= 202, "one look at the beginning"


def test_slow_first_steps_are_not_taken_for_a_busy_machine(monkeypatch):
    machine = Machine(monkeypatch, {1: 2.0, 4: 3.0})
    watched = Threads(SMALL + 1)
    machine.steps(watched, 3)
    machine.seconds = {1: 0.3, 4: 0.2}
    machine.steps(watched, 50)
    assert (watched.count, watched.used) == (4, 4)


def test_a_machine_that_is_busy_from_the_start_computes_in_one_thread(monkeypatch):
    machine = Machine(monkeypatch, {1: 0.3, 4: 3.0})
    watched = Threads(SMALL + 1)
    machine.steps(watched, 10)
    assert (watched.count, watched.busy) == (1, True)


def test_the_threads_go_down_when_the_machine_is_busy_and_back_when_it_is_idle(monkeypatch):
    machine = Machine(monkeypatch, {1: 0.3, 4: 0.1})
    watched = Threads(SMALL + 1)
    machine.steps(watched, 200)
    machine.seconds = {1: 0.3, 4: 2.0}
    machine.steps(watched, RECENT + 1)
    assert (watched.count, watched.busy, watched.used) == (1, True, "1 and 4")
    before = machine.now
    machine.steps(watched, 300)
    assert watched.count == 1
    assert machine.now - before < 300 * 0.3 / 0.9, "trying takes less than a tenth of the time"
    machine.seconds = {1: 0.3, 4: 0.1}
    machine.steps(watched, int(100 / 0.3))
    assert (watched.count, watched.busy) == (4, False)


def test_threads_are_given_back(monkeypatch):
    machine = Machine(monkeypatch, {1: 0.1, 4: 0.1})
    machine.steps(Threads(SMALL), 1)
    assert machine.count == 4


def test_work_that_became_slower_by_itself_is_not_tried_at_every_step(monkeypatch):
    machine = Machine(monkeypatch, {1: 0.3, 4: 0.1})
    watched = Threads(SMALL + 1)
    machine.steps(watched, 200)
    machine.seconds = {1: 3.0, 4: 1.0}
    before = machine.computed
    machine.steps(watched, 100)
    assert watched.count == 4
    assert machine.computed - before <= 100 + 100 / TRIED_EVERY + 2
