"""What a network writes while it is trained: a sample now and then."""

import time

FIRST = 20.0  # seconds until the first sample
SELDOM = 0.2  # of the time so far, until the next one


class Preview:
    """Writes a sample after some time, and at the end."""

    def __init__(self, run, every: float | None, prefix: str):
        """Prepare to write samples of a `chargen.Run`.

        Args:
            every: seconds between samples; 0 for none, None for few.
            prefix: what the samples go on from.
        """
        self._run, self._every, self._prefix = run, every, prefix
        self._began = self._shown = time.monotonic()
        self._number = 0

    def __call__(self, ended: bool) -> str | None:
        """Return a sample if one is due, or if the training has ended."""
        now = time.monotonic()
        pause = max(FIRST, SELDOM * (now - self._began)) if self._every is None else self._every
        if self._every == 0 or (now - self._shown < pause and not ended):
            return None
        self._number += 1
        text = self._sample()
        self._shown = time.monotonic()
        return text

    def _sample(self) -> str:
        from chargen.sampling.sampler import Sampler

        sampler = Sampler(self._run.averaged.to_checkpoint(self._run.corpus.vocabulary))
        return self._prefix + sampler.sample(self._prefix, 200, seed=self._number)
