import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import InputError
from chargen.text import encoded_ids as encoded
from chargen.text import streams
from chargen.text.corpus import load_corpus, read_corpus
from chargen.text.decoding import decode
from chargen.text.normalization import NORMALIZATIONS, normalize
from chargen.text.vocabulary import Vocabulary

AWKWARD = st.lists(
    st.sampled_from(["\r\n", "  ", "caf\u00e9", *"aZ.' \u03a3\u03b1\r\n\ufeff\u0130\u0301"]), max_size=30
)
WIDE = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))
POEM = b"Tyger tyger, burning bright,\r\nin the forests of the night.\n"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))


def old(path, data):
    """Write a file that was last changed some time ago."""
    Path(path).write_bytes(data)
    os.utime(path, (1e9, 1e9))
    return path


def files(pattern):
    return sorted(Path("cache/encoded").glob(pattern))


def all_ids(corpus):
    return np.concatenate([corpus.train_ids, corpus.valid_ids])


# The same ids as those of the text as a whole


@settings(max_examples=100, deadline=None)
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
    assert isinstance(corpus.valid_ids, np.memmap) == (sum(path.stat().st_size for path in paths) > in_memory)
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


# The cache


def test_a_text_that_was_not_touched_is_not_read_again():
    first = load_corpus(old("poem.txt", POEM), in_memory=10)
    os.chmod("poem.txt", 0)  # for those who are not root
    state = os.stat("poem.txt")
    Path("poem.txt").rename("away.txt")
    with pytest.raises(InputError, match=r"no file 'poem.txt'"):
        load_corpus("poem.txt", in_memory=10)
    Path("away.txt").rename("poem.txt")
    os.chmod("poem.txt", 0o600)
    again = load_corpus("poem.txt", in_memory=10)
    assert state.st_mtime_ns == os.stat("poem.txt").st_mtime_ns
    np.testing.assert_array_equal(all_ids(again), all_ids(first))
    assert (again.notes, again.sha256) == (first.notes, first.sha256)
    assert again.notes == ("poem: turned 1 CRLF line ends into LF",)


def test_a_text_that_was_touched_is_read_again_and_its_ids_are_found():
    load_corpus(old("poem.txt", POEM), in_memory=10)
    (made,) = files("*.ids")
    before = made.stat().st_mtime_ns
    os.utime("poem.txt", (1.1e9, 1.1e9))
    load_corpus("poem.txt", in_memory=10)
    load_corpus(old("copy.txt", POEM), in_memory=10)
    assert files("*.ids") == [made]
    assert made.stat().st_mtime_ns == before


def test_the_same_size_and_time_do_not_hide_another_text():
    load_corpus(old("poem.txt", POEM), in_memory=10)
    old("poem.txt", POEM.replace(b"Tyger", b"Lambs"))
    corpus = load_corpus("poem.txt", in_memory=10)
    assert corpus.vocabulary.decode(all_ids(corpus)).startswith("Lambs tyger")


def test_a_text_that_has_just_been_written_is_not_taken_on_trust():
    Path("poem.txt").write_bytes(POEM)
    load_corpus("poem.txt", in_memory=10)
    assert files("*.seen") == []
    assert len(files("*.ids")) == 1


@pytest.mark.parametrize("other", [{"normalization": "lower"}, {"encoding": "cp1252"}, {"max_chars": 7}])
def test_each_way_to_read_has_its_own_ids(other):
    load_corpus(old("poem.txt", POEM), in_memory=10)
    load_corpus("poem.txt", in_memory=10, **other)
    assert len(files("*.ids")) == len(files("*.seen")) == 2


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-1], "its end is missing"),
        (lambda data: data[5:], "it does not hold 58 ids"),
        (lambda data: data.replace(b'"length"', b'"lenght"'), "its description has another SHA-256"),
        (lambda data: b"", "its end is missing"),
        (lambda data: data[:7] + b"\x01\x02" + data[9:], "its ids have another SHA-256"),
    ],
)
def test_damaged_ids_are_made_anew(damage, said):
    expected = all_ids(load_corpus(old("poem.txt", POEM), in_memory=10)).tolist()
    (path,) = files("*.ids")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    corpus = load_corpus("poem.txt", in_memory=10)
    assert corpus.notes[-1] == f"{path.resolve()} was damaged ({said}) and has been made anew"
    assert all_ids(corpus).tolist() == expected
    assert path.read_bytes() == whole
    assert not any("damaged" in note for note in load_corpus("poem.txt", in_memory=10).notes)


def test_standard_input_and_pipes_are_copied_to_where_they_can_be_read_twice(monkeypatch):
    with open(old("poem.txt", POEM)) as file:
        monkeypatch.setattr(sys, "stdin", file)
        corpus = load_corpus("-", in_memory=10)
    assert isinstance(corpus.train_ids, np.memmap)
    assert corpus.vocabulary.decode(all_ids(corpus)).encode() == POEM.replace(b"\r\n", b"\n")
    assert (files("*.seen"), corpus.sha256) == ([], hashlib.sha256(POEM).hexdigest())


def test_a_text_that_changes_between_the_passes_is_refused(monkeypatch):
    old("poem.txt", POEM)
    write = encoded._write

    def late(path, text):
        old("poem.txt", POEM[::-1])
        write(path, text)

    monkeypatch.setattr(encoded, "_write", late)
    with pytest.raises(InputError, match="poem was changed while it was read; start again when it is complete"):
        load_corpus("poem.txt", in_memory=10)
    assert [path.name for path in Path("cache/encoded").iterdir()] == [".lock"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not say what is resident")
def test_released_pages_are_no_longer_resident():
    def resident():
        status = Path("/proc/self/status").read_text()
        return int(status.partition("RssFile:")[2].split()[0]) * 1024

    np.zeros(30_000_000, np.uint8).tofile("ids")
    ids = np.memmap("ids", np.uint8, "r")
    before = resident()
    assert ids.sum() == 0
    assert resident() > before + 25_000_000
    encoded.release(ids[5:])
    assert resident() < before + 5_000_000


# Processes that die, that race, and that run out of disk

ENCODE = """
import sys, time
from chargen.text import streams
from chargen.text.corpus import load_corpus
from chargen.errors import ChargenError
pause = float(sys.argv[1])
plain = streams.TextStream._chunks
def slow(self, file, digest):
    for data in plain(self, file, digest):
        time.sleep(pause)
        yield data
streams.TextStream._chunks = slow
try:
    corpus = load_corpus("long.txt", in_memory=1000)
except ChargenError as error:
    sys.exit(f"{type(error).__name__}: {error}")
print(corpus.vocabulary.decode(corpus.train_ids[-20:]))
"""


def encoding(pause, **options):
    return subprocess.Popen(
        [sys.executable, "-c", ENCODE, str(pause)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def long_text():
    text = "".join(f"{number:09}\n" for number in range(200_000))
    old("long.txt", text.encode())
    return text


def wait_for(pattern, process):
    for _ in range(500):
        if found := files(pattern):
            return found
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    raise AssertionError(f"no {pattern} came")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill so hard")
def test_a_process_that_is_killed_while_it_encodes_leaves_nothing_that_counts():
    text = long_text()
    process = encoding(0.05)
    (torn,) = wait_for(".*.tmp", process)
    process.kill()
    process.communicate()
    assert torn.exists()
    assert files("*.ids") == []
    corpus = load_corpus("long.txt", in_memory=1000)
    assert corpus.vocabulary.decode(all_ids(corpus)) == text
    assert sorted(path.suffix for path in files("[!.]*")) == [".ids", ".seen"]
    assert not torn.exists()


def test_of_two_processes_one_encodes_and_the_other_finds_it():
    text = long_text()
    first, second = encoding(0.02), encoding(0.02)
    results = [process.communicate(timeout=60) for process in (first, second)]
    assert [out for out, _ in results] == [text[1_799_980:1_800_000] + "\n"] * 2, results
    assert (len(files("*.ids")), files(".*.tmp")) == (1, [])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits on files")
def test_a_disk_that_is_full_ends_it_with_one_clear_line():
    import resource

    long_text()

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    _, stderr = encoding(0, preexec_fn=limit).communicate(timeout=60)
    (line,) = stderr.splitlines()
    assert line.startswith("SaveError: cannot write ")
    assert line.endswith("free some space, or set CHARGEN_CACHE to a folder on another disk")
    assert [path.name for path in Path("cache/encoded").iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_written():
    Path("cache").write_text("a file")
    with pytest.raises(InputError, match=r"cannot write in .*cache.encoded: .*; set CHARGEN_CACHE to a folder that"):
        load_corpus(old("poem.txt", POEM), in_memory=10)


# Many texts


def test_a_folder_is_all_its_texts_sorted_by_path():
    for name in ("books/b.txt", "books/a/z.TXT", "books/notes.md", "books/._b.txt", "books/.kept/b.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"this is {Path(name).stem}\n")
    corpus = load_corpus("books")
    assert corpus.vocabulary.decode(all_ids(corpus)) == "this is z\n\nthis is b\n"
    assert (corpus.name, corpus.origin.source) == ("books", str(Path("books").resolve()))
    assert "".join(streams.read_text("books")) == "this is z\n\nthis is b\n"


def test_a_name_of_the_registry_comes_before_a_folder_of_that_name_from_anywhere():
    Path("lamp-at-low-water").mkdir()
    corpus = load_corpus("lamp-at-low-water", max_chars=100)
    assert corpus.origin.source == "lamp-at-low-water"
    assert read_corpus(corpus.origin.source, corpus.origin).sha256 == corpus.sha256


def test_a_list_is_read_in_its_order_and_again_from_any_folder(monkeypatch):
    Path("a.txt").write_bytes(b"\xef\xbb\xbfone")
    Path("b.txt").write_bytes(b"two\r\n")
    corpus = load_corpus(["b.txt", "a.txt"], separator=" + ")
    assert corpus.vocabulary.decode(all_ids(corpus)) == "two\n + one"
    assert corpus.name == "b-and-1-more"
    assert corpus.notes == ("b.txt: turned 1 CRLF line ends into LF", "a.txt: dropped a byte order mark")
    lines = [hashlib.sha256(Path(name).read_bytes()).hexdigest() + "\n" for name in ("b.txt", "a.txt")]
    assert corpus.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    again = load_corpus(**json.loads(json.dumps(asdict(corpus.origin))))
    assert (again.sha256, all_ids(again).tolist()) == (corpus.sha256, all_ids(corpus).tolist())


def test_of_many_texts_the_one_that_cannot_be_read_is_named():
    Path("good.txt").write_bytes(b"good")
    Path("bad.txt").write_bytes(b"so b\xe4d")
    with pytest.raises(InputError, match=r"^bad.txt is not utf-8: byte 0xe4 at offset 4; .*for example latin-1$"):
        load_corpus(["good.txt", "bad.txt"])
    with pytest.raises(InputError, match="standard input cannot be combined with other texts"):
        load_corpus(["good.txt", "-"])
    with pytest.raises(InputError, match="no texts were given"):
        load_corpus([])


def test_joined_texts_cannot_be_told_from_their_digest_alone():
    """One digest stands for one sequence of bytes of each document, not for their concatenation."""
    for name, data in (("1", b"ab"), ("2", b"c"), ("3", b"a"), ("4", b"bc")):
        Path(name).write_bytes(data)
    digests = {load_corpus(pair, separator="").sha256 for pair in (["1", "2"], ["3", "4"])}
    assert len(digests) == 2
