from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import InputError
from chargen.text import streams
from chargen.text.corpus import load_corpus
from chargen.text.decoding import decode
from chargen.text.normalization import NORMALIZATIONS, normalize
from chargen.text.stored_ids import StoredIds
from chargen.text.vocabulary import Vocabulary

AWKWARD = st.lists(
    st.sampled_from(["\r\n", "  ", "caf\u00e9", *"aZ.' \u03a3\u03b1\r\n\ufeff\u0130\u0301"]), max_size=30
)
WIDE = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))


def all_ids(corpus):
    return np.concatenate([corpus.train_ids, corpus.valid_ids])


@settings(max_examples=100)
@given(
    st.lists(AWKWARD.map("".join), min_size=1, max_size=3),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252"]),
    st.sampled_from(NORMALIZATIONS),
    st.none() | st.integers(1, 20),
    st.sampled_from(["\n", "", " \u2014 "]),
    st.integers(1, 9),
    st.sampled_from([0, 10**6]),
)
def test_ids_are_those_of_the_whole_text(
    tmp_path_factory, texts, encoding, normalization, max_chars, separator, chunk, in_memory
):
    folder = tmp_path_factory.getbasetemp() / "texts"
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text.encode(encoding, "ignore"))
    decoded = [decode(path.read_bytes(), "text", encoding) for path in paths]
    whole = normalize(separator.join(text for text, _ in decoded), normalization)[:max_chars]
    reading = {"encoding": encoding, "normalization": normalization, "max_chars": max_chars, "separator": separator}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "CHUNK", chunk)
        if not whole.strip():
            with pytest.raises(InputError, match="the text is empty"):
                load_corpus(paths, **reading, in_memory=in_memory)
            return
        corpus = load_corpus(paths, **reading, in_memory=in_memory)
    size = sum(path.stat().st_size for path in paths)
    length = len(corpus.train_ids) + len(corpus.valid_ids)  # with the separators
    assert isinstance(corpus.valid_ids, StoredIds) == (max(size, length) > in_memory)
    assert corpus.vocabulary == Vocabulary.from_text(whole, normalization)
    np.testing.assert_array_equal(all_ids(corpus), corpus.vocabulary.encode(whole))
    assert len(corpus.notes) == sum(len(notes) for _, notes in decoded)


@pytest.mark.parametrize(
    ("text", "dtype"),
    [("ab" * 500, np.uint8), (WIDE[:256], np.uint8), (WIDE[:257] + "a", np.uint16)],
)
@pytest.mark.parametrize("in_memory", [10, 10**6])
def test_ids_have_the_smallest_type(text, dtype, in_memory):
    Path("text.txt").write_text(text, "utf-8")
    corpus = load_corpus("text.txt", in_memory=in_memory)
    assert corpus.train_ids.dtype == dtype
    assert corpus.vocabulary.decode(all_ids(corpus)) == text
