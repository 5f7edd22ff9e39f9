import pytest
import torch

from chargen.training.anchor import Anchor
from chargen.training.recurrent import Recurrent


def shifted(decay, learning_rate):
    """Return how far from where they began the parameters are, of the 1 that they were moved, after one update."""
    model = Recurrent("gru", input_size=1, output_size=1, hidden_size=2)
    beginning = [parameter.detach().clone() for parameter in model.parameters()]
    anchor = Anchor(model, decay)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    anchor.update(learning_rate)
    moved = [parameter - before for parameter, before in zip(model.parameters(), beginning, strict=True)]
    return torch.cat([part.detach().flatten() for part in moved])


@pytest.mark.parametrize(("decay", "learning_rate", "left"), [(5.0, 0.02, 0.9), (5.0, 0.4, 0.0), (0.0, 0.02, 1.0)])
def test_all_parameters_go_back_by_the_rate_times_the_decay_but_no_further_than_they_came(decay, learning_rate, left):
    result = shifted(decay, learning_rate)
    torch.testing.assert_close(result, torch.full_like(result, left))


def test_without_decay_nothing_is_kept():
    assert Anchor(Recurrent("gru", input_size=1, output_size=1, hidden_size=2), 0.0).tensors == {}
