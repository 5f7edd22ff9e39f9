"""Prepare English books as one text for the base model: many spellings of the same prose, and whole books held out.

    python benchmarks/english.py BOOKS english.txt [SEED ...]
    python benchmarks/english.py --words TEXT MODEL  # gives a model of TEXT the words that --known-words keeps to

People's texts have straight or curly quotation marks, lines that end hard or paragraphs that do not, now and then
capitals only or none. So the books are cut into pieces between paragraphs, each piece is written in one of these ways,
and the pieces are shuffled. The books that are held out stand at the end, as they are. Another seed gives other ways
and another order, for a run that goes on; several seeds give the books as often, each time anew.
"""

import random
import re
import sys
from dataclasses import replace
from pathlib import Path

from chargen.network.checkpoint import Checkpoint
from chargen.text.corpus import load_corpus
from chargen.text.words import find_words

HELD_OUT = ("carmilla", "jekyll_and_hyde", "ponies_past_and_present", "wonderful_wizard_of_oz")
LEFT_OUT = ("count_of_monte_cristo",)  # a long novel that the base has not seen, to fine-tune on
PIECE = 30_000  # characters
ACCENTS = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŒœ"
SIGNS = "‘’“”–—…«»£§°·½¼¾×¿¡†•"  # noqa: RUF001
CHARACTERS = "\n" + "".join(map(chr, range(32, 127))) + ACCENTS + SIGNS
STRAIGHT = {"‘": "'", "’": "'", "“": '"', "”": '"', "—": "--", "–": "-", "…": "..."}


def cleaned(text: str) -> str:
    """Return a text without words in characters that the base does not have, and without runs of empty lines."""
    unknown = re.escape(CHARACTERS)
    text = re.sub(rf"\S*[^{unknown}]\S*", "", text.replace("\t", " "))
    text = re.sub(r"[ ]+\n", "\n", text)
    return re.sub(r"\n{4,}", "\n\n\n", text).strip() + "\n"


def pieces(text: str) -> list[str]:
    """Cut a text after paragraphs into pieces of about PIECE characters."""
    found, size = [[]], 0
    for paragraph in text.split("\n\n"):
        found[-1].append(paragraph)
        size += len(paragraph)
        if size >= PIECE:
            found.append([])
            size = 0
    return ["\n\n".join(piece) for piece in found if piece]


def respelled(text: str, rng: random.Random) -> str:
    """Write a piece in one of the ways that people's texts are written in."""
    if rng.random() < 0.5:
        text = re.sub(r"[‘’“”—–…]", lambda found: STRAIGHT[found[0]], text)
    if rng.random() < 0.5:  # paragraphs without hard line ends; verse and tables, indented, keep theirs
        text = re.sub(r"(?<=\S)\n(?=[^\s])", " ", text)
        if rng.random() < 0.4:  # and without empty lines between them
            text = re.sub(r"\n\n(?=\S)", "\n", text)
    case = rng.random()
    return text.lower() if case < 0.05 else text.upper() if case < 0.07 else text


def main(books: Path, out: Path, *seeds: int) -> None:
    texts = {path.stem: cleaned(path.read_text("utf-8")) for path in sorted(books.glob("*.txt"))}
    whole = [piece for name in texts if name not in HELD_OUT + LEFT_OUT for piece in pieces(texts[name])]
    learned = []
    for seed in seeds or (0,):
        rng = random.Random(seed)
        once = [respelled(piece, rng) for piece in whole]
        rng.shuffle(once)
        learned += once
    held_out = "\n\n".join(texts[name] for name in HELD_OUT)
    text = CHARACTERS.strip() + "\n\n" + "\n\n".join(learned) + "\n\n" + held_out
    out.write_text(text, "utf-8")
    print(f"{len(text):,} characters, {len(set(text))} different; --valid-fraction {len(held_out) / len(text):.5f}")


def add_words(text: str, path: Path) -> None:
    """Give a model the words of the text that it learned, without those of the held-out part."""
    model = Checkpoint.load(path)
    corpus = load_corpus(text, normalization=model.vocabulary.normalization, valid_fraction=0)
    ids = corpus.train_ids[: model.provenance.train_characters]
    words = find_words(ids, corpus.vocabulary.characters)
    replace(model, words=words).save(path)
    print(f"{len(words):,} words, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    if sys.argv[1] == "--words":
        add_words(sys.argv[2], Path(sys.argv[3]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
