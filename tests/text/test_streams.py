import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.errors import InputError
from chargen.text.decoding import decode
from chargen.text.streams import read_text

AWKWARD = st.lists(st.sampled_from(["\r\n", *"aZ.' ΣΑσς\r\n\ufeffİé\u0301\U0001d400"]), max_size=40).map("".join)


@given(AWKWARD, st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-8-sig", "utf-32"]), st.integers(1, 9))
def test_a_file_is_read_in_chunks_as_it_is_at_once(tmp_path_factory, text, encoding, chunk):
    path = tmp_path_factory.getbasetemp() / "text"
    path.write_bytes(text.encode(encoding))
    expected, _ = decode(path.read_bytes(), "text", encoding)
    assert "".join(read_text(path, encoding, chunk)) == expected


@pytest.mark.parametrize("chunk", [3, 1 << 18])
@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("na\u00efve caf\u00e9".encode("latin-1"), "utf-8"),
        ("1234 caf\u00e9\n".encode(), "ascii"),
        (b"caf\xc3", "utf-8"),
        (b"text\0more", "utf-8"),
        (b"text", "klingon"),
    ],
)
def test_bytes_that_are_no_text_are_refused_in_the_words_of_training(tmp_path, data, encoding, chunk):
    (tmp_path / "letter.txt").write_bytes(data)
    with pytest.raises(InputError) as expected:
        decode(data, "letter.txt", encoding)
    with pytest.raises(InputError) as refusal:
        list(read_text(tmp_path / "letter.txt", encoding, chunk))
    said, due = (str(error.value).partition("for example")[0] for error in (refusal, expected))
    assert said == due
    assert chunk == 3 or str(refusal.value) == str(expected.value)


def test_utf_16_without_its_mark_is_asked_for_the_order_of_its_bytes(tmp_path):
    (tmp_path / "letter.txt").write_bytes("text".encode("utf-16-le"))
    with pytest.raises(InputError, match=r"letter\.txt is not utf-16: .*utf-16-le or utf-16-be"):
        list(read_text(tmp_path / "letter.txt", "utf-16"))
