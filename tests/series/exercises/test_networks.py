import numpy as np
import pytest
import torch

from chargen.series.exercises.learning import learn
from chargen.series.exercises.networks import make_network
from chargen.series.windows import WindowTask, sliding


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_from_scratch_equals_the_library_in_outputs_state_and_gradients(cell):
    library, scratch = (make_network(cell, 5, seed=1, from_scratch=scratch) for scratch in (False, True))
    assert (library.engine, scratch.engine) == ("torch", "equations")
    x, target = torch.randn(3, 7, 1), torch.randn(3, 7, 1)
    results = []
    for network in (library, scratch):
        outputs, state = network(x, network.begin_state(3))
        outputs, state = network(x, state)  # from a state that is not zero
        torch.nn.functional.mse_loss(outputs, target).backward()
        parts = state if isinstance(state, tuple) else (state,)
        results.append([outputs, *parts, *(parameter.grad for parameter in network.parameters())])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_from_scratch_learns_the_same_from_equal_weights(cell):
    windows = sliding(np.sin(np.arange(60) / 5)[:, None], 6)
    losses = [
        learn(
            make_network(cell, 8, seed=3, from_scratch=scratch),
            WindowTask(windows[:, :5], windows[:, 5:], 16),
            epochs=8,
            learning_rate=0.01,
            batch_size=16,
        )
        for scratch in (False, True)
    ]
    assert losses[0][-1] < 0.5 * losses[0][0]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)


def test_weights_depend_on_the_seed_alone_and_leave_the_global_generator_as_it_was():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (make_network("gru", 4, seed=seed).output.weight for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_forget_gates_of_an_lstm_begin_open():
    bias = make_network("lstm", 4, seed=0).layers[0].bias_hh_l0
    assert bias[4:8].tolist() == [1.0] * 4
    assert (bias[:4].abs() <= 0.5).all()
    assert (bias[8:].abs() <= 0.5).all()


def test_a_perceptron_answers_each_step_alone_or_the_window_as_a_whole():
    x = torch.randn(2, 5, 1)
    changed = x.clone()
    changed[:, 0] += 1.0
    each, whole = make_network("mlp", 0, seed=0), make_network("mlp", 0, seed=0, window=5)
    outputs, state = each(x, each.begin_states(2))
    assert outputs.shape == (2, 5, 1)
    assert state == ()
    torch.testing.assert_close(each(changed, state)[0][:, 1:], outputs[:, 1:])
    answer, _ = whole(x, state)
    assert answer.shape == (2, 1, 1)
    assert not torch.allclose(whole(changed, state)[0], answer)
