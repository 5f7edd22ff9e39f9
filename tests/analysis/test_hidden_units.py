import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from chargen.analysis.hidden_units import (
    FEATURES,
    LONGEST,
    correlations,
    count_passages,
    find_units,
    inspect_text,
    read_activations,
)
from chargen.errors import InputError, UnknownCharacterError
from chargen.network.cells import CELLS, layer_weights
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.sampling.sampler import Sampler
from chargen.text.vocabulary import Vocabulary

QUOTE_UNIT, LINE_UNIT = 3, 5
STORY = "“Where to?” he said.\nA lamp; the sea\nwas low. “Home, then,” she said,\n“and be quick.” They went.\n"


def planted(vocabulary, layers=1, H=8):
    """Return an LSTM whose last layer was made by hand: one unit latches at quotation marks, one counts along lines.

    The other units are random. A layer that is not the first reads, through its first V units, which character it is.
    """
    V = len(vocabulary)
    config = ModelConfig(V, "lstm", max(H, V) if layers > 1 else H, layers)
    rng = np.random.default_rng(7)
    weights = {
        name: rng.normal(scale=0.5, size=shape).astype(np.float32) for name, shape in config.weight_shapes().items()
    }
    for layer in range(layers - 1):
        make_one_hot(weights, layer, V)
    make_latch_and_counter(weights, layers - 1, vocabulary)
    return Checkpoint(config, vocabulary, weights)


def make_one_hot(weights, layer, V):
    """Make unit v of a layer 1 where the character is v, or else 0: closed to the past, open to the character."""
    W_ih, W_hh, b_ih, b_hh = layer_weights(weights, layer)
    for array in (W_ih, W_hh, b_ih, b_hh):
        array[:] = 0
    H = W_hh.shape[1]
    W_ih[2 * H : 2 * H + V, :V] = 100 * np.eye(V)
    b_ih[:] = np.repeat([100, -100, 0, 100], H)


def make_latch_and_counter(weights, layer, vocabulary):
    W_ih, W_hh, b_ih, b_hh = layer_weights(weights, layer)
    H = W_hh.shape[1]
    i, f, g = (W_ih[gate * H : (gate + 1) * H] for gate in range(3))
    opening, closing, line_end = (vocabulary.characters.index(character) for character in "“”\n")
    for unit in (QUOTE_UNIT, LINE_UNIT):
        for gate, bias in enumerate((0, 100, 0, 0)):  # remember, unless a character says otherwise
            W_ih[gate * H + unit], W_hh[gate * H + unit], b_hh[gate * H + unit] = 0, 0, 0
            b_ih[gate * H + unit] = bias
    b_ih[QUOTE_UNIT] = -100  # the input gate opens at the marks alone
    for character, value in ((opening, 100), (closing, -100)):
        i[QUOTE_UNIT, character], f[QUOTE_UNIT, character], g[QUOTE_UNIT, character] = 200, -200, value
    b_ih[2 * H + LINE_UNIT] = 0.01  # half of that is added for each character
    f[LINE_UNIT, line_end], i[LINE_UNIT, line_end] = -200, -200


def as_ints(feature, text):
    return FEATURES[feature](text).astype(int).tolist()


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ('a "bc" d', "..^^^..."),
        ('"a" "b"', "^^..^^."),
        ("«a» „b“ “c”", "^^..^^..^^."),
        ("\"It's\" 'x", "^^^^^...."),
        ("'It's,' he", "^^^^^^...."),
        ("don't 'tis the dogs' day", "......^^^^^^^^^^^^^....."),
        ("don't, 'tis so", ".............."),
        ('"ab\nc\n\nd" e', "^^^^^...^^^"),
        ("'One.\n\n'Two.' x", "^^^^^..^^^^^..."),
        ("'A \"b\" c', 'd'", "^^^^^^^^...^^."),
        ('"A \'b\' c" "d"', "^^^^^^^^..^^."),
        ("'One.\n\nTwo", "." * 10),
        ("", ""),
    ],
)
def test_inside_quotation_marks(text, inside):
    assert len(inside) == len(text)
    assert as_ints("inside quotation marks", text) == [mark == "^" for mark in inside]


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("a (b) c", "..^^..."),
        ("[(])", "^^.."),
        ("(a (b) c", "...^^..."),
        ("([a] b)", "^^^^^^."),
        ("1) (x", "....."),
        ("{a\n\nb}", "^^^^^."),
    ],
)
def test_inside_brackets(text, inside):
    assert as_ints("inside brackets", text) == [mark == "^" for mark in inside]


def test_characters_words_and_lines():
    text = "I've 12\n\nÉté"
    assert as_ints("position in the line", text) == [1, 2, 3, 4, 5, 6, 7, 0, 0, 1, 2, 3]
    assert as_ints("position in the word", text) == [1, 2, 3, 4, 0, 1, 2, 0, 0, 1, 2, 3]
    assert as_ints("last letter of a word", text) == [0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1]
    assert as_ints("upper case", text) == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert as_ints("digit", text) == [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


@given(st.text("ab('\")[]{}\n \u2018\u2019“”1é", max_size=40))
def test_features_against_naive_loops(text):
    line, word, straight, lines, words, quoted = 0, 0, False, [], [], []
    for t, character in enumerate(text):
        line = 0 if character == "\n" else line + 1
        joins = character in "'\u2019" and word and text[t + 1 : t + 2].isalnum()
        word = word + 1 if character.isalnum() or joins else 0
        if text[t:].startswith("\n\n"):
            straight = False
        straight ^= character == '"'
        lines.append(line)
        words.append(word)
        quoted.append(straight)
    assert as_ints("position in the line", text) == lines
    assert as_ints("position in the word", text) == words
    ends = [here > 0 and not after for here, after in zip(words, [*words[1:], 0], strict=False)]
    assert as_ints("last letter of a word", text) == ends
    if '"' in text and not re.search(r"['\u2018\u2019“”]|\n +\n", text):
        assert as_ints("inside quotation marks", text) == quoted


@given(
    npst.arrays(np.float32, (9, 4), elements=st.floats(-1, 1, width=16)),
    npst.arrays(np.float64, 9, elements=st.integers(0, 5)),
)
def test_correlations_are_those_of_numpy(activations, values):
    values[0] = values[1] + 1
    ours = correlations(activations, values)
    for unit, column in enumerate(activations.T.astype(float)):
        expected = np.corrcoef(column, values)[0, 1] if np.ptp(column) > 0 else 0
        assert ours[unit] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_activations_are_the_states_of_each_layer(cell):
    vocabulary = Vocabulary.from_text(STORY)
    config = ModelConfig(len(vocabulary), cell, 3, 2)
    rng = np.random.default_rng(1)
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in config.weight_shapes().items()}
    ids = vocabulary.encode(STORY[:9])
    found = read_activations(Sampler(Checkpoint(config, vocabulary, weights)), ids)
    below = None
    for layer in range(2):
        part = layer_weights(weights, layer)
        state, outputs = (np.zeros((1, 3)),) * CELLS[cell].states, []
        for t in range(9):
            x = np.eye(len(vocabulary))[ids[t : t + 1]] if below is None else below[t]
            state = CELLS[cell].step(x @ part.W_ih.T + part.b_ih, state, part)
            outputs.append(state[0])
            held = np.tanh(state[1]) if len(state) == 2 else state[0]
            np.testing.assert_allclose(found[t, 3 * layer : 3 * layer + 3], held[0], atol=1e-5)
        below = outputs


@pytest.mark.parametrize("layers", [1, 2])
def test_planted_units_are_found(layers):
    sampler = Sampler(planted(Vocabulary.from_text(STORY), layers))
    found = {finding.feature: finding for finding in inspect_text(sampler, STORY * 10).findings}
    quotes, line = found["inside quotation marks"], found["position in the line"]
    assert (quotes.units[0].layer, quotes.units[0].unit) == (layers - 1, QUOTE_UNIT)
    assert quotes.units[0].held_out == pytest.approx(1, abs=1e-4)
    assert (line.units[0].layer, line.units[0].unit) == (layers - 1, LINE_UNIT)
    assert line.units[0].held_out == pytest.approx(1, abs=1e-3)
    assert quotes.passages == (15, 15)
    assert quotes.note == ""


def test_the_choice_does_not_see_the_half_that_measures():
    text = "(a) b " * 40
    half = FEATURES["inside brackets"](text)[:120]
    noise = np.random.default_rng(0).normal(size=(240, 3)) / 10
    by_chance = np.concatenate([half, 1 - half]) + noise[:, 0]  # right in the first half, wrong in the second
    steady = 3 * noise[:, 1] - np.concatenate([half, half])
    finding = find_units(np.stack([noise[:, 2], by_chance, steady], axis=1), "inside brackets", text, 3, top=2)
    assert [score.unit for score in finding.units] == [1, 2]
    assert finding.units[0].first_half > 0.9
    assert finding.units[0].held_out < -0.9
    assert finding.units[1].held_out < -0.7


@pytest.mark.parametrize(
    ("text", "passages", "note"),
    [
        ("plain and simple", (0, 0), "none in this text"),
        ("plain (and) ..................", (1, 0), "so this cannot be checked"),
        ("................ plain (and) ", (0, 1), "so no unit can be chosen"),
        ("a (b) c (d) ...... a (b) c (d)", (2, 2), "fewer than 5 passages in a half: this may be chance"),
        ("a", (0, 0), "none in this text"),
    ],
)
def test_a_feature_that_a_text_lacks_is_not_scored(text, passages, note):
    noise = np.random.default_rng(0).normal(size=(len(text), 4))
    finding = find_units(noise, "inside brackets", text, 4, top=3)
    assert finding.passages == passages
    assert note in finding.note
    assert bool(finding.units) == ("chance" in note)


def test_passages_that_a_half_begins_with_count():
    assert count_passages(np.array([1, 1, 0, 2, 0])) == 2
    assert count_passages(np.array([])) == 0


def test_long_empty_and_unknown_texts():
    sampler = Sampler(planted(Vocabulary.from_text(STORY)))
    assert inspect_text(sampler, STORY * 200).text == (STORY * 200)[:LONGEST]
    assert inspect_text(sampler, "7he", unknown="skip").text == "he"
    with pytest.raises(UnknownCharacterError, match="'7'"):
        inspect_text(sampler, "7he")
    with pytest.raises(InputError, match="the text is empty; give"):
        inspect_text(sampler, "")
    with pytest.raises(InputError, match="once the unknown characters are left out"):
        inspect_text(sampler, "777", unknown="skip")
