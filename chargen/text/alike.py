"""Characters that can stand for each other: quotation marks, dashes, dots, letters with and without accents."""

import re
import unicodedata
from collections.abc import Container, Iterator

SINGLE = ("'", "’›′ʼ´", "‘‹‚‛`")  # straight, closing (and apostrophes), opening
DOUBLE = ('"', "”»″", "“«„‟")
DASHES = {"—": "―–", "―": "—–", "–": "—-", "-": "‐‑–—"} | dict.fromkeys("‐‑‒−", "-–")
LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}


def nearest(character: str, known: Container[str]) -> str:
    """Return what of the known characters comes nearest to an unknown one: one or several of them, or none.

    That is a kindred quotation mark, dash or letter, else a space; nothing for what is not seen, such as an accent
    without its letter.

    >>> [nearest(character, set("abcde fx.'-")) for character in "É“…—!"]
    ['e', "'", '...', '--', ' ']
    """
    invisible = unicodedata.category(character) in ("Cc", "Cf", "Mn", "Mc", "Me") and not character.isspace()
    candidates = [*_kin(character), *([] if invisible or character == "\r" else [" "])]
    return next((text for text in candidates if text and all(part in known for part in text)), "")


def curled(text: str, known: Container[str]) -> str:
    """Return text whose straight quotation marks, where they are unknown, open where a word begins.

    >>> curled('"Yes," he said.', "“”")
    '“Yes," he said.'
    """
    for straight, opening in (("'", "‘"), ('"', "“")):
        if straight not in known and opening in known:
            text = re.sub(rf"(?<![^\s(\[—–-]){straight}(?=\S)", opening, text)
    return text


def _kin(character: str) -> Iterator[str]:
    """Yield the texts that can stand for a character, nearest first."""
    for own, other in ((SINGLE, DOUBLE), (DOUBLE, SINGLE)):
        if character in "".join(own):
            side = own[2] + own[1] if character in own[2] else own[1] + own[2]
            yield from own[0] + side + "".join(other)
    if character in "—―":
        yield from (*DASHES[character], "--", "-")
    yield from DASHES.get(character, "")
    if character == "…":
        yield "..."
    decomposed = unicodedata.normalize("NFKD", LETTERS.get(character.lower(), character))
    base = "".join(part for part in decomposed if not unicodedata.combining(part))
    yield from (character.swapcase(), base.title() if character.isupper() else base, base, base.swapcase(), base[:1])
