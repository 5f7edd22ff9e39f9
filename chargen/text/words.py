"""The words of a text, which a model keeps so that it can keep to them."""

import re
import unicodedata
from collections import Counter

from chargen.text.normalization import JOINERS, code_points
from chargen.text.stored_ids import TextIds

APOSTROPHES = "'’ʼ"
# Thai to Tibetan, Burmese, Khmer, kana and Chinese characters: scripts that put no spaces between words.
WITHOUT_SPACES = re.compile("[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
MOST_WORDS = 300_000  # that are kept, the most frequent ones
MOST_CHARACTERS = 50_000_000  # that are read for them, a few seconds
BLOCK = 1_000_000  # characters at a time
LONGEST = 60  # characters of a word


def folded(characters: str) -> str:
    """Return what each character is of a word: its letter in lower case, an apostrophe, or a space for none of it.

    Letters of scripts without spaces between words are none of it: there are no words to be seen in them.

    >>> folded("It’s 5 o'clock—время")
    "it's   o'clock время"
    """
    return "".join(map(_folded, characters))


def find_words(ids: TextIds, characters: str) -> list[str]:
    """Return the words of encoded text, sorted and folded: runs of letters, with apostrophes between letters.

    Args:
        ids: integer array of shape (T,).
        characters: those that the ids stand for.
    """
    table = code_points(folded(characters)).astype("<u4")  # (V,)
    counts, rest = Counter[str](), ""
    for start in range(0, min(len(ids), MOST_CHARACTERS), BLOCK):
        text = rest + table[ids[start : start + BLOCK]].tobytes().decode("utf-32-le")
        whole, _, rest = text.replace("''", " ").rpartition(" ")  # a word may go on in the next block
        counts.update(whole.split())
    counts.update(rest.split())
    words = {word.strip("'") for word, _ in counts.most_common(MOST_WORDS)}
    return sorted(word for word in words if 0 < len(word) <= LONGEST)


def _folded(character: str) -> str:
    if character in APOSTROPHES:
        return "'"
    letter = unicodedata.category(character)[0] in "LM" or character in JOINERS
    if not letter or WITHOUT_SPACES.match(character):
        return " "
    lower = character.casefold()
    return lower if len(lower) == 1 else character  # such as ß, which would become two
