import math
import random
import re

import pytest
import torch

from chargen.network.checkpoint import Checkpoint, find
from chargen.text.baselines import measure
from chargen.text.corpus import Corpus, load_corpus
from chargen.text.vocabulary import Vocabulary
from chargen.training.base import BASE, Opinion, consult
from chargen.training.recipe import Knowledge

CPU = torch.device("cpu")
BUNDLED = Checkpoint.load(find(BASE))
ENGLISH = load_corpus(max_chars=12_000)  # of the bundled story


def corpus_of(text: str, valid_fraction: float = 0.1) -> Corpus:
    vocabulary = Vocabulary.from_text(text)
    ids, split = vocabulary.encode(text), round(len(text) * (1 - valid_fraction))
    return Corpus("text", vocabulary, ids[:split], ids[split:], "0" * 64)


def test_the_base_knows_english_better_than_counting_its_letters_teaches():
    opinion = consult(BUNDLED, ENGLISH, CPU, measure(ENGLISH))
    assert opinion.helps
    assert opinion.knowledge is Knowledge.GOOD
    assert 1.0 < opinion.bits < 2.5 < opinion.counts


def test_it_is_asked_about_the_end_of_a_text_of_which_nothing_is_held_out():
    ids = torch.cat([torch.as_tensor(ENGLISH.train_ids).long(), torch.as_tensor(ENGLISH.valid_ids).long()]).numpy()
    whole = Corpus("text", ENGLISH.vocabulary, ids, ids[:0], "0" * 64)
    assert consult(BUNDLED, whole, CPU, {}).bits == pytest.approx(consult(BUNDLED, ENGLISH, CPU, {}).bits, abs=0.2)


def test_english_that_looks_strange_is_not_known_well():
    """Spaces around punctuation and between words, as in texts for machines, make it worse than counting letters."""
    corpus = corpus_of(re.sub(r"(\W)", r" \1 ", ENGLISH.vocabulary.decode(ENGLISH.train_ids)))
    opinion = consult(BUNDLED, corpus, CPU, measure(corpus))
    assert opinion.counts < opinion.bits < opinion.guessing == math.log2(len(corpus.vocabulary))
    assert opinion.knowledge is Knowledge.FAIR
    assert opinion.words > 0.8


@pytest.mark.parametrize(
    ("opinion", "knowledge", "helps"),
    [
        (Opinion(bits=2.0, counts=2.1, guessing=6.0, words=0.0), Knowledge.GOOD, True),
        (Opinion(bits=2.2, counts=2.1, guessing=6.2, words=0.9), Knowledge.FAIR, True),
        (Opinion(bits=2.2, counts=2.5, guessing=6.0, words=0.0), Knowledge.FAIR, True),
        (Opinion(bits=3.3, counts=2.5, guessing=6.0, words=0.8), Knowledge.POOR, True),
        (Opinion(bits=5.0, counts=2.5, guessing=6.0, words=0.9), Knowledge.FAIR, True),
        (Opinion(bits=5.2, counts=2.5, guessing=6.0, words=0.5), Knowledge.POOR, False),
    ],
)
def test_the_less_the_base_knows_the_more_is_to_be_learned_until_nothing_is_the_better_beginning(
    opinion, knowledge, helps
):
    assert (opinion.knowledge, opinion.helps) == (knowledge, helps)


def test_another_language_is_told_by_its_words():
    german = "Der Hund lief durch den dunklen Wald, und niemand wußte, woher er kam. Die Nacht war kalt.\n" * 20
    corpus = corpus_of(german)
    opinion = consult(BUNDLED, corpus, CPU, measure(corpus))
    assert opinion.words < 0.5
    assert opinion.knowledge is Knowledge.POOR


@pytest.mark.parametrize("kind", ["cipher", "noise", "another script"])
def test_a_text_that_the_base_does_not_know_is_learned_from_nothing(kind):
    """Not even its characters need be known: they are unlikely, like an average one."""
    rng, english = random.Random(0), ENGLISH.vocabulary.decode(ENGLISH.train_ids).lower()
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    text = {
        "cipher": english.translate(str.maketrans(letters, "".join(rng.sample(letters, 26)))),
        "noise": "".join(rng.choices("abcdefgh \n", k=10_000)),
        "another script": english.translate({ord(letter): ord(letter) - ord("a") + 0x0430 for letter in letters}),
    }[kind]
    corpus = corpus_of(text)
    assert not consult(BUNDLED, corpus, CPU, measure(corpus)).helps


def test_the_base_has_the_characters_of_western_texts_in_few_bytes():
    known = set(BUNDLED.vocabulary.characters)
    assert set("\n ~{}\\'\"‘’“”–—…éèêëàâçñöäüßåøæœÉÀÖÄÜ£§¿¡«»") <= known
    assert find(BASE).stat().st_size < 10_000_000
