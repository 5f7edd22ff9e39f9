"""What a model reads of a prompt, and what is said about the characters that it does not know."""

from collections.abc import Mapping

import numpy as np

from chargen.errors import UnknownCharacterError
from chargen.text.alike import curled
from chargen.text.vocabulary import Vocabulary


def read_prompt(vocabulary: Vocabulary, text: str, unknown: str = "error") -> tuple[np.ndarray, str]:
    """Return the ids of a prompt, (T,), and one line about what was replaced or left out, "" if nothing was.

    Raises:
        UnknownCharacterError: the text has unknown characters and the policy is "error", or nothing else is in it.
        InputError: there is no such policy.
    """
    text = vocabulary.prepare(text)
    if unknown == "replace":
        text = curled(text, vocabulary.characters)
    known = vocabulary.encode(text, "replace" if unknown == "replace" else "skip")
    if text.strip() and not vocabulary.decode(known).strip():
        never = " ".join(map(repr, dict.fromkeys(text.strip()[:10])))
        raise UnknownCharacterError(
            f"the model has never seen any character of this text: {never}",
            "begin with others, or choose another model",
        )
    ids = vocabulary.encode(text, unknown)
    found = vocabulary.substitutes(text)
    return ids, _worded(found if unknown == "replace" else dict.fromkeys(found, ""))


def _worded(substitutes: Mapping[str, str]) -> str:
    """Return one line about each unknown character and what stands in its place.

    >>> _worded({"…": "...", "!": " ", "漢": ""})
    'new to the model: … read as ..., ! read as a space, 漢 left out'
    """
    names = {" ": "read as a space", "": "left out"}
    parts = [
        f"{stranger if stranger.isprintable() else ascii(stranger)} {names.get(near, f'read as {near}')}"
        for stranger, near in substitutes.items()
    ]
    more = f" and {len(parts) - 10} more characters" if len(parts) > 10 else ""
    return f"new to the model: {', '.join(parts[:10])}{more}" if parts else ""
