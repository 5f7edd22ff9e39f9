"""The page that shades each character of a text by how well models predicted it."""

import math
from collections.abc import Sequence

import numpy as np

from chargen.analysis.comparison import Passage
from chargen.analysis.scoring import Piece, Predictions, Score
from chargen.report.page import page
from chargen.report.words import counted
from chargen.text.vocabulary import Vocabulary

LIMIT = 50_000  # characters on a page; browsers are slow to lay out many more


def score_page(
    title: str,
    names: Sequence[str],
    scores: Sequence[Score],
    vocabularies: Sequence[Vocabulary],
    beginning: Piece,
    passages: Sequence[Sequence[Passage]] = (),
) -> str:
    """Return an HTML page: the surprise of one model at each character, or the difference between two models.

    Args:
        title: of the text.
        names: of the models.
        scores: of each model on the whole text.
        vocabularies: of each model.
        beginning: of the text; the page shows its first `LIMIT` characters.
        passages: that each of two models predicts better than the other.
    """
    text = beginning.text[:LIMIT]
    models = zip(names, beginning.predictions, vocabularies, strict=True)
    read = scores[0].characters + 1
    part = f" This page shows the first {LIMIT:,}." if read > LIMIT else ""
    data = {
        "text": text,
        "models": [_model(*model, len(text)) for model in models],
        "scores": [
            [name, f"{score.bits:.3f}", f"{score.loss:.3f}", f"{score.perplexity:,.2f}"]
            for name, score in zip(names, scores, strict=True)
        ],
        "passages": [[passage._asdict() for passage in of_model] for of_model in passages],
        "size": f"{counted(read, 'character')}.{part}",
    }
    return page(title, "score", data)


def _model(name: str, predictions: Predictions, vocabulary: Vocabulary, characters: int) -> dict:
    """Return a model's bits, guesses and their ‰ for each of the first characters, as plain values."""
    losses, guesses, probabilities = (array[:characters] for array in predictions)
    bits = np.nan_to_num(losses / math.log(2)).round(2).tolist()  # 0 for the first one, which is not predicted
    permille = (1000 * probabilities).round().astype(int).ravel().tolist()
    return {"name": name, "bits": bits, "guesses": vocabulary.decode(guesses.ravel()), "permille": permille}
