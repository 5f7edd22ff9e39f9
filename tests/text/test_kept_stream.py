"""Standard input and pipes, which may never end, and a disk that has no room for them."""

import io
import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from chargen.errors import InputError
from chargen.text import kept_stream
from chargen.text.corpus import load_corpus
from chargen.text.kept_stream import KeptStream
from chargen.text.streams import read_text


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARGEN_CACHE", "cache")


def send(monkeypatch, data):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def ids_of(corpus):
    return corpus.sha256, corpus.vocabulary.decode([*corpus.train_ids, *corpus.valid_ids])


@pytest.mark.parametrize("in_memory", [5, 1000], ids=["in a file", "in memory"])
def test_it_is_read_as_far_as_needed_and_again(in_memory):
    Path("cache").mkdir()
    stream = io.BytesIO(b"0123456789")
    kept = KeptStream("it", stream, in_memory)
    assert (kept.read(4), stream.tell()) == (b"0123", 4)
    kept.seek(1)
    assert (kept.read(7), kept.read(7), kept.read(7)) == (b"1234567", b"89", b"")
    stream.seek(0)  # what has ended is not asked again, as a terminal would be
    assert kept.read(7) == b""
    kept.seek(0)
    assert kept.read(100) == b"0123456789"
    assert list(Path("cache").iterdir()) == [], "the file has no name"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no pipes among its files")
def test_of_what_never_ends_only_what_is_needed_is_read():
    os.mkfifo("pipe")
    corpora = []
    for _ in range(2):
        with subprocess.Popen(["sh", "-c", "yes > pipe"]) as endless:
            corpora.append(load_corpus("pipe", max_chars=3001))
        assert endless.returncode != 0, "nobody reads on"
    assert ids_of(corpora[0]) == ids_of(corpora[1])
    assert ids_of(corpora[0])[1] == "y\n" * 1500 + "y"


def test_what_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(kept_stream, "LONGEST", 1_000_000)
    send(monkeypatch, b"y\n" * 600_000)
    with pytest.raises(InputError, match=r"stdin sends more than 1\.0 MB; write"):
        load_corpus("-")
    send(monkeypatch, b"y\n" * 600_000)
    with pytest.raises(InputError, match=r"stdin sends more than 1\.0 MB"):
        list(read_text("-"))
    send(monkeypatch, b"\0" * 600_000)
    with pytest.raises(InputError, match="stdin looks binary"):
        load_corpus("-")


def test_room_is_kept_free_on_the_disk(monkeypatch):
    """Of a disk of 10 MB, of which 2 MB are free, half a megabyte stays free."""
    before = shutil.disk_usage
    used = itertools.chain([0], itertools.count(2 << 17, 1 << 17))  # what is kept in memory goes to the disk at once
    monkeypatch.setattr(
        "shutil.disk_usage", lambda folder: before(folder)._replace(total=10**7, free=2 * 10**6 - next(used))
    )
    send(monkeypatch, b"y\n" * 1_500_000)
    said = r"stdin is longer than 1\.4 MB, and the disk of cache is nearly full; free some space"
    with pytest.raises(InputError, match=said):
        load_corpus("-", in_memory=1 << 17)
    send(monkeypatch, b"y\n" * 1000)
    assert len(load_corpus("-").train_ids) == 1800, "the disk is not asked for what fits in memory"


def test_a_cache_that_cannot_be_written_is_named(monkeypatch):
    Path("cache").write_text("a file")
    send(monkeypatch, b"y\n" * 1000)
    with pytest.raises(InputError, match="cannot keep stdin in cache: File exists; set CHARGEN_CACHE to a folder with"):
        load_corpus("-", in_memory=1000)
