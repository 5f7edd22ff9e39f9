import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.analysis import copies
from chargen.analysis.copies import SPAN, Copied, CopyScan
from chargen.text.corpus import load_corpus

NOISE = "".join(np.random.default_rng(0).choice(list("abcdefgh \n"), 1000))


def naive(text, sample):
    """Every span of the sample is looked for in the text; kept are those that no other one holds."""
    verbatim = [(b, e) for b in range(len(sample)) for e in range(b + 1, len(sample) + 1) if sample[b:e] in text]
    longest = max((sample[b:e] for b, e in verbatim), key=len, default="")
    long = {(b, e) for b, e in verbatim if e - b >= SPAN}
    spans = sorted((b, e) for b, e in long if not {(b - 1, e), (b, e + 1)} & long)
    covered = {place for b, e in spans for place in range(b, e)}
    return Copied(longest, len(covered) / max(len(sample), 1), tuple(spans))


@given(st.text("ab\U0001f600", max_size=60), st.text("abc\U0001f600", max_size=30))
def test_the_audit_of_short_samples_equals_the_naive_one(text, sample):
    assert CopyScan(text).audit(sample) == naive(text, sample)


@given(st.data())
def test_the_audit_of_passages_joined_equals_the_naive_one(data):
    text = data.draw(st.text("ab", min_size=1, max_size=30) | st.text("abcdefé\U0001f600", min_size=40, max_size=120))
    text *= data.draw(st.integers(1, 4))
    places = st.integers(0, len(text))
    passages = data.draw(st.lists(st.tuples(places, places), max_size=4))
    sample = data.draw(st.sampled_from(["", "b", "?"])).join(text[min(pair) : max(pair)] for pair in passages)[:150]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "BLOCK", data.draw(st.integers(1, 40)))  # passages lie across the ends of blocks
        assert CopyScan(text).audit(sample) == naive(text, sample)


def test_spans_begin_at_twenty_characters():
    index = CopyScan(NOISE)
    assert index.audit("?" + NOISE[50:69] + "?") == Copied(NOISE[50:69], 0.0, ())
    assert index.audit("?" + NOISE[50:70] + "?") == Copied(NOISE[50:70], 20 / 22, ((1, 21),))


def test_a_character_in_two_spans_is_counted_once():
    text = "0123456789abcdefghijklmno ABCDEFGHIJklmnoPQRSTUVWXYZ"
    sample = "0123456789abcdefghijklmnoPQRSTUVWXYZ0"  # "klmno" ends one passage and begins in another
    assert CopyScan(text).audit(sample) == Copied(sample[:25], 25 / 37, ((0, 25),))
    text = text.replace("FGHIJ", "fghij")
    assert CopyScan(text).audit(sample) == Copied(sample[:25], 36 / 37, ((0, 25), (15, 36)))


def test_nothing_is_copied_into_an_empty_sample_or_from_an_empty_text():
    assert CopyScan(NOISE).audit("") == CopyScan("").audit("") == Copied("", 0.0, ())
    assert CopyScan("").audit("abc") == Copied("", 0.0, ())
    assert CopyScan("abc").audit("xyz") == Copied("", 0.0, ())


def test_a_sample_may_be_longer_than_the_text():
    text = NOISE[:100]
    found = CopyScan(text).audit(f"{text}?{text}?")
    assert found == Copied(text, 200 / 202, ((0, 100), (101, 201)))


@pytest.mark.parametrize(
    ("text", "sample", "spans"),
    [
        ("a" * 20_000, "a" * 5000, ((0, 5000),)),
        ("a" * 20_000, "a" * 2500 + "b" + "a" * 2499, ((0, 2500), (2501, 5000))),
        ("a" * 20_000, ("a" * 24 + "b") * 200, tuple((25 * i, 25 * i + 24) for i in range(200))),
        ("a" * 1000 + "b" * 19_000, "b" * 4000 + "a" * 1000, ((0, 4000), (4000, 5000))),
        ("ab" * 10_000, "ab" * 1250 + "ba" * 1250, ((0, 2500), (2500, 5000))),
        (NOISE * 20, (NOISE * 6)[500:5500], ((0, 5000),)),
    ],
)
def test_texts_that_repeat_themselves(text, sample, spans):
    found = CopyScan(text).audit(sample)
    assert found.spans == spans
    assert found.share == sum(end - begin for begin, end in spans) / len(sample)


def test_a_span_may_lie_across_the_ends_of_blocks(monkeypatch):
    monkeypatch.setattr(copies, "BLOCK", 64)
    assert CopyScan(NOISE).audit("?" + NOISE[100:900] + "?").spans == ((1, 801),)


@given(st.lists(st.text("abc", max_size=30), max_size=5))
def test_many_samples_are_compared_as_if_each_were_alone(samples):
    scan = CopyScan("abcab" * 5 + "bbbbacca" + "cab" * 9)
    assert scan.audit_all(samples) == [scan.audit(sample) for sample in samples]


def test_a_corpus_is_compared_by_its_training_part(tmp_path, monkeypatch):
    (tmp_path / "noise.txt").write_text(NOISE, "utf-8")
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))
    for in_memory in (10, 10_000):  # ids in a file, and in memory
        scan = CopyScan(load_corpus(tmp_path / "noise.txt", in_memory=in_memory))
        assert scan.audit(NOISE[850:950]) == Copied(NOISE[850:900], 0.5, ((0, 50),))  # the rest was held out
        assert scan.audit("\U0001f600" + NOISE[5:30] + "?").spans == ((1, 26),)


def test_characters_beyond_the_basic_plane_are_single_characters():
    poem = "".join(map(chr, range(0x1F600, 0x1F600 + 40)))
    assert CopyScan(poem).audit("é" + poem[5:30]) == Copied(poem[5:30], 25 / 26, ((1, 26),))
    assert CopyScan(poem[:-1] + "\udcff").audit("😀\udcff").longest == "😀"
