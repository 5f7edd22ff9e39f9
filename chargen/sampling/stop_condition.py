"""`StopCondition`: where a generated text ends."""

from collections.abc import Iterator, Sequence

from chargen.errors import InputError
from chargen.sampling.sentences import has_sentences, have_ended, sentence_end

USUAL = 500  # characters after which a text without a length ends with its sentence
LONGEST = 1000  # the same for each line or sentence that is asked for
PATIENCE = 300  # characters that the end of that sentence may be away; then the text ends with a word
LONGEST_WORD = 50  # characters that the end of that word may be away


class StopCondition:
    """Where a text ends: before a stop text, with a line or a sentence, or at its length, whichever comes first.

    Attributes:
        length: the number of characters that the text has at most; None for about 500, with its last sentence finished,
            or in a text without sentences its last line.
        stop: the texts before which it ends.
        lines: the number of lines after which it ends, without its last line break; None for any number.
        sentences: the number of sentences after which it ends; None for any number.
    """

    def __init__(
        self,
        length: int | None = None,
        stop: str | Sequence[str] = (),
        lines: int | None = None,
        sentences: int | None = None,
    ):
        """Make a condition; `stop` is one text or several.

        Raises:
            InputError: the length is negative, a number is below 1, or a stop text is empty.
        """
        self.length, self.lines, self.sentences = length, lines, sentences
        self.stop = (stop,) if isinstance(stop, str) else tuple(stop)
        if length is not None and length < 0:
            raise InputError(f"{length}: must not be negative", setting="length")
        for name, number in (("lines", lines), ("sentences", sentences)):
            if number is not None and number < 1:
                raise InputError(f"{number}: must be at least 1", setting=name)
        if "" in self.stop:
            raise InputError("'': must have at least one character", setting="stop")
        self._enough = LONGEST * max(lines or 0, sentences or 0) or USUAL

    def end(self, text: str) -> int | None:
        """Return where a text ends that was checked after every character before its last one, None if it goes on."""
        for stop in self.stop:
            if text.endswith(stop):
                return len(text) - len(stop)
        if self.lines and text.endswith("\n") and text.count("\n") >= self.lines:
            return len(text) - 1
        if self.length is not None and len(text) >= self.length:
            return len(text)
        end = sentence_end(text) if self._minds_sentences else None
        if self.sentences and end is not None and have_ended(text, self.sentences):
            return end
        return self._finished(text, end) if self.length is None and len(text) > self._enough else None

    def grown(self, text: str, piece: str) -> tuple[str, int | None]:
        """Return a text that goes on, with a piece more until it ends, and where it does; None if it goes on."""
        for character in piece:
            text += character
            if (end := self.end(text)) is not None:
                return text, end
        return text, None

    def cut(self, pieces: Iterator[str]) -> Iterator[str]:
        """Pass pieces of a text on until it ends, and hold back what may turn out to lie beyond its end."""
        text, shown, end = "", 0, self.end("")
        while end is None:
            for character in next(pieces):
                text += character  # in place, as long as nothing else holds the text: a long one is never copied
                if (end := self.end(text)) is not None:
                    break
            certain = len(text) - self._pending(text) if end is None else end
            if certain > shown:
                yield text[shown:certain]
                shown = certain

    @property
    def _minds_sentences(self) -> bool:
        return self.length is None or self.sentences is not None

    def _finished(self, text: str, sentence: int | None) -> int | None:
        """Return where a text ends that is long enough, given where its last sentence ends; None if it goes on."""
        if sentence is not None:
            return sentence
        beyond = len(text) - self._enough
        with_a_line = text[-1] == "\n" and not has_sentences(text)
        if with_a_line or (text[-1].isspace() and beyond > PATIENCE):
            return len(text.rstrip())
        return len(text) if beyond > PATIENCE + LONGEST_WORD else None

    def _pending(self, text: str) -> int:
        """Return the number of last characters that may be the beginning of a stop text or come after a sentence."""
        spaces = len(text) - len(text.rstrip()) if self._minds_sentences else 0
        return max([spaces, *(n for stop in self.stop for n in range(1, len(stop)) if text.endswith(stop[:n]))])
