import numpy as np

from chargen.series import Forecaster
from chargen.series.forecast import fitting
from chargen.series.forecast.backtest import held_out_rows


def test_what_the_backtest_holds_out_changes_nothing_that_is_learned_before(monkeypatch):
    """The network and all that is chosen come from the training part alone, bit for bit."""
    rng = np.random.default_rng(0)
    values = 100 + 10 * np.sin(np.arange(600) * np.pi / 6) + rng.normal(size=600)
    trained, chosen, rows, train = [], [], held_out_rows(600, 6, 4), fitting.train_network

    def spy(stage, *arguments):
        network, epochs = yield from train(stage, *arguments)
        trained.append((stage, epochs, [weight.numpy().copy() for weight in network.state_dict().values()]))
        return network, epochs

    monkeypatch.setattr(fitting, "train_network", spy)
    for end in (1.0, -3.0):
        changed = np.r_[values[:-rows], end * values[-rows:] + rng.normal(size=rows) + 500]
        forecaster = Forecaster(horizon=6, epochs=3, folds=4, model="network").fit(changed)
        chosen.append(forecaster.framing)
    assert [stage for stage, *_ in trained] == ["finding epochs", "backtest", "final"] * 2
    assert chosen[0] == chosen[1]
    for one, other in zip(trained[:2], trained[3:5], strict=True):
        assert one[:2] == other[:2]
        assert all(map(np.array_equal, one[2], other[2]))
    assert not all(map(np.array_equal, trained[2][2], trained[5][2]))  # the final network has seen them
