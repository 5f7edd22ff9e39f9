"""`StopCondition`: where a generated text ends."""

from collections.abc import Iterator, Sequence

from chargen.errors import InputError


class StopCondition:
    """Where a text ends: before a stop text, at the end of a line, or at its full length, whichever comes first.

    Attributes:
        length: the number of characters that the text may have.
        stop: the texts before which it ends.
        lines: the number of lines after which it ends, without its last line break; None for any number.
    """

    def __init__(self, length: int, stop: str | Sequence[str] = (), lines: int | None = None):
        """Make a condition; `stop` is one text or several.

        Raises:
            InputError: the length is negative, or a stop text is empty.
        """
        self.length, self.lines = length, lines
        self.stop = (stop,) if isinstance(stop, str) else tuple(stop)
        if length < 0:
            raise InputError(f"{length}: must not be negative", setting="length")
        if "" in self.stop:
            raise InputError("'': must have at least one character", setting="stop")

    def end(self, text: str) -> int | None:
        """Return where a text ends that was checked after every character before its last one, None if it goes on."""
        for stop in self.stop:
            if text.endswith(stop):
                return len(text) - len(stop)
        if self.lines and text.endswith("\n") and text.count("\n") >= self.lines:
            return len(text) - 1
        return len(text) if len(text) >= self.length else None

    def cut(self, characters: Iterator[str]) -> Iterator[str]:
        """Pass characters on until the text ends, and hold back what may be the beginning of a stop text."""
        text, shown = "", 0
        while (end := self.end(text)) is None:
            certain = len(text) - self._pending(text)
            if certain > shown:
                yield text[shown:certain]
                shown = certain
            text += next(characters)
        yield text[shown:end]

    def _pending(self, text: str) -> int:
        """Return the number of last characters that may be the beginning of a stop text."""
        return max((n for stop in self.stop for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0)
