import pytest
import torch

from chargen.training.averaging import WeightAverage
from chargen.training.recurrent import Recurrent


@pytest.mark.parametrize("eta", [0, 1])
def test_later_weights_count_more(eta):
    """With eta 0 the average is the mean, with eta 1 the weights of step t count t times."""
    model = Recurrent("gru", input_size=1, output_size=1, hidden_size=2)
    average, seen = WeightAverage(model, eta), []
    for step in range(5):
        with torch.no_grad():
            model.output.weight.normal_(generator=torch.Generator().manual_seed(step))
        average.update(step)
        seen.append(model.output.weight.detach().clone())
    shares = torch.arange(1.0, 6.0) ** eta
    expected = (torch.stack(seen) * shares[:, None, None]).sum(0) / shares.sum()  # (1, H)
    torch.testing.assert_close(average.model.output.weight.detach(), expected)
    torch.testing.assert_close(average.tensors["average.output.weight"], expected)


def test_without_averaging_the_model_itself_is_kept():
    model = Recurrent("gru", input_size=1, output_size=1, hidden_size=2)
    average = WeightAverage(model, None)
    average.update(0)
    assert average.model is model
    assert average.tensors == {}
