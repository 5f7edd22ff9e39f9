import bz2
import gzip
import hashlib
import json
import lzma
import os
import re
import socket
import sys
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from chargen.errors import DownloadError, InputError
from chargen.text.corpus import load_corpus, read_corpus
from chargen.text.sources import folder_name, locate
from chargen.text.stored_ids import StoredIds
from chargen.text.streams import read_text

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


class Handler(BaseHTTPRequestHandler):
    """Answers every path with the bytes of one poem and notes the request."""

    def do_GET(self):
        self.server.requests.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write("Häuser\r\n".encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        server.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    """A working folder and a cache of the test's own, and no way to the world."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CHARGEN_MIRROR", raising=False)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.setenv(proxy.upper(), closed)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


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


@pytest.mark.parametrize("kind", [str, Path])
def test_path(kind):
    corpus = load_corpus(kind(written("My poem, v2.txt", b"abcd abcd\n")))
    assert corpus.name == "My-poem-v2"
    assert whole_text(corpus) == "abcd abcd\n"


def test_standard_input(monkeypatch):
    with open(written("input.txt", "é and e".encode())) as file:
        monkeypatch.setattr(sys, "stdin", file)
        corpus = load_corpus("-")
    assert corpus.name == "stdin"
    assert whole_text(corpus) == "é and e"


def test_registered_name_and_a_file_of_that_name_before_it():
    Path("cache").mkdir()
    Path("cache/names.txt").write_text("wrong")
    assert whole_text(load_corpus("lamp-at-low-water")) == whole_text(load_corpus())
    with pytest.raises(DownloadError):  # the wrong copy in the cache is not taken for the corpus
        load_corpus("names")
    written("names", b"from the file")
    assert locate("names") == ("names", Path("names"))


def test_registered_name_beside_a_folder_of_that_name():
    Path("lamp-at-low-water").mkdir()
    assert locate("lamp-at-low-water") == locate(None)


def test_registered_name_from_the_cache_is_the_real_text():
    if not (SHARED / "names.txt").exists():
        pytest.skip(f"THE REAL TEXT {SHARED / 'names.txt'} IS ABSENT: a registered corpus was not loaded")
    Path("cache").mkdir()
    written("cache/names.txt", (SHARED / "names.txt").read_bytes())
    corpus = load_corpus("names")
    assert corpus.name == "names"
    assert whole_text(corpus).startswith("emma\nolivia\nava\n")
    assert whole_text(corpus).count("\n") == 32_032
    assert corpus.vocabulary.characters == "\nabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("path", "name"), [("/texts/my%20poem.v2.txt?raw=1", "my-poem.v2"), ("/", "127.0.0.1"), ("/poem", "poem")]
)
def test_url_is_fetched_once_and_named_after_its_path(server, path, name):
    first, second = (load_corpus(server.address + path) for _ in range(2))
    assert first.name.startswith(name)
    assert re.fullmatch(re.escape(name) + "(-[0-9]+)?", first.name)  # a bare address is named after host and port
    assert whole_text(first) == whole_text(second) == "Häuser\n"
    assert server.requests == [path]


def test_url_scheme_in_capitals(server):
    assert locate(server.address.replace("http", "HTTP") + "/poem.txt")[0] == "poem"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_named_pipe():
    os.mkfifo("pipe.txt")
    writer = threading.Thread(target=lambda: Path("pipe.txt").write_bytes(b"through a pipe"), daemon=True)
    writer.start()
    corpus = load_corpus("pipe.txt")
    writer.join(5)
    assert (corpus.name, whole_text(corpus)) == ("pipe", "through a pipe")


# Packed texts


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_a_packed_text_is_unpacked_and_bears_its_name(monkeypatch, suffix, pack):
    text = "Häuser\r\n" * 1000
    packed = written(f"poem.txt.{suffix}", pack(text.encode()))
    written("poem.txt", text.encode())
    corpus, plain = load_corpus(packed), load_corpus("poem.txt")
    assert (corpus.name, corpus.sha256) == ("poem", plain.sha256)
    assert corpus.notes == (f"{packed}: turned 1,000 CRLF line ends into LF",)
    assert whole_text(corpus) == "Häuser\n" * 1000
    assert isinstance(load_corpus(packed, in_memory=2000).train_ids, StoredIds)  # it is longer than its file
    with open(packed) as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert load_corpus("-").sha256 == plain.sha256
    Path("folder").mkdir()
    Path(packed).rename(f"folder/poem.TXT.{suffix}")
    assert load_corpus("folder").sha256 == plain.sha256


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: data[:60] + bytes(9) + data[69:]])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_damaged_packed_text_is_refused(pack, damage):
    data = pack(b"".join(str(number**2).encode() for number in range(1000)))
    assert refusal(written("poem.gz", damage(data))).startswith("cannot read poem.gz: it is packed, and damaged (")


# Sources that are none


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("time-machin", "did you mean time-machine?"),
        ("tinyshakespeare", "did you mean tiny-shakespeare?"),
        ("nmaes", "did you mean names?"),
        ("leters.txt", "did you mean letters.txt?"),
        ("qqq.txt", "known: lamp-at-low-water, time-machine, tiny-shakespeare, names"),
        ("", "known: lamp-at-low-water, time-machine, tiny-shakespeare, names"),
    ],
)
def test_missing_file_suggests_the_nearest_names(source, hint):
    Path("letters.txt").write_text("dear")
    assert refusal(source) == f"no file {source!r} and no text of that name; {hint}"


def test_folder():
    Path("texts").mkdir()
    assert refusal("texts") == "texts is a folder without .txt files; give a text file, or a folder that has some"


@pytest.mark.parametrize("source", ["ftp://example.org/a.txt", "file:///etc/hosts"])
def test_other_schemes_are_refused(source):
    assert refusal(source) == f"{source}: only http:// and https:// addresses can be fetched"


def test_address_that_is_none():
    assert refusal("http://[::1/a.txt") == "http://[::1/a.txt: Invalid IPv6 URL; check the address"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read anything; Windows has no modes")
def test_unreadable_file():
    Path(written("secret.txt", b"text")).chmod(0)
    assert refusal("secret.txt") == "cannot read secret.txt: Permission denied"


@pytest.mark.parametrize(
    ("text", "name"),
    [("a b/c\\d:e", "a-b-c-d-e"), ("..", "corpus"), ("--x--", "x"), ("Übung_1.2", "Übung_1.2"), ("\udcff", "corpus")],
)
def test_folder_name(text, name):
    assert folder_name(text) == name


# Many texts


def test_a_folder_is_all_its_texts_sorted_by_path():
    for name in ("books/b.txt", "books/a/z.TXT", "books/notes.md", "books/._b.txt", "books/.kept/b.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"this is {Path(name).stem}\n")
    corpus = load_corpus("books")
    assert whole_text(corpus) == "this is z\n\nthis is b\n"
    assert (corpus.name, corpus.origin.source) == ("books", str(Path("books").resolve()))
    assert "".join(read_text("books")) == "this is z\n\nthis is b\n"


@pytest.mark.skipif(os.name != "posix", reason="Windows refuses such a folder when it is made")
def test_no_text_of_a_folder_is_left_out_in_silence(monkeypatch):
    Path("books").mkdir()
    Path("books/a.txt").write_text("this is a\n")
    Path("books/b.txt").symlink_to("moved.txt")
    assert refusal("books").startswith("cannot read books/b.txt: it is not a file; ")
    Path("books/b.txt").unlink()
    deep = 20 * ["d" * 250]  # too deep for a path, so that even root cannot read it
    with monkeypatch.context() as inside:
        inside.chdir("books")
        for name in deep:
            Path(name).mkdir()
            os.chdir(name)
    assert refusal("books").startswith(f"cannot read books/{deep[0]}/")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no pipes among its files")
def test_a_pipe_to_which_nobody_writes_is_waited_for_and_told(monkeypatch):
    monkeypatch.setattr("chargen.text.sources.PATIENCE", 0.01)
    os.mkfifo("pipe")
    writer = threading.Timer(0.3, lambda: Path("pipe").write_text("this is it\n"))
    writer.start()
    with pytest.warns(UserWarning, match="pipe is a pipe; waiting for a program that writes to it"):
        assert whole_text(load_corpus("pipe")) == "this is it\n"
    writer.join()


def test_a_name_of_the_registry_comes_before_a_folder_of_that_name_from_anywhere():
    Path("lamp-at-low-water").mkdir()
    corpus = load_corpus("lamp-at-low-water", max_chars=100)
    assert corpus.origin.source == "lamp-at-low-water"
    assert read_corpus(corpus.origin.source, corpus.origin).sha256 == corpus.sha256


def test_a_list_is_read_in_its_order_and_again_from_any_folder(monkeypatch):
    Path("a.txt").write_bytes(b"\xef\xbb\xbfone")
    Path("b.txt").write_bytes(b"two\r\n")
    corpus = load_corpus(["b.txt", "a.txt"], separator=" + ")
    assert whole_text(corpus) == "two\n + one"
    assert corpus.name == "b-and-1-more"
    assert corpus.notes == ("b.txt: turned 1 CRLF line ends into LF", "a.txt: dropped a byte order mark")
    lines = [hashlib.sha256(Path(name).read_bytes()).hexdigest() + "\n" for name in ("b.txt", "a.txt")]
    assert corpus.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    again = load_corpus(**json.loads(json.dumps(asdict(corpus.origin))))
    assert (again.sha256, whole_text(again)) == (corpus.sha256, whole_text(corpus))


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
