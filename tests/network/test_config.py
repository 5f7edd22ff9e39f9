import pytest

from chargen.errors import InputError
from chargen.network.config import ModelConfig


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"cell": "transformer"}, "transformer"),
        ({"hidden_size": 0}, "hidden_size 0"),
        ({"num_layers": -1}, "num_layers -1"),
        ({"dropout": 1.0}, "dropout 1.0"),
        ({"embedding_size": -2}, "embedding_size -2"),
        ({"embedding_size": 8, "hidden_size": 4, "num_layers": 3, "tied": True}, "embedding_size 8: must be 12"),
    ],
)
def test_a_configuration_that_makes_no_network_is_named(wrong, word):
    with pytest.raises(InputError, match=word):
        ModelConfig(**{"vocab_size": 5, **wrong})
