import re

import numpy as np
import pytest
import torch

import chargen
from chargen.errors import InputError
from chargen.network.cells import CELLS
from chargen.network.checkpoint import BEST, Checkpoint, find
from chargen.training import plan as planning
from chargen.training import recipe
from chargen.training.automatic import choose
from chargen.training.base import BASE
from chargen.training.clock import seconds_worked
from chargen.training.plan import FixedSettings
from chargen.training.recipe import Knowledge

CPU = torch.device("cpu")
SMALL = {"hidden_size": 8, "epochs": 2, "batch_size": 4, "num_steps": 16}


@pytest.fixture
def poem(tmp_path):
    (tmp_path / "poem.txt").write_text("Tyger Tyger burning bright\nIn the forests of the night\n" * 40)
    return tmp_path / "poem.txt"


def test_one_call_returns_the_best_model_and_says_what_was_chosen(poem, tmp_path):
    said = []
    model = chargen.train(poem, **SMALL, normalization="lower", folder=tmp_path / "run", watch=said.append)
    kept = Checkpoint.load(tmp_path / "run" / BEST)
    for name, weights in kept.weights.items():
        np.testing.assert_array_equal(model.checkpoint.weights[name], weights)
    assert model.config.hidden_size == 8
    assert len(model.sample("tyger", 30)) == 30
    *lines, first, second = said
    assert "lstm 1 x 8" in "\n".join(lines)
    assert (first.epoch, second.epoch) == (1, 2)
    assert kept.provenance.metadata["baselines"]


@pytest.mark.parametrize(("spent", "left"), [(5.0, 14.0), (15.0, 9.0), (80.0, 9.0)])
def test_half_of_a_budget_is_for_training_however_long_the_preparation_took(monkeypatch, spent, left):
    monkeypatch.setattr(planning, "SPEED_SECONDS", 0.01)
    monkeypatch.setattr(recipe, "MOST_EPOCHS", 10**9)
    corpus, said = chargen.load_corpus(max_chars=20_000), []
    fixed = FixedSettings(hidden_size=8, batch_size=4, num_steps=16)
    plan, _ = choose(corpus, CPU, fixed, budget=20.0, began=seconds_worked() - spent, say=said.append)
    assert plan.settings.seconds == pytest.approx(left, abs=2)  # on a busy machine
    told = f"getting ready took {spent:.0f} s: training for half of the budget of 20 s all the same"
    assert [line for line in said if line.startswith("getting ready")] == [told] * (spent > 10)


def test_a_text_that_the_base_model_knows_is_learned_from_it_unless_told_otherwise():
    corpus, said = chargen.load_corpus(max_chars=2_000), []
    plan, metadata = choose(corpus, CPU, FixedSettings(epochs=1), say=said.append)
    assert plan.model.config.hidden_size == Checkpoint.load(find(BASE)).config.hidden_size
    assert metadata["init_from"] == BASE
    assert said[0].startswith("beginning from the base model english")
    plan, metadata = choose(corpus, CPU, FixedSettings(epochs=1), from_scratch=True, say=said.append)
    assert metadata["init_from"] is None
    assert plan.model.config.hidden_size == recipe.choose(1_800, len(corpus.vocabulary), epochs=1).hidden_size


def test_a_text_that_looks_strange_to_the_base_is_learned_from_it_at_a_higher_rate(tmp_path):
    english = chargen.load_corpus(max_chars=2_000)
    spaced = re.sub(r"(\W)", r" \1 ", english.vocabulary.decode(english.train_ids))
    (tmp_path / "spaced.txt").write_text(spaced)
    corpus, said = chargen.load_corpus(tmp_path / "spaced.txt"), []
    plan, metadata = choose(corpus, CPU, FixedSettings(epochs=1), say=said.append)
    asked, _ = choose(corpus, CPU, FixedSettings(epochs=1), base=Checkpoint.load(find(BASE)), init_from=BASE)
    assert metadata["init_from"] == BASE
    assert said[0].startswith("beginning from the base model english, which has much to learn here")
    usual, strange = CELLS["lstm"].learning_rate, recipe.fine_tune(2_000, plan.model.config, knowledge=Knowledge.FAIR)
    assert plan.settings.learning_rate == asked.settings.learning_rate == pytest.approx(strange.rate * usual)
    assert strange.rate > recipe.FINE_TUNING[Knowledge.GOOD].rate


def test_a_run_that_is_there_is_kept_and_an_unknown_option_named(poem, tmp_path):
    chargen.train(poem, **SMALL, folder=tmp_path / "run")
    with pytest.raises(InputError, match="overwrite"):
        chargen.train(poem, **SMALL, folder=tmp_path / "run")
    with pytest.raises(TypeError, match="hiden_size"):
        chargen.train(poem, hiden_size=8)
