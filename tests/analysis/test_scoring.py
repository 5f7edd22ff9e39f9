import contextlib
import functools
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.analysis import scoring
from chargen.analysis.scoring import Predictions, Scoring, score, shared_vocabulary
from chargen.errors import InputError, UnknownCharacterError
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.sampling.sampler import Sampler
from chargen.text.vocabulary import Vocabulary

rng = np.random.default_rng(5)
TEXT = "".join(rng.choice(list("abcdefgh "), 3000))


def make(characters="abcdefgh ", cell="gru", normalization="none", seed=3, layers=1):
    vocabulary = Vocabulary.from_text(characters, normalization)
    config = ModelConfig(len(vocabulary), cell, 6, layers)
    rng = np.random.default_rng(seed)
    shapes = config.weight_shapes().items()
    weights = {name: rng.normal(scale=0.6, size=shape).astype(np.float32) for name, shape in shapes}
    return Sampler(Checkpoint(config, vocabulary, weights))


def read(samplers, pieces, **options):
    """Return the text that was read, and each model's predictions of all of it."""
    result = list(Scoring(samplers, **options).read(pieces))
    models = [
        Predictions(*map(np.concatenate, zip(*parts, strict=True)))
        for parts in zip(*(p[1] for p in result), strict=True)
    ]
    return "".join(piece.text for piece in result), *models


@contextlib.contextmanager
def blocks_of(characters):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "BLOCK", characters)
        yield


@functools.cache
def whole_text_in_blocks_of_700():
    return read([make()], [TEXT])


def one_by_one(sampler, text):
    """Return the losses (characters - 1,) and distributions (characters - 1, V) of reading in one stream."""
    ids, state = sampler.vocabulary.encode(text), sampler.begin_state()
    distributions = []
    for char_id in ids[:-1]:
        logits, state = sampler.step(char_id[None], state)
        p = np.exp(logits[0].astype(float))
        distributions.append(p / p.sum())
    distributions = np.array(distributions)
    return -np.log(distributions[np.arange(len(ids) - 1), ids[1:]]), distributions


@pytest.mark.parametrize("block", [600, scoring.BLOCK])
@pytest.mark.parametrize(("cell", "layers"), [("rnn", 1), ("gru", 1), ("lstm", 2)])
def test_reading_in_rows_gives_each_character_the_loss_of_reading_in_one_stream(cell, layers, block):
    sampler = make(cell=cell, layers=layers)
    losses, distributions = one_by_one(sampler, TEXT)
    with blocks_of(block):
        text, model = read([sampler], [TEXT], top=2)
        assert score(sampler, TEXT).loss == pytest.approx(losses.mean(), abs=1e-5)
    assert text == TEXT
    assert np.isnan(model.losses[0])
    np.testing.assert_allclose(model.losses[1:], losses, atol=1e-4)
    np.testing.assert_allclose(model.probabilities[1:], -np.sort(-distributions)[:, :2], atol=1e-4)
    guessed = np.take_along_axis(distributions, model.guesses[1:], axis=1)
    np.testing.assert_allclose(guessed, model.probabilities[1:], atol=1e-4)


@pytest.mark.parametrize("length", [2, 3, 256, 257, 258, 600, 601, 602, 1201, 1202])
def test_every_character_but_the_first_counts_once(length):
    sampler = make()
    losses, _ = one_by_one(sampler, TEXT[:length])
    with blocks_of(600):
        result = score(sampler, TEXT[:length])
    assert result.characters == length - 1
    assert result.loss == pytest.approx(losses.mean(), abs=1e-5)


@pytest.mark.parametrize("length", [2, 300, 17_000])
def test_it_agrees_with_the_evaluation_of_training(length):
    import torch

    from chargen.training.model import CharModel
    from chargen.training.text_task import evaluate

    torch.manual_seed(0)
    model, vocabulary = CharModel(9, cell="lstm", hidden_size=20, num_layers=2), Vocabulary(" abcdefgh")
    with torch.no_grad():
        for weights in model.parameters():
            weights *= 3  # a memory that is long, so that other rows would give other losses
    ids = np.random.default_rng(1).integers(9, size=length)
    result = score(Sampler(model.to_checkpoint(vocabulary)), vocabulary.decode(ids))
    assert result.loss == pytest.approx(evaluate(model, ids), abs=1e-5)
    assert result.bits == pytest.approx(result.loss / math.log(2))
    assert result.perplexity == pytest.approx(math.exp(result.loss))


@given(st.lists(st.integers(0, len(TEXT)), max_size=8))
@settings(max_examples=10)
def test_where_the_pieces_begin_and_end_changes_no_bit(cuts):
    cuts = [0, *sorted(cuts), len(TEXT)]
    pieces = [TEXT[a:b] for a, b in itertools.pairwise(cuts)]
    with blocks_of(700):
        text, model = read([make()], pieces)
        _, expected = whole_text_in_blocks_of_700()
    assert text == TEXT
    np.testing.assert_array_equal(model.losses, expected.losses)


def test_unknown_characters_are_named_left_out_or_replaced():
    sampler = make()
    with pytest.raises(UnknownCharacterError, match=r"'!' '\?'"):
        score(sampler, "ab?c!")
    assert score(sampler, "ab?C!", "skip") == score(sampler, "ab")
    assert score(sampler, "ab?C!", "replace") == score(sampler, "ab c ")
    scoring = Scoring([sampler], "replace")
    assert [piece.text for piece in scoring.read(["ab?", "C!"])] == ["ab c "]
    assert scoring.unknown_characters == 3


@pytest.mark.parametrize(
    ("text", "words"), [("", "the text is empty"), ("a", "the text has only one character"), ("?", "is empty")]
)
def test_a_text_that_is_too_short_is_refused(text, words):
    with pytest.raises(InputError, match=f"{words}; give at least two characters, since the first is not predicted"):
        score(make(), text, "skip")


def test_two_models_read_what_both_know():
    first, other = make("ABab .", "lstm"), make("abc .", "gru", "lower")
    assert shared_vocabulary([first.vocabulary, other.vocabulary]) == Vocabulary(" .ab", "lower")
    text, first_model, other_model = read([first, other], ["ABc", "ba. C"], unknown="skip")
    assert text == "abba. "
    for sampler, model in ((first, first_model), (other, other_model)):
        np.testing.assert_allclose(model.losses[1:], one_by_one(sampler, text)[0], rtol=1e-4)
    with pytest.raises(UnknownCharacterError, match="'c'"):
        read([first, other], ["ABc"])
    with pytest.raises(InputError, match="no character in common"):
        Scoring([first, make("xyz")])


PEAK = """
import resource, sys
import numpy as np
from chargen.network.config import ModelConfig
from chargen.network.checkpoint import Checkpoint
from chargen.sampling.sampler import Sampler
from chargen.analysis.scoring import Scoring
from chargen.text.streams import read_text
from chargen.text.vocabulary import Vocabulary

config = ModelConfig(3, "rnn", 1)
weights = {name: np.zeros(shape, np.float32) for name, shape in config.weight_shapes().items()}
scoring = Scoring([Sampler(Checkpoint(config, Vocabulary("\\nab"), weights))])
for _ in scoring.read(read_text(sys.argv[1])):
    pass
assert abs(scoring.scores[0].perplexity - 3) < 1e-6
print(scoring.scores[0].characters, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
def test_memory_does_not_grow_with_the_text(tmp_path):
    def peak(characters):
        (tmp_path / "long.txt").write_text("ab\n" * (characters // 3))
        command = [sys.executable, "-c", PEAK, "long.txt"]  # beside a clone it would import that, not what is installed
        result = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)
        read, kilobytes = map(int, result.stdout.split())
        assert read == characters - 1
        return kilobytes / 1000

    assert peak(2_400_000) - peak(600_000) < 8  # MB; the ids alone of 1.8 million characters would be 14
