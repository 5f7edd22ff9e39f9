"""Hidden units that are held at an activation while the model writes, to see what they do to the text."""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from chargen.errors import InputError
from chargen.network.cells import State
from chargen.network.config import ModelConfig

LARGEST = 0.999  # where the memory of an LSTM is held; that of an activation of 1 would be infinite


def parse_all(texts: Sequence[str], config: ModelConfig) -> dict[int, float]:
    """Return what `parse` does, of several texts, as a dict.

    Raises:
        InputError: see `parse`; or a unit is named twice.
    """
    held: dict[int, float] = {}
    for text in texts:
        unit, activation = parse(text, config)
        if unit in held:
            raise InputError(f"{text!r}: the unit is held already", "name each unit once", setting="hold")
        held[unit] = activation
    return held


def parse(text: str, config: ModelConfig) -> tuple[int, float]:
    """Return the number of a unit, counted through all layers, and its activation.

    Args:
        text: `UNIT=VALUE`, or `LAYER/UNIT=VALUE` in a network of several layers; counted from 0, as `chargen inspect`
            does.

    Raises:
        InputError: the text is not of that form, there is no such unit, or the value is not between -1 and 1.

    >>> parse("1/3=-0.5", ModelConfig(vocab_size=2, hidden_size=10, num_layers=2))
    (13, -0.5)
    """
    match = re.fullmatch(r"(?:(\d{1,9})/)?(\d{1,9})=(.*)", text, re.ASCII)
    if not match:
        raise InputError(f"{text!r}: must be UNIT=VALUE, or LAYER/UNIT=VALUE, such as 12=0.9", "", setting="hold")
    layer, unit, value = match.groups()
    if layer is None and config.num_layers > 1:
        raise InputError(
            f"{text!r}: the network has {config.num_layers} layers", "give LAYER/UNIT=VALUE", setting="hold"
        )
    if int(layer or 0) >= config.num_layers or int(unit) >= config.hidden_size:
        layers = f"layers 0 to {config.num_layers - 1}, each with " if config.num_layers > 1 else ""
        limits = f"the network has {layers}units 0 to {config.hidden_size - 1}"
        raise InputError(f"{text!r}: no such unit", limits, setting="hold")
    try:
        activation = float(value)
    except ValueError:
        activation = math.nan
    if not -1 <= activation <= 1:
        raise InputError(f"{text!r}: the value must be from -1 to 1", setting="hold")
    return int(layer or 0) * config.hidden_size + int(unit), activation


def hold(state: State, held: Mapping[int, float], first: int) -> None:
    """Set held units in the state of a layer: h to the activation, and c of an LSTM so that tanh(c) is the activation.

    Args:
        state: the layer's new state, arrays (B, H), which are changed.
        held: activations by unit, counted through all layers.
        first: the number of the layer's first unit.
    """
    h, *memory = state
    for unit, activation in held.items():
        if first <= unit < first + h.shape[1]:
            h[:, unit - first] = activation
            for c in memory:
                c[:, unit - first] = math.atanh(np.clip(activation, -LARGEST, LARGEST))
