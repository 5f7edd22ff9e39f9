"""How a process is asked to stop: the first signal is a request, the second one ends it at once."""

import os
import signal
import threading
from typing import Any

STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class StopRequest:
    """While the context lasts, notes the first of the signals that ask a process to stop; a second one ends it.

    A signal that the process was told to ignore, as `nohup` does, stays ignored.

    >>> with StopRequest() as request:
    ...     signal.raise_signal(signal.SIGINT)
    ...     request.exit_code
    130
    """

    def __init__(self) -> None:
        self.exit_code: int | None = None  # of a process that stops for this reason; None while it may go on
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            for name in STOPPING:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _) -> None:
        if self.exit_code is not None:
            os._exit(128 + number)
        self.exit_code = 128 + number
