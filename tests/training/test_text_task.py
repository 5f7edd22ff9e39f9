import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from chargen.text.batches import Batching
from chargen.training.model import CharModel
from chargen.training.settings import TrainingSettings
from chargen.training.text_task import TextTask, text_trainer


@given(st.integers(1, 7), st.integers(1, 9), st.sampled_from(["sequential", "random"]), st.integers(0, 300))
def test_y_is_x_one_character_on(batch_size, num_steps, partition, more):
    batching = Batching(batch_size, num_steps, partition)
    ids = np.arange(batching.minimum_length + more)
    task = TextTask(ids, ids[:0], batching, torch.device("cpu"))
    for number in range(task.batches_per_epoch):
        X, Y = task.batch(epoch=3, number=number)
        assert X.shape == Y.shape == (batch_size, num_steps)
        assert torch.equal(Y, X + 1)


def test_noise_changes_what_is_learned_anew_in_each_epoch_but_not_what_is_held_out():
    ids = np.arange(200)
    settings = TrainingSettings(noise=0.5, batching=Batching(2, 50))
    trainer = text_trainer(CharModel(200, hidden_size=2), ids, ids, settings)
    batches = [torch.stack(trainer.task.batch(epoch, number=0)) for epoch in (1, 1, 2)]
    assert torch.equal(batches[0], batches[1])
    assert all(torch.equal(X[:, 1:], Y[:, :-1]) for X, Y in batches)
    replaced = [(Y != X + 1).float().mean() for X, Y in batches]
    assert all(0.6 < share < 0.9 for share in replaced)
    assert torch.equal(trainer.task.valid_ids[torch.arange(200)], torch.tensor(ids))
