from dataclasses import replace

import numpy as np
import pytest
import torch

from chargen.errors import InputError
from chargen.network.cells import CELLS
from chargen.network.native import library
from chargen.text.corpus import Corpus
from chargen.text.vocabulary import Vocabulary
from chargen.training import plan as planning
from chargen.training import recipe
from chargen.training.model import CharModel
from chargen.training.plan import FixedSettings, make_plan, operations_per_second
from chargen.training.recipe import FINE_TUNING, Knowledge, choose

CPU = torch.device("cpu")
LETTERS = Vocabulary("abcdefgh")
IDS = np.random.default_rng(0).integers(0, 8, 20_000)
needs_kernels = pytest.mark.skipif(not library.has_vectors(), reason="NO FAST NATIVE KERNELS")
CORPUS = Corpus("noise", LETTERS, IDS[:18_000], IDS[18_000:], "0" * 64)


def test_what_is_not_settled_is_chosen_by_the_recipe():
    plan, chosen = make_plan(CORPUS, CPU), choose(18_000, 8)
    assert (plan.model.config.hidden_size, plan.model.config.num_layers) == (chosen.hidden_size, chosen.num_layers)
    assert (plan.settings.epochs, plan.model.config.dropout) == (chosen.epochs, chosen.dropout)
    assert plan.settings.batching.batch_size == chosen.batch_size
    assert plan.settings.learning_rate == CELLS[plan.model.config.cell].learning_rate
    assert (plan.settings.final_learning_rate, plan.settings.averaging) == (0.15, 30)
    text, network, _ = plan.why.splitlines()
    assert text == "18,000 characters to learn, 8 different; 2,000 held out"
    assert f"{chosen.epochs} epochs, about" in network
    assert max(map(len, plan.why.splitlines())) < 80


@pytest.mark.parametrize(
    ("path", "engine", "cell"),
    [("avx2", None, "capped-lstm"), ("avx2", "torch", "lstm"), ("portable", None, "lstm"), (None, None, "lstm")],
)
def test_the_cell_is_one_that_the_engine_runs_fast(monkeypatch, path, engine, cell):
    monkeypatch.setattr(planning, "_seconds_needed", lambda *_: 1.0)  # nothing is run on a path that is not here
    monkeypatch.setattr(library, "path", lambda precision="float32": path if precision == "float32" else None)
    plan = make_plan(CORPUS, CPU, FixedSettings(engine=engine))
    assert plan.model.config.cell == cell
    assert plan.settings.learning_rate == CELLS[cell].learning_rate


def test_what_is_settled_is_kept():
    settled = {"cell": "gru", "hidden_size": 20, "num_layers": 2, "dropout": 0.2, "epochs": 3, "batch_size": 5}
    settled |= {"num_steps": 9, "partition": "random", "learning_rate": 0.1, "clip": 3.0, "precision": "float32"}
    plan = make_plan(CORPUS, CPU, FixedSettings(**settled), seed=4)
    values = vars(plan.model.config) | vars(plan.settings) | vars(plan.settings.batching)
    assert {name: values[name] for name in settled} == settled
    assert plan.settings.batching.seed == 4


def test_sgd_has_defaults_of_its_own():
    settings = make_plan(CORPUS, CPU, FixedSettings(optimizer="sgd")).settings
    assert (settings.learning_rate, settings.weight_decay) == (1.0, 0.0)
    assert (settings.final_learning_rate, settings.averaging) == (0.02, None)


def test_the_seed_decides_the_weights():
    def weights(seed):
        return make_plan(CORPUS, CPU, seed=seed).model.output.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_a_time_is_kept_less_what_planning_took():
    plan = make_plan(CORPUS, CPU, FixedSettings(hidden_size=512), seconds=30)
    assert 2 < plan.settings.seconds < 28.5
    assert f"weights; about {plan.settings.seconds:.0f} s" in plan.why


def test_more_time_than_a_short_text_is_worth_is_not_taken():
    assert make_plan(CORPUS, CPU, FixedSettings(hidden_size=32), seconds=3600).settings.seconds < 60


def test_half_of_a_time_is_for_training_also_where_planning_took_all_of_it():
    assert make_plan(CORPUS, CPU, FixedSettings(hidden_size=512), seconds=1).settings.seconds == 0.5


def test_the_speed_is_that_of_a_plausible_machine():
    """Multiplications a second; a unit that is wrong would be off by a thousand or more."""
    assert 1e8 < operations_per_second(CORPUS, "gru", CPU, FixedSettings(precision="float32")) < 1e12


def test_fine_tuning_keeps_the_network_and_lowers_the_learning_rate():
    base = CharModel(8, "gru", hidden_size=24, num_layers=2).to_checkpoint(LETTERS)
    plan = make_plan(CORPUS, CPU, base=base)
    assert (plan.model.config.cell, plan.model.config.hidden_size, plan.model.config.num_layers) == ("gru", 24, 2)
    np.testing.assert_array_equal(plan.model.output.weight.detach().numpy(), base.weights["output.weight"])
    assert plan.settings.learning_rate == pytest.approx(FINE_TUNING[Knowledge.GOOD].rate * CELLS["gru"].learning_rate)
    assert (plan.settings.final_learning_rate, plan.settings.averaging) == (0.02, None)


@pytest.mark.parametrize(
    ("cell", "knowledge", "fixed", "trained"),
    [
        pytest.param("lstm", Knowledge.POOR, FixedSettings(), "capped-lstm", marks=needs_kernels),
        ("lstm", Knowledge.POOR, FixedSettings(engine="torch"), "lstm"),
        ("lstm", Knowledge.FAIR, FixedSettings(), "lstm"),
        ("lstm", Knowledge.POOR, FixedSettings(cell="lstm"), "lstm"),
        ("gru", Knowledge.POOR, FixedSettings(), "gru"),
    ],
)
def test_an_lstm_that_does_not_know_the_text_becomes_a_capped_one(cell, knowledge, fixed, trained):
    base = CharModel(8, cell, hidden_size=24).to_checkpoint(LETTERS)
    plan = make_plan(CORPUS, CPU, fixed, base=base, knowledge=knowledge)
    assert plan.model.config.cell == trained
    for name, weights in base.weights.items():
        np.testing.assert_array_equal(plan.model.state_dict()[name], weights)


def test_how_long_it_takes_is_known_also_where_the_network_knows_the_text_worse_than_guessing_does():
    model = CharModel(8, "gru", hidden_size=24)
    model.output.bias.data[0] = 30.0
    assert make_plan(CORPUS, CPU, base=model.to_checkpoint(LETTERS), knowledge=Knowledge.POOR).seconds > 0


def test_a_network_that_contradicts_the_one_to_begin_with_is_refused():
    base = CharModel(8, "gru", hidden_size=24).to_checkpoint(LETTERS)
    with pytest.raises(InputError, match="hidden_size 32: the model to begin with has 24"):
        make_plan(CORPUS, CPU, FixedSettings(hidden_size=32), base=base)


@pytest.mark.parametrize(("speed", "chars"), [(1e9, 100_000), (3e10, 430_000), (1e12, 1_000_000)])
def test_a_budget_is_not_spent_on_the_held_out_text(monkeypatch, speed, chars):
    monkeypatch.setattr(planning, "operations_per_second", lambda *_: speed)
    monkeypatch.setattr(planning, "operations_per_character", lambda _: 400_000)
    monkeypatch.setattr(recipe, "MOST_EPOCHS", 10**6)
    fixed = FixedSettings(precision="float32", hidden_size=8)
    assert make_plan(CORPUS, CPU, fixed, seconds=20.0).settings.valid_chars == pytest.approx(chars, rel=0.02)
    assert make_plan(CORPUS, CPU, replace(fixed, valid_chars=7), seconds=20.0).settings.valid_chars == 7
