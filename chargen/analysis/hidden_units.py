"""Which hidden units follow features of a text, such as quotations, lines and words.

After Karpathy, Johnson and Li (2015), "Visualizing and Understanding Recurrent Networks".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chargen.errors import InputError
from chargen.network.cells import CELLS
from chargen.sampling.sampler import Sampler

LONGEST = 10_000  # characters of the text that are read
FEW = 5  # with fewer passages in a half of the text, a correlation may be chance

LETTER = r"[^\W_]"  # or a digit
APOSTROPHE = "['\u2019]"  # and closing single quotation mark
WORD = f"{LETTER}+(?:{APOSTROPHE}{LETTER}+)*"
LINE_END = r"\n(?![ \t]*\n)"  # with no empty line after it
MARKS = (('"', '"'), ("“", "”"), ("„", "“”"), ("«", "»"))  # opening mark, possible closing marks
DOUBLE_QUOTED = "|".join(rf"{opening}(?:[^{closing}\n]|{LINE_END})*+" for opening, closing in MARKS)
DOUBLE_QUOTED = f'({DOUBLE_QUOTED})["”“»]?'
SINGLE_QUOTED = (
    rf"((?<!{LETTER})['\u2018](?=\S)(?:[^'\u2019\n]|{LINE_END}|{APOSTROPHE}(?={LETTER}))++)"
    rf"(?:{APOSTROPHE}(?!{LETTER})|(?=\n\s*\n['\u2018]))"
)
BRACKETS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class UnitScore:
    """How well one unit follows a feature.

    Attributes:
        layer, unit: counted from 0, as in the names of the weights.
        first_half: the Pearson correlation in the first half of the text, by which the unit was chosen.
        held_out: the Pearson correlation in the second half, which was not used to choose.
    """

    layer: int
    unit: int
    first_half: float
    held_out: float


@dataclass(frozen=True)
class Finding:
    """The units that best follow a feature.

    Attributes:
        feature: a key of `FEATURES`.
        passages: the number of passages with the feature (quotations, lines, words) in the first and second half.
        units: sorted by absolute correlation in the first half, best first; empty if it cannot be computed.
        note: why there are no units, or why they are uncertain, or "".
    """

    feature: str
    passages: tuple[int, int]
    units: tuple[UnitScore, ...]
    note: str


@dataclass(frozen=True, eq=False)
class Inspection:
    """A text as a model read it.

    Attributes:
        text: the T characters read, normalized like the model's training text.
        activations: float32 array (T, L*H), see `read_activations`.
        layers: L.
        findings: one for each feature.
    """

    text: str
    activations: np.ndarray
    layers: int
    findings: tuple[Finding, ...]


def inspect_text(sampler: Sampler, text: str, top: int = 3, unknown: str = "error") -> Inspection:
    """Read the first `LONGEST` characters of a text, and find the units that best follow each feature.

    Args:
        top: the number of units to return for each feature.
        unknown: what to do with characters that the model does not know, see `Vocabulary.encode`.

    Raises:
        InputError: the text is empty, or has unknown characters.
    """
    ids = sampler.vocabulary.encode(text[:LONGEST], unknown)  # (T,)
    if not len(ids):
        left = " once the unknown characters are left out" if text else ""
        raise InputError(f"the text is empty{left}", "give one that has characters to read")
    activations = read_activations(sampler, ids)  # (T, L*H)
    text = sampler.vocabulary.decode(ids)
    findings = tuple(find_units(activations, name, text, sampler.config.hidden_size, top) for name in FEATURES)
    return Inspection(text, activations, sampler.config.num_layers, findings)


def read_activations(sampler: Sampler, ids: np.ndarray) -> np.ndarray:
    """Return the activation of every unit after each character: tanh(c) of an LSTM, h of an RNN or GRU.

    Args:
        ids: integer array of shape (T,).

    Returns:
        A float32 array of shape (T, L*H) with values in [-1, 1], the units of the first layer first.
    """
    has_c = CELLS[sampler.config.cell].states == 2
    units = sampler.config.num_layers * sampler.config.hidden_size
    activations = np.empty((len(ids), units), np.float32)  # (T, L*H)
    state = sampler.begin_state(1)
    for t in range(len(ids)):
        _, state = sampler.step(ids[t : t + 1], state)
        held = np.concatenate([layer[-1][0] for layer in state])  # (L*H,), c of an LSTM
        activations[t] = np.tanh(held) if has_c else held
    return activations


def find_units(activations: np.ndarray, feature: str, text: str, hidden_size: int, top: int) -> Finding:
    """Choose the units that best follow a feature in the first half of a text, and measure them in the second.

    The best of hundreds of units looks good by chance; only text that was not used to choose shows how good it is.

    Args:
        activations: float array of shape (T, L*H).
        feature: a key of `FEATURES`.
        text: T characters.
        hidden_size: H.
        top: the number of units to choose.
    """
    values = FEATURES[feature](text)  # (T,)
    half = len(text) // 2
    passages = count_passages(values[:half]), count_passages(values[half:])
    if note := _why_not_scored(values[:half], values[half:]):
        return Finding(feature, passages, (), note)
    chosen_by = correlations(activations[:half], values[:half])  # (L*H,)
    held_out = correlations(activations[half:], values[half:])  # (L*H,)
    units = tuple(
        UnitScore(*divmod(int(index), hidden_size), round(float(chosen_by[index]), 4), round(float(held_out[index]), 4))
        for index in np.argsort(-np.abs(chosen_by), kind="stable")[:top]
    )
    note = f"fewer than {FEW} passages in a half: this may be chance" if min(passages) < FEW else ""
    return Finding(feature, passages, units, note)


def correlations(activations: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return each unit's Pearson correlation with `values`, 0 for a unit that never changes.

    Args:
        activations: float array of shape (T, L*H).
        values: float array of shape (T,), not constant.

    Returns:
        A float64 array of shape (L*H,).

    >>> correlations(np.array([[1, 5, 2], [2, 5, 1], [3, 5, 0]]), np.array([0, 1, 2])).round(6).tolist()
    [1.0, 0.0, -1.0]
    """
    changes = activations.max(axis=0) > activations.min(axis=0)  # (L*H,)
    a = activations - activations.mean(axis=0, dtype=np.float64)  # (T, L*H)
    v = values - values.mean()  # (T,)
    norms = np.linalg.norm(a, axis=0) * np.linalg.norm(v)  # (L*H,)
    return np.divide(v @ a, norms, out=np.zeros(len(norms)), where=changes)


def count_passages(values: np.ndarray) -> int:
    """Return the number of runs of positive values in an array of shape (T,).

    >>> count_passages(np.array([1, 2, 0, 0, 1, 0, 1]))
    3
    """
    return int((np.diff(values > 0, prepend=False) & (values > 0)).sum())


def inside_quotes(text: str) -> np.ndarray:
    """Return 1 from an opening quotation mark until before the closing one, elsewhere 0, (T,).

    Double marks and guillemets count, or single marks where there are more of them, as in British books. A single mark
    counts only if it has a partner; apostrophes within words do not. A quotation ends at an empty line: a speech of
    several paragraphs opens each of them anew and closes only the last.

    >>> inside_quotes('a "b" c').astype(int).tolist()
    [0, 0, 1, 1, 0, 0, 0]
    """
    double, single = (list(re.finditer(quoted, text)) for quoted in (DOUBLE_QUOTED, SINGLE_QUOTED))
    inside = np.zeros(len(text))
    for match in single if len(single) > len(double) else double:
        inside[match.start() : match.end(1)] = 1
    return inside


def inside_brackets(text: str) -> np.ndarray:
    """Return 1 from an opening (, [ or { until before its closing one, elsewhere 0, (T,).

    Brackets without a partner do not count.

    >>> inside_brackets("a (b) :-)").astype(int).tolist()
    [0, 0, 1, 1, 0, 0, 0, 0, 0]
    """
    inside = np.zeros(len(text))
    places, opened = [], ""  # of brackets that are not yet closed
    for t, character in enumerate(text):
        if character in BRACKETS.values():
            places.append(t)
            opened += character
        elif character in BRACKETS and (partner := opened.rfind(BRACKETS[character])) >= 0:
            inside[places[partner] : t] = 1
            places, opened = places[:partner], opened[:partner]
    return inside


def position_in_line(text: str) -> np.ndarray:
    """Return the number of characters since the last line end, (T,).

    >>> position_in_line("ab\\nc").astype(int).tolist()
    [1, 2, 0, 1]
    """
    t = np.arange(len(text))
    line_ends = np.array([character == "\n" for character in text], dtype=bool)
    return (t - np.maximum.accumulate(np.where(line_ends, t, -1))).astype(np.float64)


def position_in_word(text: str) -> np.ndarray:
    """Return the number of characters of the current word so far, 0 between words, (T,); apostrophes may be inside.

    >>> position_in_word("It's so").astype(int).tolist()
    [1, 2, 3, 4, 0, 1, 2]
    """
    position = np.zeros(len(text))
    for match in re.finditer(WORD, text):
        position[match.start() : match.end()] = np.arange(1, len(match[0]) + 1)
    return position


def last_of_word(text: str) -> np.ndarray:
    """Return 1 for the last character of a word, elsewhere 0, (T,)."""
    last = np.zeros(len(text))
    last[[match.end() - 1 for match in re.finditer(WORD, text)]] = 1
    return last


def upper_case(text: str) -> np.ndarray:
    """Return 1 for an upper-case letter, elsewhere 0, (T,)."""
    return np.array([character.isupper() for character in text], dtype=np.float64)


def digit(text: str) -> np.ndarray:
    """Return 1 for a digit, elsewhere 0, (T,)."""
    return np.array([character.isdigit() for character in text], dtype=np.float64)


# From a text to the value of the feature after each character, (T,).
FEATURES: dict[str, Callable[[str], np.ndarray]] = {
    "inside quotation marks": inside_quotes,
    "inside brackets": inside_brackets,
    "position in the line": position_in_line,
    "position in the word": position_in_word,
    "last letter of a word": last_of_word,
    "upper case": upper_case,
    "digit": digit,
}


def _why_not_scored(first: np.ndarray, second: np.ndarray) -> str:
    """Return why no correlation with these values in the two halves of the text can be computed, or ""."""
    if not (first.any() or second.any()):
        return "none in this text"
    for half, name, so in ((first, "first", "no unit can be chosen"), (second, "second", "this cannot be checked")):
        if not len(half) or half.min() == half.max():
            what = "the same throughout" if half.any() else "none in"
            return f"{what} the {name} half of the text, so {so}"
    return ""
