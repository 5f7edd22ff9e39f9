import hashlib
from pathlib import Path

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.text.corpus import load_corpus
from chargen.text.decoding import decode

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))


def written(name, data):
    Path(name).write_bytes(data)
    return name


def whole_text(corpus):
    return corpus.vocabulary.decode(np.concatenate([corpus.train_ids, corpus.valid_ids]))


def refusal(source, **settings):
    with pytest.raises(InputError) as caught:
        load_corpus(source, **settings)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The bundled text


def test_bundled_story():
    corpus = load_corpus()
    text = whole_text(corpus)
    assert corpus.name == "lamp-at-low-water"
    assert len(text) >= 60_000
    assert "time traveller" in text
    assert text.isascii()
    assert corpus.notes == ()
    assert load_corpus(normalization="letters").vocabulary.characters == " abcdefghijklmnopqrstuvwxyz"


# Bytes


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", b"\xef\xbb\xbf", "\u2003\u3000\n".encode()])
def test_nothing_but_white_space(data):
    assert (
        refusal(written("blank.txt", data))
        == "blank.txt: the text is empty; give a text with some characters to learn from"
    )


def test_text_that_normalisation_empties():
    assert "the text is empty" in refusal(written("numbers.txt", b"1 2 3\n"), normalization="letters")


def test_binary():
    message = refusal(written("picture.bin", b"x" * 2006 + b"\0\1\2"))
    assert message == "picture.bin looks binary, not text: NUL at character 2,006; give a plain text file"
    message = refusal(written("bare.txt", "Das Haus am See.\n".encode("utf-16-le")))
    assert message.endswith("give a plain text file, or its encoding, which may be utf-16-le")


@pytest.mark.parametrize(
    ("data", "encoding", "codec", "byte", "offset", "advice"),
    [
        (b"caf\xe9 au lait", "utf-8", "utf-8", "0xe9", "3", "latin-1"),
        (b"a" * 1200 + b"\xfc.", "utf-8", "utf-8", "0xfc", "1,200", "latin-1"),
        (b"he said \x93no\x94", "utf-8", "utf-8", "0x93", "8", "cp1252"),
        ("Tür".encode("utf-16"), "utf-8", "utf-8", "0xff", "0", "utf-16"),
        ("Tür".encode(), "US-ASCII", "ascii", "0xc3", "1", "utf-8"),
    ],
)
def test_bytes_in_another_encoding(data, encoding, codec, byte, offset, advice):
    message = refusal(written("text.txt", data), encoding=encoding)
    assert message.startswith(f"text.txt is not {codec}: byte {byte} at offset {offset};")
    assert message.endswith(f"give its encoding, for example {advice}")
    assert decode(data, "text", advice)  # the advice works


@pytest.mark.parametrize(
    "encoding", ["utf-99", "punycode", "base64", "rot13", "undefined", "idna", "", "\udcff", "utf\0"]
)
def test_unknown_encoding(encoding):
    message = refusal(written("text.txt", b"text"), encoding=encoding)
    assert message == f"encoding {encoding!r}: unknown; common ones are utf-8, latin-1, cp1252, utf-16"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1", "cp1252", "UTF8"])
def test_encoding_of_choice(encoding):
    corpus = load_corpus(written("text.txt", "Größe 4\n".encode(encoding)), encoding=encoding)
    assert whole_text(corpus) == "Größe 4\n"
    assert corpus.notes == ()


def test_byte_order_mark_and_crlf_are_dropped_and_noted():
    corpus = load_corpus(written("windows.txt", b"\xef\xbb\xbf" + b"line\r\n" * 1500))
    assert whole_text(corpus) == "line\n" * 1500
    assert corpus.notes == (
        "windows.txt: dropped a byte order mark",
        "windows.txt: turned 1,500 CRLF line ends into LF",
    )


def test_mixed_line_ends_are_told_once():
    assert decode(b"a\rb\n\r\nc\n", "text") == ("a\nb\n\nc\n", ["text: turned 1 CRLF and 1 CR line ends into LF"])


def test_sha256_is_of_the_bytes_as_read():
    data = b"\xef\xbb\xbfA line\r\nAnother line\r\n"
    corpus = load_corpus(written("text.txt", data), normalization="lower", max_chars=5)
    assert corpus.sha256 == hashlib.sha256(data).hexdigest()


# Splitting


@pytest.mark.parametrize(("valid_fraction", "valid"), [(0, 0), (0.1, 100), (0.25, 250), (0.0001, 1), (0.999, 999)])
def test_split(valid_fraction, valid):
    text = "".join(chr(97 + i * i % 26) for i in range(1000))
    corpus = load_corpus(written("text.txt", text.encode()), valid_fraction=valid_fraction)
    assert (len(corpus.train_ids), len(corpus.valid_ids)) == (1000 - valid, valid)
    assert corpus.vocabulary.decode(corpus.train_ids) == text[: 1000 - valid]
    assert whole_text(corpus) == text
    assert corpus.train_ids.dtype == corpus.valid_ids.dtype == np.uint8


def test_vocabulary_is_of_the_whole_text():
    corpus = load_corpus(written("text.txt", b"aaaaaaaaab"), valid_fraction=0.1)
    assert corpus.vocabulary.characters == "ab"
    assert corpus.valid_ids.tolist() == [1]


@pytest.mark.parametrize("valid_fraction", [-0.1, 1, 1.5, float("nan")])
def test_impossible_split(valid_fraction):
    message = refusal(None, valid_fraction=valid_fraction)
    assert message == f"valid_fraction {valid_fraction}: must be at least 0 and below 1"


def test_a_number_of_characters_below_1_is_refused():
    with pytest.raises(InputError, match="max_chars -5: must be at least 1; leave it out to keep all"):
        load_corpus(max_chars=-5)


def test_max_chars_counts_after_normalisation_and_before_the_split():
    source = written("text.txt", b"I -- -- am\n\n\nhere, now; z")
    corpus = load_corpus(source, normalization="letters", max_chars=10, valid_fraction=0.2)
    assert whole_text(corpus) == "i am here "
    assert corpus.vocabulary.decode(corpus.valid_ids) == "e "
    assert corpus.vocabulary.characters == " aehimr"  # of what was kept: no z
    assert len(whole_text(load_corpus(source, max_chars=1000))) == 25


def test_the_textbook_corpus():
    if not (SHARED / "timemachine.txt").exists():
        pytest.skip(f"THE REAL TEXT {SHARED / 'timemachine.txt'} IS ABSENT: the textbook's figures were not checked")
    corpus = load_corpus(SHARED / "timemachine.txt", normalization="letters", max_chars=10_000)
    assert len(corpus.vocabulary) == 27
    assert whole_text(corpus).startswith("the time machine by h g wells i the time traveller for so it will be conv")
    assert (len(corpus.train_ids), len(corpus.valid_ids)) == (9_000, 1_000)
