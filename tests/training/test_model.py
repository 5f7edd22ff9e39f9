import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from chargen.network.checkpoint import Checkpoint
from chargen.network.config import EMBEDDING_SIZE, ONE_HOT_LIMIT
from chargen.sampling.sampler import Sampler
from chargen.text.vocabulary import Vocabulary
from chargen.training.dropout import DropoutMasks
from chargen.training.model import CharModel

V, H = 11, 8
LETTERS = Vocabulary("abcdefghijk")
cells = pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])


def make(cell="lstm", seed=0, **options):
    torch.manual_seed(seed)
    return CharModel(V, cell=cell, hidden_size=H, **options).eval()


def random_ids(B, T, seed=1):
    return torch.randint(V, (B, T), generator=torch.Generator().manual_seed(seed))


def parts(state):
    return state if isinstance(state, tuple) else (state,)


@cells
@pytest.mark.parametrize("bidirectional", [False, True])
def test_begin_state_is_zero_and_has_the_structure_that_comes_back(cell, bidirectional):
    model = make(cell, num_layers=3, bidirectional=bidirectional)
    state = model.begin_state(4)
    assert isinstance(state, tuple) == (cell == "lstm")
    _, after = model(random_ids(4, 5), state)
    for before, then in zip(parts(state), parts(after), strict=True):
        assert before.shape == then.shape == (3 * (2 if bidirectional else 1), 4, H)
        assert not before.any()
        assert then.any()


@cells
def test_state_carried_over_chunks_equals_one_pass(cell):
    model, X = make(cell, num_layers=2), random_ids(3, 10)
    whole, last = model(X, model.begin_state(3))
    first, state = model(X[:, :4], model.begin_state(3))
    second, state = model(X[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(state, last)


@cells
def test_a_character_is_predicted_from_those_before_it_alone(cell):
    model, X = make(cell), random_ids(1, 6)
    changed = X.clone()
    changed[0, 4] = (changed[0, 4] + 1) % V
    logits, other = model(X, model.begin_state(1))[0], model(changed, model.begin_state(1))[0]
    torch.testing.assert_close(logits[:, :4], other[:, :4])
    assert not torch.allclose(logits[:, 4:], other[:, 4:])


@cells
def test_bidirectional_layers_equal_one_library_stack(cell):
    model, X = make(cell, num_layers=2, bidirectional=True), random_ids(2, 5)
    library = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell](
        V, H, num_layers=2, batch_first=True, bidirectional=True
    )
    library.load_state_dict(
        {
            name.replace("_l0", f"_l{index}"): value
            for index, layer in enumerate(model.layers)
            for name, value in layer.state_dict().items()
        }
    )
    with torch.no_grad():
        model.output.weight[:, : 2 * H] = 0  # the library gives the outputs of the last layer only
    outputs, last = library(torch.nn.functional.one_hot(X, V).float(), model.begin_state(2))
    logits, state = model(X, model.begin_state(2))
    torch.testing.assert_close(logits, outputs @ model.output.weight[:, 2 * H :].T + model.output.bias)
    torch.testing.assert_close(state, last)


def test_the_output_reads_every_layer():
    model, X = make(num_layers=3), random_ids(2, 5)
    for layer in range(3):
        changed = make(num_layers=3)
        with torch.no_grad():
            changed.output.weight[:, layer * H : (layer + 1) * H] = 0
        assert not torch.allclose(changed(X, changed.begin_state(2))[0], model(X, model.begin_state(2))[0])


@cells
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("embedding_size", [0, 6])
def test_numpy_sampling_gives_the_logits_of_the_torch_model(cell, num_layers, embedding_size):
    model, X = make(cell, num_layers=num_layers, embedding_size=embedding_size), random_ids(2, 50)
    with torch.no_grad():
        expected, expected_state = model(X, model.begin_state(2))
    sampler = Sampler(model.to_checkpoint(LETTERS))
    state, logits = sampler.begin_state(2), []
    for t in range(X.shape[1]):
        step_logits, state = sampler.step(X[:, t].numpy(), state)
        logits.append(step_logits)
    np.testing.assert_allclose(np.stack(logits, 1), expected.numpy(), atol=1e-5, rtol=0)
    for number, expected_part in enumerate(parts(expected_state)):
        part = np.stack([layer[number] for layer in state])  # (L, B, H)
        np.testing.assert_allclose(part, expected_part.numpy(), atol=1e-5, rtol=0)


def test_the_input_is_one_hot_until_the_vocabulary_is_large():
    assert CharModel(ONE_HOT_LIMIT, hidden_size=2).config.embedding_size == 0
    assert CharModel(ONE_HOT_LIMIT + 1, hidden_size=2).config.embedding_size == EMBEDDING_SIZE


def test_an_embedding_is_a_projection_of_the_one_hot_vector():
    model, X = make("gru", embedding_size=6), random_ids(2, 5)
    projected = torch.nn.functional.one_hot(X, V).float() @ model.embedding.weight
    expected, _ = super(CharModel, model).forward(projected, model.begin_state(2))
    torch.testing.assert_close(model(X, model.begin_state(2))[0], expected)


def seeded(seed):
    masks = DropoutMasks()
    masks.seed(seed)
    return masks


@cells
def test_recurrent_dropout_silences_recurrent_weights_for_a_whole_window(cell):
    model, plain, X = make(cell, recurrent_dropout=0.4).train(), make(cell), random_ids(2, 9)
    logits, state = model(X, model.begin_state(2), seeded(3))
    with torch.no_grad():
        weight = plain.layers[0].weight_hh_l0
        weight.copy_(seeded(3).weights(weight, 0.4))
    assert (weight == 0).float().mean().item() == pytest.approx(0.4, abs=0.12)
    torch.testing.assert_close(logits, plain(X, plain.begin_state(2))[0])
    torch.testing.assert_close(state, plain(X, plain.begin_state(2))[1])
    model.eval()
    torch.testing.assert_close(model(X, model.begin_state(2))[0], make(cell)(X, model.begin_state(2))[0])


@cells
def test_weights_survive_the_checkpoint_file(cell, tmp_path):
    model, X = make(cell, num_layers=2, embedding_size=3), random_ids(2, 4)
    model.to_checkpoint(LETTERS).save(tmp_path / "model.safetensors")
    loaded = CharModel.from_checkpoint(Checkpoint.load(tmp_path / "model.safetensors"))
    assert loaded.config == model.config
    torch.testing.assert_close(loaded(X, loaded.begin_state(2)), model(X, model.begin_state(2)), rtol=0, atol=0)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_tied_embedding_is_learned_and_stored_once(num_layers, tmp_path):
    model, X = make(num_layers=num_layers, embedding_size=num_layers * H, tied=True), random_ids(2, 4)
    outputs, _ = model(X, model.begin_state(2))
    outputs.sum().backward()
    assert len([name for name, _ in model.named_parameters() if "embedding" in name or "output.w" in name]) == 1
    rows = model.output.weight.grad[X.unique()]  # as outputs all get the same gradient here, as inputs not
    assert (rows - rows[0]).abs().max() > 1e-3
    path = tmp_path / "model.safetensors"
    model.to_checkpoint(LETTERS).save(path)
    assert "output.weight" not in load_file(path)
    loaded = CharModel.fine_tuning(Checkpoint.load(path), LETTERS)
    assert loaded.output.weight is loaded.embedding.weight
    torch.testing.assert_close(loaded(X, loaded.begin_state(2)), model(X, model.begin_state(2)), rtol=0, atol=0)


@cells
@pytest.mark.parametrize("embedding_size", [0, 6])
def test_fine_tuning_matches_the_weights_by_character(cell, embedding_size):
    """Reordered, with one character dropped and one new, the model says of the known ones what it said before."""
    model = make(cell, num_layers=2, embedding_size=embedding_size)
    tuned = CharModel.fine_tuning(model.to_checkpoint(LETTERS), Vocabulary("Abcdefghijk"), dropout=0.25).eval()
    assert tuned.config.dropout == 0.25
    X = random_ids(2, 6).clamp(min=1)  # no "a", the first letter; "A" takes its place
    with torch.no_grad():
        before, after = model(X, model.begin_state(2))[0], tuned(X, tuned.begin_state(2))[0]
    torch.testing.assert_close(after[..., 1:], before[..., 1:])
    assert not torch.allclose(after[..., 0], before[..., 0]), "a new character begins anew"
