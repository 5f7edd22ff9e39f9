import dataclasses
import io
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chargen.analysis import text_check
from chargen.analysis.text_check import Checkup, Finding
from chargen.errors import InputError
from chargen.text.batches import Batching, WindowStarts
from chargen.text.corpus import load_corpus
from chargen.text.detection import kind_of
from chargen.text.reading_options import ReadingOptions
from chargen.text.sources import PACKERS, Document

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
SMALL = Batching(batch_size=2, num_steps=3)
LINES = (f"{number:019b}\n" for number in range(3000))
CLEAN = "".join(LINES).translate({48: "a", 49: "b"})  # long enough to trust, and nothing is rare or comes again


def examine(name, data, batching=None, **reading):
    return text_check.examine(name, [Document(name, None, io.BytesIO(data))], ReadingOptions(**reading), batching)


def findings(data, batching=SMALL, valid_fraction=0.0, **settings):
    return examine("text", data, batching, valid_fraction=valid_fraction, **settings).findings


def test_clean_text_has_no_findings():
    assert examine("poem", CLEAN.encode(), SMALL) == Checkup(
        name="poem",
        bytes=60_000,
        characters=60_000,
        vocabulary=3,
        train_characters=54_000,
        valid_characters=6_000,
        batching=SMALL,
        batches_per_epoch=8_999,
        findings=(),
        column=None,
    )


def test_bytes_characters_and_vocabulary_differ_where_they_should():
    found = examine("text", "Éé\r\n".encode() * 100, SMALL, normalization="lower")
    assert (found.bytes, found.characters, found.vocabulary) == (600, 300, 2)


def test_repairs_are_reported_as_harmless():
    assert findings(b"\xef\xbb\xbf" + CLEAN[: 1234 * 20].replace("\n", "\r\n").encode()) == (
        Finding("dropped a byte order mark", "nothing to do; training does the same"),
        Finding("turned 1,234 CRLF line ends into LF", "nothing to do; training does the same"),
    )


def test_a_mixture_of_unicode_forms_is_named():
    apart = (CLEAN + "e\u0301" * 300).encode()
    (repair,) = findings(apart)
    assert repair.what == "put 300 marks together with their letters (Unicode NFC)"
    (repair,) = findings(apart + "é".encode() * 200)
    assert repair.what.endswith("(Unicode NFC); 200 were so already: the text mixes two Unicode forms")


@pytest.mark.parametrize(
    ("tail", "count", "advice"), [(b"\xe9\xe8", 2, "latin-1"), (b"\x93a\x94", 2, "cp1252"), (b"\xe2\xe9", 2, "latin-1")]
)
def test_undecodable_bytes(tail, count, advice):
    found = findings(CLEAN.encode() + tail)
    assert found[0] == Finding(
        f"not utf-8: {count} bytes, the first at offset 60,000",
        f"give its {{encoding}}, for example {advice}",
        grave=True,
    )


def test_text_in_utf_8_read_as_ascii():
    assert findings(CLEAN.encode() + "é".encode(), encoding="us-ascii")[0] == Finding(
        "not ascii: 2 bytes, the first at offset 60,000", "give its {encoding}, for example utf-8", grave=True
    )


def test_right_encoding_leaves_nothing_to_find():
    assert findings((CLEAN + "é" * 10).encode("latin-1"), encoding="latin-1") == ()


def test_control_characters_are_named_and_counted():
    found = findings(CLEAN.encode() + b"\t\t\0\x07\x07\x1b" + b"\t" * 8)
    assert found == (
        Finding(
            "4 control characters: '\\x00' x1, '\\x07' x2, '\\x1b' x1",
            "remove them unless the model should write them; a NUL means that this is not text",
            grave=True,
        ),
    )


def test_rare_characters_are_no_trouble_unless_much_of_the_text_is_written_in_them():
    assert findings((CLEAN + "☃" * 9 + "é" * 10 + "q" * 2 + "Z" * 2).encode()) == ()
    found = findings((CLEAN[:600] + "☃" * 9 + "é" * 10 + "q" * 2 + "Z" * 2).encode())
    assert found == (
        Finding(
            "characters that occur fewer than 10 times, 2.1 % of the text: 'Z' x2, 'q' x2, '☃' x9",
            "the model hardly learns them; a longer text helps",
        ),
    )


def test_rare_characters_are_counted_after_normalisation_and_twelve_named():
    text = (CLEAN[:600] + "ABCDEFGHIJKLMNOPQ").encode()
    assert findings((CLEAN[:600] + "1" * 9 + "!" * 9).encode(), normalization="letters") == ()
    named = findings(text)[0].what
    assert ": 'A' x1, 'B' x1," in named
    assert named.endswith("'L' x1 and 5 more")


def test_text_too_short_for_a_batch():
    found = examine("text", b"aaaaa", SMALL, valid_fraction=0)
    assert (found.batches_per_epoch, found.train_characters) == (0, 5)
    assert found.findings[-1] == Finding(
        "the training text has 5 characters, but batches of 2 x 3 need at least 7",
        "give a longer text, or try {batch_size} 1 {num_steps} 3",
        grave=True,
    )


@pytest.mark.parametrize(("characters", "warned"), [(50_009, False), (49_990, True)])
def test_held_out_part_too_short_to_trust(characters, warned):
    found = findings(CLEAN[:characters].encode(), valid_fraction=0.1)
    assert found == (
        (
            Finding(
                "only 4,999 characters would be held out, too few for a reliable validation loss",
                "give a longer text, or a larger {valid_fraction}",
            ),
        )
        if warned
        else ()
    )


def test_nothing_held_out_on_purpose_is_no_trouble():
    assert findings(CLEAN[:1000].encode(), valid_fraction=0) == ()


def test_without_settings_the_text_is_cut_as_training_would():
    found = examine("poem", CLEAN[:20_000].encode())
    assert found.batching == Batching(4, 64)  # 18,000 characters are too few for 16 rows
    assert found.batches_per_epoch == found.batching.batches_per_epoch(18_000)


def test_empty_file():
    found = examine("text", b"")
    assert dataclasses.astuple(found)[:6] == ("text", 0, 0, 0, 0, 0)
    assert found.batches_per_epoch == 0
    assert found.findings == (
        Finding("the text is empty", "give a text with some characters to learn from", grave=True),
    )


@pytest.mark.parametrize("settings", [{"encoding": "utf-99"}, {"encoding": "base64"}, {"normalization": "upper"}])
def test_unknown_settings_are_refused(settings):
    with pytest.raises(InputError, match=r"^(encoding|normalization) '.*': (unknown|must be one of)"):
        examine("text", b"text", SMALL, **settings)


@settings(max_examples=100)
@example(bytes(3), "utf-8")
@given(
    st.binary().filter(lambda data: not (data.startswith(tuple(PACKERS)) or kind_of(data))),
    st.sampled_from(["utf-8", "utf-16", "ascii", "cp1252", "utf-7"]),
)
def test_no_bytes_are_refused_but_those_of_other_kinds_of_files(data, encoding):
    found = examine("text", data, SMALL, encoding=encoding)
    assert found.bytes == len(data)
    assert found.train_characters + found.valid_characters == found.characters


def test_figures_are_those_of_training():
    path = SHARED / "wikitext2-valid.txt"
    if not path.exists():
        pytest.skip(f"THE REAL TEXT {path} IS ABSENT: the check-up was not compared with the training corpus")
    found = examine("text", path.read_bytes(), Batching(), normalization="lower", valid_fraction=0.2)
    corpus = load_corpus(path, normalization="lower", valid_fraction=0.2)
    assert (found.train_characters, found.valid_characters) == (len(corpus.train_ids), len(corpus.valid_ids))
    assert found.vocabulary == len(corpus.vocabulary)
    assert found.batches_per_epoch == len(WindowStarts(len(corpus.train_ids), Batching(), epoch=0))
    assert found.findings == (), "it is a healthy text, rare characters and all"
