import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from chargen.errors import InputError
from chargen.sampling.filters import SamplingSettings, draw, probabilities

logits = npst.arrays(np.float32, st.integers(1, 30), elements=st.floats(-20, 20, width=32))
settings = st.builds(
    SamplingSettings,
    temperature=st.floats(0.1, 5),
    top_k=st.none() | st.integers(1, 40),
    top_p=st.none() | st.floats(0.01, 1),
    min_p=st.just(0.0) | st.floats(0.01, 1),
)


def naive(x, s):
    """The filters as their papers describe them, with lists and loops."""
    weights = [np.exp((float(value) - float(max(x))) / s.temperature) for value in x]
    p = {i: weight / sum(weights) for i, weight in enumerate(weights)}
    likeliest_first = sorted(p, key=lambda i: -p[i])
    if s.top_k is not None:
        kept = likeliest_first[: s.top_k]
        p = {i: p[i] / sum(p[j] for j in kept) for i in kept}
    if s.top_p is not None:
        kept, reached = [], 0.0
        for i in (i for i in likeliest_first if i in p):
            if reached >= s.top_p * (1 - 1e-12):
                break
            kept.append(i)
            reached += p[i]
        p = {i: p[i] for i in kept}
    if s.min_p:
        p = {i: p[i] for i in p if p[i] >= s.min_p * max(p.values())}
    total = sum(p.values())
    return np.array([p.get(i, 0.0) / total for i in range(len(x))])


@given(logits, settings)
def test_every_combination_of_filters_is_what_the_papers_say(x, s):
    np.testing.assert_allclose(probabilities(x, s), naive(x, s), rtol=1e-9, atol=1e-300)


@given(npst.arrays(np.float32, (4, 9), elements=st.floats(-20, 20, width=32)), settings)
def test_rows_do_not_disturb_each_other(x, s):
    together = probabilities(x, s)
    np.testing.assert_array_equal(together, [probabilities(row, s) for row in x])


def test_temperature_zero_takes_the_likeliest():
    p = probabilities(np.array([[1.0, 3.0, 2.0], [5.0, 0.0, 5.0]]), SamplingSettings(temperature=0))
    assert p.tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.5},
        {"top_k": 3},
        {"top_p": 0.8},
        {"min_p": 0.2},
        {"top_k": 5, "top_p": 0.9, "min_p": 0.1, "temperature": 1.5},
    ],
    ids=str,
)
def test_draws_follow_the_distribution(options):
    """10,000 draws; a correct sampler exceeds the limit of chi-squared once in a thousand seeds."""
    x = np.array([0.3, -1.0, 2.0, 0.0, 1.1, 1.9, -0.4, 0.8])
    p = naive(x, SamplingSettings(**options))
    rows = np.tile(probabilities(x, SamplingSettings(**options)), (10_000, 1))
    counts = np.bincount(draw(rows, np.random.default_rng(0).random(10_000)), minlength=len(x))
    possible = p > 0
    assert counts[~possible].sum() == 0
    expected = 10_000 * p[possible]
    limits = {2: 10.83, 3: 13.82, 4: 16.27, 5: 18.47, 6: 20.52, 7: 22.46, 8: 24.32}  # by outcomes
    assert ((counts[possible] - expected) ** 2 / expected).sum() < limits[possible.sum()]


@given(npst.arrays(np.float64, 6, elements=st.floats(0, 1)).filter(np.any), st.floats(0, 1, exclude_max=True))
def test_a_draw_is_where_the_probabilities_reach_the_number(p, uniform):
    (drawn,) = draw(p[None], np.array([uniform]))
    assert p[: drawn + 1].sum() >= uniform * p.sum() * (1 - 1e-12)
    assert p[:drawn].sum() <= uniform * p.sum() * (1 + 1e-12)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"temperature": -1}, "temperature -1"),
        ({"temperature": float("nan")}, "temperature nan"),
        ({"top_k": 0}, "top_k 0"),
        ({"top_p": 1.5}, "top_p 1.5"),
        ({"min_p": -0.1}, "min_p -0.1"),
    ],
)
def test_bad_settings_are_named(wrong, word):
    with pytest.raises(InputError, match=word):
        SamplingSettings(**wrong)
