import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from chargen.text.batches import Batching
from chargen.training.text_task import TextTask


@given(st.integers(1, 7), st.integers(1, 9), st.sampled_from(["sequential", "random"]), st.integers(0, 300))
def test_y_is_x_one_character_on(batch_size, num_steps, partition, more):
    batching = Batching(batch_size, num_steps, partition)
    ids = np.arange(batching.minimum_length + more)
    task = TextTask(ids, ids[:0], batching, torch.device("cpu"))
    for number in range(task.batches_per_epoch):
        X, Y = task.batch(epoch=3, number=number)
        assert X.shape == Y.shape == (batch_size, num_steps)
        assert torch.equal(Y, X + 1)
