import io
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chargen.analysis import copies as copying
from chargen.analysis.copies import SPAN, STRIDE, Copied, CopyIndex, CopyScan, training_corpus
from chargen.errors import InputError
from chargen.network.checkpoint import Checkpoint
from chargen.report.terminal import colours, mark, printable
from chargen.text.corpus import load_corpus
from chargen.text.vocabulary import Vocabulary

GOLDEN = Path(__file__).parents[1] / "golden"
NOISE = "".join(np.random.default_rng(0).choice(list("abcdefgh \n"), 1000))


def training_text(*arguments):
    corpus = training_corpus(*arguments)
    return corpus.vocabulary.decode(corpus.train_ids)


def scan(text):
    vocabulary = Vocabulary.from_text(text)
    return CopyScan(vocabulary.encode(text).astype(np.uint8), vocabulary)


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
    assert CopyIndex(text).audit(sample) == scan(text).audit(sample) == naive(text, sample)


@given(st.data())
def test_the_audit_of_passages_joined_equals_the_naive_one(data):
    text = data.draw(st.text("ab", min_size=1, max_size=30) | st.text("abcdefé\U0001f600", min_size=40, max_size=120))
    text *= data.draw(st.integers(1, 4))
    places = st.integers(0, len(text))
    passages = data.draw(st.lists(st.tuples(places, places), max_size=4))
    sample = data.draw(st.sampled_from(["", "b", "?"])).join(text[min(pair) : max(pair)] for pair in passages)[:150]
    assert CopyIndex(text).audit(sample) == naive(text, sample)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "BLOCK", data.draw(st.integers(1, 40)))  # passages lie across the ends of blocks
        assert scan(text).audit(sample) == naive(text, sample)


@given(st.text("ab\0", max_size=6 * STRIDE), st.integers(1, 3))
@example("\0" * 3 * STRIDE, 1)  # not to be taken for the end of the text
def test_the_suffixes_are_in_order(text, times):
    text *= times
    parts = CopyIndex(text)._parts
    for column, part in enumerate(reversed(parts)):
        places = [place for place in part if place < len(text)]
        assert places == sorted(range(column, len(text), STRIDE), key=lambda place: text[place:])


@pytest.mark.parametrize("stride", [1, 2, 16])
def test_the_parts_are_no_more_than_a_way_to_sort(stride, monkeypatch):
    sample = NOISE[100:130] + NOISE[300:350]
    expected = CopyIndex(NOISE).audit(sample)
    monkeypatch.setattr(copying, "STRIDE", stride)
    assert CopyIndex(NOISE).audit(sample) == expected


def test_spans_begin_at_twenty_characters():
    index = CopyIndex(NOISE)
    assert index.audit("?" + NOISE[50:69] + "?") == Copied(NOISE[50:69], 0.0, ())
    assert index.audit("?" + NOISE[50:70] + "?") == Copied(NOISE[50:70], 20 / 22, ((1, 21),))


def test_a_character_in_two_spans_is_counted_once():
    text = "0123456789abcdefghijklmno ABCDEFGHIJklmnoPQRSTUVWXYZ"
    sample = "0123456789abcdefghijklmnoPQRSTUVWXYZ0"  # "klmno" ends one passage and begins in another
    assert CopyIndex(text).audit(sample) == Copied(sample[:25], 25 / 37, ((0, 25),))
    text = text.replace("FGHIJ", "fghij")
    assert CopyIndex(text).audit(sample) == Copied(sample[:25], 36 / 37, ((0, 25), (15, 36)))


def test_nothing_is_copied_into_an_empty_sample_or_from_an_empty_text():
    assert CopyIndex(NOISE).audit("") == CopyIndex("").audit("") == Copied("", 0.0, ())
    assert CopyIndex("").audit("abc") == Copied("", 0.0, ())
    assert CopyIndex("abc").audit("xyz") == Copied("", 0.0, ())


def test_a_sample_may_be_longer_than_the_text():
    text = NOISE[:100]
    found = CopyIndex(text).audit(f"{text}?{text}?")
    assert found == Copied(text, 200 / 202, ((0, 100), (101, 201)))


@pytest.mark.parametrize(
    ("text", "sample", "spans"),
    [
        ("a" * 200_000, "a" * 5000, ((0, 5000),)),
        ("a" * 200_000, "a" * 2500 + "b" + "a" * 2499, ((0, 2500), (2501, 5000))),
        ("a" * 200_000, ("a" * 24 + "b") * 200, tuple((25 * i, 25 * i + 24) for i in range(200))),
        ("a" * 1000 + "b" * 199_000, "b" * 4000 + "a" * 1000, ((0, 4000), (4000, 5000))),
        ("ab" * 100_000, "ab" * 1250 + "ba" * 1250, ((0, 2500), (2500, 5000))),
        (NOISE * 200, (NOISE * 6)[500:5500], ((0, 5000),)),
    ],
)
def test_texts_that_repeat_themselves(text, sample, spans):
    found = CopyIndex(text).audit(sample)
    assert found.spans == spans
    assert found.share == sum(end - begin for begin, end in spans) / len(sample)


def test_a_scan_follows_spans_through_a_text_that_repeats_itself():
    found = scan("a" * 5000 + NOISE * 3).audit(("a" * 24 + "b") * 3 + NOISE[500:] + NOISE[:300])
    assert found.spans == ((0, 24), (25, 49), (50, 74), (75, 875))


def test_a_text_too_long_for_an_index_is_scanned(tmp_path, monkeypatch):
    (tmp_path / "noise.txt").write_text(NOISE, "utf-8")
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))
    corpus = load_corpus(tmp_path / "noise.txt", in_memory=10)
    assert isinstance(copying.copies_of(corpus), CopyIndex)
    monkeypatch.setattr(copying, "LONGEST_INDEXED", 899)
    scanning = copying.copies_of(corpus)
    assert isinstance(scanning, CopyScan)
    assert scanning.audit(NOISE[850:950]) == Copied(NOISE[850:900], 0.5, ((0, 50),))  # the rest was held out


def test_characters_beyond_the_basic_plane_are_single_characters():
    poem = "".join(map(chr, range(0x1F600, 0x1F600 + 40)))
    assert CopyIndex(poem).audit("é" + poem[5:30]) == Copied(poem[5:30], 25 / 26, ((1, 26),))
    assert CopyIndex(poem[:-1] + "\udcff").audit("😀\udcff").longest == "😀"


def remembered(path, **options):
    corpus = load_corpus(path, **options)
    return json.loads(
        json.dumps({"corpus": corpus.name, "origin": asdict(corpus.origin), "corpus_sha256": corpus.sha256})
    )


def test_what_was_held_out_is_no_training_text(tmp_path):
    (tmp_path / "noise.txt").write_text(NOISE, "utf-8")
    training = remembered(tmp_path / "noise.txt", valid_fraction=0.25)
    text = training_text(training, "none")
    assert text == NOISE[:750]
    assert CopyIndex(text).audit(NOISE[725:775]) == Copied(NOISE[725:750], 0.5, ((0, 25),))


def test_the_remembered_text_is_read_as_it_was_for_training(tmp_path):
    (tmp_path / "poem.txt").write_bytes("Ärger, Öl\r\nund Übermut".encode("cp1252"))
    options = {"encoding": "cp1252", "normalization": "letters", "max_chars": 20, "valid_fraction": 0.5}
    assert training_text(remembered(tmp_path / "poem.txt", **options), "letters") == "ärger öl u"


def test_a_text_that_is_named_counts_as_a_whole(tmp_path):
    (tmp_path / "poem.txt").write_bytes("Ärger, Öl".encode("cp1252"))
    (tmp_path / "noise.txt").write_text(NOISE, "utf-8")
    training = remembered(tmp_path / "poem.txt", encoding="cp1252", normalization="lower", max_chars=3)
    assert training_text(training, "lower") == "är"
    assert training_text(training, "lower", str(tmp_path / "poem.txt")) == "ärger, öl"
    assert training_text({}, "none", str(tmp_path / "noise.txt")) == NOISE
    with pytest.raises(InputError, match="no file 'nowhere'"):
        training_text(training, "lower", "nowhere")


@pytest.mark.parametrize("name", ["format-1", "format-2", "format-2-run"])
def test_a_model_that_does_not_say_where_its_text_lies(name):
    training = Checkpoint.load(GOLDEN / f"{name}.safetensors").training
    with pytest.raises(InputError, match=rf"does not say .* \({training['corpus']}\); name .* --audit CORPUS$"):
        training_text(training, "none")


def test_a_text_from_standard_input_cannot_be_read_again():
    origin = {"source": None, "encoding": "utf-8", "normalization": "none", "max_chars": None, "valid_fraction": 0.1}
    with pytest.raises(InputError, match=r"does not say .* \(stdin\); name"):
        training_text({"corpus": "stdin", "origin": origin, "corpus_sha256": "0" * 64}, "none")


def test_a_text_that_is_not_there_any_more_or_another_one(tmp_path):
    path = tmp_path / "noise.txt"
    path.write_text(NOISE, "utf-8")
    training = remembered(path)
    path.write_text(NOISE + "!", "utf-8")
    with pytest.raises(InputError, match=rf"noise.txt: this is not the text .* was {training['corpus_sha256'][:12]}"):
        training_text(training, "none")
    path.unlink()
    with pytest.raises(InputError, match=r"cannot be read: no file .*noise.txt.*; name the text"):
        training_text(training, "none")
    with pytest.raises(InputError, match=r"cannot be read: .*'surprise'"):
        training_text(training | {"origin": {"source": "x", "surprise": 1}}, "none")


@given(st.text("ab\n", max_size=30), st.data())
def test_just_what_lies_in_a_span_is_marked_line_by_line(text, data):
    places = st.integers(0, len(text))
    spans = sorted((min(pair), max(pair)) for pair in data.draw(st.lists(st.tuples(places, places), max_size=4)))
    marked, inside, found = mark(text, spans, begin="<", end=">"), False, []
    for character in marked:
        if character in "<>":
            assert inside is (character == ">")
            inside = character == "<"
        else:
            found.append((character, inside))
    in_a_span = [any(begin <= place < end for begin, end in spans) for place in range(len(text))]
    assert found == [(c, within and c != "\n") for c, within in zip(text, in_a_span, strict=True)]
    assert not inside


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_marks_are_obeyed_and_control_characters_shown():
    shown = mark("\x1b[31mred\x07", [(3, 8)], lambda piece: printable(piece, Terminal()))
    assert shown == "\\x1b[3" + "\x1b[7m" + "1mred" + "\x1b[27m" + "\\x07"


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_of_people_who_want_them(stream, environment, expected, monkeypatch):
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colours(stream) is expected
