import numpy as np
import pytest
import torch
from torch.nn import functional as F

from chargen.errors import TrainingError
from chargen.text.vocabulary import Vocabulary
from chargen.training import adaptation
from chargen.training.adaptation import BLOCK, DECAY, LARGEST_GRADIENT, LEARNING_RATE, MEMORY, Adaptation
from chargen.training.model import CharModel

LETTERS = Vocabulary.from_text("abcdef ")
IDS = np.random.default_rng(0).integers(len(LETTERS), size=3 * BLOCK + 8)


@pytest.fixture
def checkpoint():
    torch.manual_seed(0)
    return CharModel(len(LETTERS), "lstm", 8, dropout=0.5).to_checkpoint(LETTERS)


def read(checkpoint, *pieces):
    adapted = Adaptation(checkpoint)
    return adapted, [characters for piece in pieces for characters in adapted.read(piece)]


def test_each_block_is_predicted_before_it_is_learned_by_the_rule(checkpoint):
    model, total = CharModel.from_checkpoint(checkpoint).eval(), 0.0
    start = [weight.detach().clone() for weight in model.parameters()]
    squares, state = [0.0] * len(start), model.begin_state(1)
    X, Y = (torch.as_tensor(part).split(BLOCK) for part in (IDS[:-1], IDS[1:]))
    for step, (x, y) in enumerate(zip(X, Y, strict=True), 1):
        logits, state = model(x[None], tuple(part.detach() for part in state))
        loss = F.cross_entropy(logits[0], y)
        total += loss.item() * len(y)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        norm = sum(gradient.square().sum() for gradient in gradients).sqrt()
        scale = min(1.0, LARGEST_GRADIENT / norm.item())
        with torch.no_grad():
            for place, (weight, gradient) in enumerate(zip(model.parameters(), gradients, strict=True)):
                squares[place] = MEMORY * squares[place] + (1 - MEMORY) * (scale * gradient).square()
                rms = (squares[place] / (1 - MEMORY**step)).sqrt() + 1e-8
                learned = weight - LEARNING_RATE * scale * gradient / rms
                weight.copy_(learned + DECAY * (start[place] - learned))
    adapted, characters = read(checkpoint, IDS)
    assert characters == [BLOCK, 2 * BLOCK, 3 * BLOCK, 3 * BLOCK + 7]
    assert adapted.loss == pytest.approx(total, rel=1e-5)


def test_a_text_that_repeats_itself_is_learned_and_the_checkpoint_stays_as_it_is(checkpoint):
    before = {name: weights.copy() for name, weights in checkpoint.weights.items()}
    whole, _ = read(checkpoint, np.tile(IDS[:2], 1500))
    once, _ = read(checkpoint, np.tile(IDS[:2], 9))
    assert whole.loss / whole.characters < once.loss / once.characters - 0.1
    for name, weights in checkpoint.weights.items():
        np.testing.assert_array_equal(weights, before[name])


def test_a_text_that_comes_in_pieces_is_one_text(checkpoint):
    whole, _ = read(checkpoint, IDS)
    parts, characters = read(checkpoint, IDS[: BLOCK + 1], IDS[BLOCK + 1 : BLOCK + 1], IDS[BLOCK + 1 :])
    assert characters[-1] == len(IDS) - 1
    assert parts.loss == whole.loss


def test_weights_that_are_no_numbers_are_refused(checkpoint, monkeypatch):
    monkeypatch.setattr(adaptation, "LEARNING_RATE", float("inf"))
    with pytest.raises(TrainingError, match="after 64 characters"):
        read(checkpoint, IDS)
