"""The clock of a time budget: it stands while the process is stopped (Ctrl-Z, SIGSTOP) or its machine sleeps."""

import threading
import time

BEAT = 0.1  # seconds between two looks at the clock by a thread that does nothing else
LATE = 1.0  # seconds of a delay that count; on a busy machine too, a thread that sleeps is woken much sooner


class _Heart(threading.Thread):
    """Tells by delays that the whole process was stopped; a busy processor or a slow disk do not delay its beats."""

    def __init__(self) -> None:
        super().__init__(name="chargen-clock", daemon=True)
        self._lock = threading.Lock()
        self._last = time.perf_counter(), time.process_time(), 0.0  # the last beat, and the seconds lost until then
        self.start()

    def run(self) -> None:
        while True:
            time.sleep(BEAT)
            self.beat()

    def beat(self) -> float:
        """Return the time now, without the seconds in which the process was stopped.

        A beat is late also where other code holds the interpreter's lock; then the process computes, and that counts.
        """
        with self._lock:
            now, computed = time.perf_counter(), time.process_time()
            last, computed_before, lost = self._last
            lost += max(now - last - max(computed - computed_before, LATE), 0.0)
            self._last = now, computed, lost
            return now - lost


_heart: _Heart | None = None


def seconds_worked() -> float:
    """Return the seconds since an arbitrary beginning without those in which this process was stopped.

    Of each time that it was stopped, a second counts.
    """
    global _heart
    if _heart is None or not _heart.is_alive():  # a process that was forked has no thread of its own
        _heart = _Heart()
    return _heart.beat()
