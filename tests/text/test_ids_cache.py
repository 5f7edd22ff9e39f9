import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.text import ids_cache
from chargen.text.corpus import load_corpus
from chargen.text.stored_ids import StoredIds

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
    assert again.notes == ("poem.txt: turned 1 CRLF line ends into LF",)


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
    assert corpus.notes[-1] == f"{path.resolve()} was damaged ({said}) and has been written again"
    assert all_ids(corpus).tolist() == expected
    assert path.read_bytes() == whole
    assert not any("damaged" in note for note in load_corpus("poem.txt", in_memory=10).notes)


def test_standard_input_and_pipes_are_copied_to_where_they_can_be_read_twice(monkeypatch):
    with open(old("poem.txt", POEM)) as file:
        monkeypatch.setattr(sys, "stdin", file)
        corpus = load_corpus("-", in_memory=10)
    assert isinstance(corpus.train_ids, StoredIds)
    assert corpus.vocabulary.decode(all_ids(corpus)).encode() == POEM.replace(b"\r\n", b"\n")
    assert (files("*.seen"), corpus.sha256) == ([], hashlib.sha256(POEM).hexdigest())


def test_a_text_that_changes_between_the_passes_is_refused(monkeypatch):
    old("poem.txt", POEM)
    write = ids_cache._write

    def late(path, text):
        old("poem.txt", POEM[::-1])
        write(path, text)

    monkeypatch.setattr(ids_cache, "_write", late)
    with pytest.raises(InputError, match=r"poem\.txt was changed while it was read; start again when it is complete"):
        load_corpus("poem.txt", in_memory=10)
    assert {path.name for path in Path("cache/encoded").iterdir()} <= {".lock"}


# Processes that die, that race, and that run out of disk

ENCODE = """
import sys, time
from chargen.text import streams
from chargen.text.corpus import load_corpus
from chargen.text.stored_ids import StoredIds
from chargen.text.stored_ids import StoredIds
from chargen.errors import ChargenError
pause = float(sys.argv[1])
plain = streams.TextStream._chunks
def slow(self, *arguments):
    for data in plain(self, *arguments):
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
    assert line.count("free some space") == 1
    assert line.endswith("free some space, or set CHARGEN_CACHE to a folder on another disk")
    assert {path.name for path in Path("cache/encoded").iterdir()} <= {".lock"}


def test_a_cache_that_cannot_be_written():
    Path("cache").write_text("a file")
    with pytest.raises(
        InputError, match=r"cannot write in .*encoded: .*cache is no folder; .*, or set CHARGEN_CACHE to a"
    ):
        load_corpus(old("poem.txt", POEM), in_memory=10)
