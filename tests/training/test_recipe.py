import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.network.config import ModelConfig, network_for
from chargen.text.batches import Batching
from chargen.training.recipe import (
    FINE_TUNING,
    MOST_EPOCHS,
    NETWORKS,
    USUAL_OPERATIONS,
    Knowledge,
    choose,
    fine_tune,
    operations_per_character,
    recurrent_weights,
)


def cost(recipe, vocab_size=65, cell="lstm"):
    return operations_per_character(ModelConfig(vocab_size, cell, recipe.hidden_size, recipe.num_layers))


def test_operations_are_the_weights_that_are_multiplied():
    assert operations_per_character(ModelConfig(10, "rnn", 4)) == 4 * 4 + 10 * 4
    assert operations_per_character(ModelConfig(10, "lstm", 4, 2)) == 16 * 4 + 16 * 8 + 10 * 8
    assert operations_per_character(ModelConfig(10, "gru", 4, embedding_size=3)) == 12 * (3 + 4) + 10 * 4


def test_recurrent_weights_are_those_between_steps_and_layers():
    shapes = ModelConfig(10, "gru", 4, 3).weight_shapes()
    square = [shape for name, shape in shapes.items() if shape == (12, 4)]
    assert recurrent_weights(ModelConfig(10, "gru", 4, 3)) == len(square) * 48 == 5 * 48


def test_more_text_gets_a_larger_network_fewer_epochs_and_less_dropout():
    poem, novel, plays, saga = (choose(n, 65) for n in (18_000, 160_000, 1_000_000, 20_000_000))
    assert cost(poem) < cost(novel) <= cost(plays) <= cost(saga)
    assert poem.epochs >= novel.epochs > plays.epochs > saga.epochs == 1
    assert poem.dropout >= novel.dropout > plays.dropout > saga.dropout


@given(st.integers(1_000, 10**9), st.integers(2, 8000), st.sampled_from(["rnn", "gru", "lstm"]), st.floats(1e9, 1e18))
def test_a_run_takes_the_operations_there_are(characters, vocab_size, cell, operations):
    recipe = choose(characters, vocab_size, cell, operations)
    config = network_for(vocab_size, cell, recipe.hidden_size, recipe.num_layers)
    epochs = operations / operations_per_character(config) / characters
    assert recipe.epochs == max(round(min(epochs, MOST_EPOCHS)), 1)
    assert 0 <= recipe.dropout <= 0.5


def test_ten_times_the_time_gets_a_larger_network():
    assert cost(choose(1_000_000, 65, operations=1e14)) > cost(choose(1_000_000, 65, operations=1e13))


def test_a_large_vocabulary_is_learned_at_a_lower_rate_with_noise_and_in_more_passes():
    usual, large = (choose(900_000, vocab_size, "lstm") for vocab_size in (512, 6000))
    assert (usual.rate, usual.noise) == (1.0, 0.0)
    assert (large.rate, large.noise, large.hidden_size, large.epochs) == (0.3, 0.75, 256, 4)
    assert choose(900_000, 6000, precision="bfloat16").epochs == 5


def test_bfloat16_gets_half_as_many_epochs_again():
    assert [choose(1_000_000, 65, precision=precision).epochs for precision in ("float32", "bfloat16")] == [4, 6]


def test_a_given_network_is_kept_and_the_rest_follows_from_it():
    small, large = (choose(1_000_000, 65, networks=[network]) for network in ((1, 100), (2, 700)))
    assert (small.num_layers, small.hidden_size, large.num_layers, large.hidden_size) == (1, 100, 2, 700)
    assert small.epochs > large.epochs


def test_settled_epochs_decide_the_dropout():
    assert choose(160_000, 65, epochs=3).dropout == choose(1_000_000, 65, epochs=3).dropout == 0.32
    assert choose(160_000, 65, epochs=3).recurrent_dropout == 0


def test_networks_stand_by_cost():
    costs = [operations_per_character(ModelConfig(65, "lstm", units, layers)) for layers, units in NETWORKS]
    assert costs == sorted(costs)


@pytest.mark.parametrize("characters", [5, 40, 65, 300, 1000, 5000, 18_000])
def test_a_short_text_gets_batches_that_fit(characters):
    recipe = choose(characters, 30)
    assert Batching(recipe.batch_size, recipe.num_steps).batches_per_epoch(characters) >= 1


@pytest.mark.parametrize(
    ("characters", "new", "known"),
    [
        (2500, (1, 64), (2, 32)),
        (9000, (2, 64), (8, 32)),
        (16_383, (3, 64), (8, 32)),
        (16_384, (4, 64), (4, 64)),
        (99_000, (16, 64), (16, 64)),
    ],
)
def test_a_network_that_knows_texts_learns_a_short_one_in_half_as_many_batches(characters, new, known):
    assert rows_and_steps(choose(characters, 65)) == new
    assert rows_and_steps(fine_tune(characters, ModelConfig(65, "lstm", 768))) == known


def rows_and_steps(recipe):
    return recipe.batch_size, recipe.num_steps


def test_dropout_grows_with_the_number_of_epochs():
    recipe = choose(1_000_000, 65)
    assert recipe.dropout == round(0.1 + 0.2 * math.log(recipe.epochs), 2)
    assert (recipe.recurrent_dropout, choose(160_000, 65).recurrent_dropout) == (0.0, 0.15)


def test_a_network_that_knows_the_language_reads_a_small_text_a_few_times_and_a_large_one_once():
    config = ModelConfig(65, "lstm", 768)
    poem, novel, saga = (fine_tune(n, config) for n in (10_000, 160_000, 3_000_000))
    assert FINE_TUNING[Knowledge.GOOD].epochs == poem.epochs > novel.epochs > saga.epochs == 1
    assert novel.dropout > saga.dropout
    assert novel.rate < choose(160_000, 65).rate
    assert poem.anchoring == 5 > novel.anchoring > 10 * saga.anchoring > 0 == choose(160_000, 65).anchoring
    assert (novel.num_layers, novel.hidden_size) == (1, 768)


def test_the_less_a_network_knows_of_a_text_the_more_it_learns_but_no_longer_than_from_nothing():
    config = ModelConfig(65, "capped-lstm", 768)
    good, fair, poor = (fine_tune(100_000, config, knowledge=knowledge) for knowledge in Knowledge)
    assert good.rate < fair.rate < poor.rate < choose(100_000, 65).rate
    assert good.anchoring > fair.anchoring > poor.anchoring == 0
    assert good.epochs < fair.epochs == poor.epochs == poor.most_epochs
    assert (good.clip, good.final_learning_rate, good.averaging) == (1.0, 0.02, None)
    for some in (fair, poor):
        assert (some.dropout, some.recurrent_dropout) == (0.5, 0.15)
        assert (some.clip, some.final_learning_rate, some.averaging) == (0.25, 0.15, 30)
    assert fine_tune(100_000, ModelConfig(65, "lstm", 768), knowledge=Knowledge.POOR).rate == fair.rate
    for characters in (1_000_000, 3_000_000):
        epochs = fine_tune(characters, config, knowledge=Knowledge.POOR).epochs
        taken = epochs * characters * operations_per_character(config)
        assert taken == pytest.approx(USUAL_OPERATIONS * characters / 1_000_000, rel=0.2)


def test_a_longer_text_takes_longer_without_being_asked():
    recipe = choose(3_000_000, 65)
    assert 2 < recipe.epochs * 3_000_000 * cost(recipe) / USUAL_OPERATIONS < 4
