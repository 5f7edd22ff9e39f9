"""The clock of a time budget: it stands while the process is stopped (Ctrl-Z, SIGSTOP) or its machine sleeps."""

import threading
import time

BEAT = 0.1  # seconds between two looks at the clock by a thread that does nothing else
LATE = 1.0  # seconds of a delay that count; on a busy machine too, a thread that sleeps is woken much sooner


class _Heart(threading.Thread):
    """Tells by its own delays that the whole process was stopped; a busy processor or a slow disk do not delay it."""

    def __init__(self) -> None:
        super().__init__(name="chargen-clock", daemon=True)
        self._beat = time.perf_counter(), time.process_time(), 0.0  # the last one, and the seconds lost until then
        self.start()

    def run(self) -> None:
        while True:
            time.sleep(BEAT)
            now, computed = time.perf_counter(), time.process_time()
            self._beat = now, computed, self.lost(now, computed)

    def lost(self, now: float, computed: float) -> float:
        """Return the seconds until `now` in which the process was stopped.

        Args:
            computed: the processor time of this process until now. A beat is late also where other code holds the
                interpreter's lock; then the process computes, and that counts.
        """
        last, before, lost = self._beat
        return lost + max(now - last - max(computed - before, LATE), 0.0)


_heart: _Heart | None = None


def seconds_worked() -> float:
    """Return the seconds since an arbitrary beginning without those in which this process was stopped.

    Of each time that it was stopped, a second counts.
    """
    global _heart
    if _heart is None or not _heart.is_alive():  # a process that was forked has no thread of its own
        _heart = _Heart()
    now = time.perf_counter()
    return now - _heart.lost(now, time.process_time())
