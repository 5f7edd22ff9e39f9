import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.errors import InputError
from chargen.text.decoding import Decoder, decode
from chargen.text.normalization import normalize


def in_chunks(data, size):
    return (data[start : start + size] for start in range(0, len(data), size))


def refusal(data, encoding, size):
    with pytest.raises(InputError) as caught:
        list(Decoder("letter", encoding).pieces(in_chunks(data, size)))
    return str(caught.value)


@given(
    st.text(st.sampled_from("a\r\n\ufeffé\u0130"), max_size=20),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-7"]),
    st.integers(1, 9),
    st.booleans(),
)
def test_text_is_the_same_in_chunks_and_as_a_whole_strict_and_lenient(text, encoding, size, lenient):
    data = text.encode(encoding)
    decoder = Decoder("letter", encoding, lenient)
    decoded = data.decode(encoding)
    pieces = "".join(decoder.pieces(in_chunks(data, size)))
    lines = decoded.removeprefix("\ufeff").replace("\r\n", "\n")
    assert pieces == lines.replace("\r", "\n")
    assert (decoder.bytes, decoder.faults, decoder.lacks_mark) == (len(data), 0, False)
    marked = decoded.startswith("\ufeff")
    counts = {"CRLF": decoded.count("\r\n"), "CR": lines.count("\r")}
    assert decoder.notes == ["dropped a byte order mark"] * marked + [
        f"turned {kinds} line ends into LF"
        for kinds in [" and ".join(f"{count} {kind}" for kind, count in counts.items() if count)]
        if kinds
    ]


@pytest.mark.parametrize(
    ("data", "encoding", "said"),
    [
        ("naïve ca".encode("latin-1"), "utf-8", "utf-8: byte 0xef at offset 2; give its encoding, for example latin-1"),
        ("1234 café\n".encode(), "ascii", "ascii: byte 0xc3 at offset 8; give its encoding, for example utf-8"),
        (b"caf\xc3", "utf-8", "utf-8: byte 0xc3 at offset 3; its last character is cut off, or it is not utf-8;"
         " give its encoding, for example latin-1"),
        ("naïve caf".encode() + b"\xc3", "utf-8", "utf-8: byte 0xc3 at offset 10; its last character is cut off;"
         " get the whole file, or remove that character"),
        ("naïve, ÀÉÎõü".encode() + b"\xff", "utf-8", "utf-8: byte 0xff at offset 18; nearly all of it is; repair the"
         " damaged bytes, or drop them: iconv -c -f utf-8 -t utf-8 FILE"),
        (b"a\x81b", "cp1252", "cp1252: byte 0x81 at offset 1; give its encoding"),
        (b"a\r\nb\x92", "utf-8", "utf-8: byte 0x92 at offset 4; give its encoding, for example cp1252"),
        ("text".encode("utf-16-le"), "utf-16", "utf-16: it does not begin with a byte order mark;"
         " give the order of its bytes as encoding, utf-16-le or utf-16-be"),
        (b"t", "utf-32", "utf-32: it does not begin with a byte order mark;"
         " give the order of its bytes as encoding, utf-32-le or utf-32-be"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_bytes_that_are_not_in_the_encoding(data, encoding, said, size):
    assert refusal(data, encoding, size) == f"letter is not {said}"


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_nul_is_found_at_the_same_place_in_chunks(size):
    assert refusal(b"\xef\xbb\xbfa\r\nb\0", "utf-8", size) == (
        "letter looks binary, not text: NUL at character 3; give a plain text file"
    )


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_lenient_decoder_counts_faults_and_goes_on(size):
    decoder = Decoder("letter", lenient=True)
    assert "".join(decoder.pieces(in_chunks(b"caf\xe9\r\nna\xef.e\0", size))) == "caf\ufffd\nna\ufffd.e\0"
    assert (decoder.bytes, decoder.faults, decoder.first_fault, decoder.line_ends) == (12, 2, 3, {"CRLF": 1})
    assert decoder.advice == "give its {encoding}"


def test_a_lenient_decoder_takes_bytes_without_their_mark_for_little_endian():
    decoder = Decoder("letter", "utf-16", lenient=True)
    assert "".join(decoder.pieces(["text".encode("utf-16-le")])) == "text"
    assert decoder.lacks_mark


@pytest.mark.parametrize(
    ("text", "encoding", "read"),
    [
        ("a\u2028b\u2029c\x85d\r\re\r\nf\n", "utf-8", "a\nb\nc\nd\n\ne\nf\n"),
        ("wait\x85", "latin-1", "wait\x85"),  # Windows' ellipsis, in the wrong encoding
        ("zOS\x85", "cp037", "zOS\n"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_every_kind_of_line_end_becomes_a_line_feed(text, encoding, read, size):
    decoder = Decoder("letter", encoding)
    assert "".join(decoder.pieces(in_chunks(text.encode(encoding), size))) == read
    if encoding == "utf-8":
        assert decoder.notes == ["turned 1 CRLF and 2 CR and 1 NEL and 1 U+2028 and 1 U+2029 line ends into LF"]


def test_marks_apart_from_their_letters_are_counted():
    decoder = Decoder("letter")
    list(decoder.pieces(["Be\u030chem \u0161 \u0958 \u1100\u1161\u11a8".encode()]))
    assert decoder.notes == ["put 2 marks together with their letters (Unicode NFC)"]


def test_half_a_character_is_refused_or_counted():
    half = b"abc +2AA- def"
    with pytest.raises(InputError, match="text is not utf-7: it has half a character"):
        decode(half, "text", "utf-7")
    lenient = Decoder("text", "utf-7", lenient=True)
    assert ("".join(lenient.pieces([half])), lenient.faults) == ("abc \ufffd def", 1)


def test_nothing_but_nul_is_not_read_to_its_end():
    lenient = Decoder("text", lenient=True)
    with pytest.raises(InputError, match="text looks binary, not text: NUL at character 131,078"):
        list(lenient.pieces(itertools.chain([b"hello\n"], itertools.repeat(bytes(1 << 17)))))


def test_endless_marks_are_no_text_and_many_are():
    many, endless = "a" + "\u0315\u0300" * 20, "\u0315\u0300" * 50_000
    assert decode(many.encode(), "odd")[0] == many
    with pytest.raises(InputError, match="odd is no text: 500 marks in a row follow one letter"):
        decode(("a" + endless).encode(), "odd")
    with pytest.raises(InputError, match="500 marks in a row"):
        normalize(endless, "none")
