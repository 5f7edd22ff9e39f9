"""`KnownWords`: which characters may come next, so that only known words are written."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np

from chargen.errors import InputError
from chargen.text.words import folded

LAST = "\U0010ffff"  # sorts after every letter
REMEMBERED = 50_000  # beginnings of words


class KnownWords:
    """Lets a word go on only as known words do, and end only where one of them ends.

    The sorted words are a prefix tree: the beginning of a word stands for the range of the words that begin with it. A
    word that began as none of them, in a prefix, can only end. Capitals and the kind of apostrophe are free, and so is
    all that is of no word.

    >>> known = KnownWords(["the", "time"], characters := " ehimt")
    >>> [character for character, bar in zip(characters, known.bars(["t"])[0], strict=True) if bar == 0]
    ['h', 'i']
    """

    def __init__(self, words: Iterable[str], characters: str):
        """Prepare for words as `chargen.text.words` finds them, in texts of these characters.

        Raises:
            InputError: there are no words, or most letters are of scripts without spaces between words.
        """
        self._pieces = folded(characters)
        letters = set(self._pieces)
        spaced = sum(map(str.isalpha, self._pieces)) * 2 >= sum(map(str.isalpha, characters))
        self._words = sorted({"", *filter(letters.issuperset, words)})  # the empty one: between words, all may come
        if len(self._words) == 1 or " " not in letters or not spaced:
            raise InputError(
                "needs the words of the text that the model learned, and it keeps none",
                "train it anew (a text without spaces between words, such as Chinese, has none to keep)",
                setting="known_words",
            )
        self._remembered: dict[str, np.ndarray] = {}

    def read(self, begun: Sequence[str], ids: np.ndarray) -> list[str]:
        """Return what each text has of a word that may go on, (B,), after one more character, (B,)."""
        return [_continued(word, self._pieces[place]) for word, place in zip(begun, ids.tolist(), strict=True)]

    def bars(self, begun: Sequence[str]) -> np.ndarray:
        """Return what to add to the logits, (B, V): 0 for a character that may come next, minus infinity for others."""
        if len(self._remembered) > REMEMBERED:
            self._remembered.clear()
        for word in {*begun} - self._remembered.keys():
            self._remembered[word] = self._bars_after(word)
        return np.array([self._remembered[word] for word in begun])

    def _bars_after(self, begun: str) -> np.ndarray:
        allowed = self._following(begun)
        if " " in allowed:
            allowed.add("'")  # a closing quotation mark
        return np.array([0 if piece in allowed else -np.inf for piece in self._pieces], np.float32)  # (V,)

    def _following(self, begun: str) -> set[str]:
        """Return the letters that may follow, and a space where the word may end."""
        first, end = bisect_left(self._words, begun), bisect_left(self._words, begun + LAST)
        following = {word[len(begun) : len(begun) + 1] or " " for word in self._words[first:end]} or {" "}
        if begun.endswith("'") and " " in self._following(begun[:-1]):
            following.add(" ")
        return following


def _continued(begun: str, piece: str) -> str:
    """Return what a text has of a word after one more piece; an apostrophe belongs to a word only after a letter."""
    if piece == " " or (piece == "'" and begun[-1:] in ("", "'")):
        return ""
    return begun + piece
