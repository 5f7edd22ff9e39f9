import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
COMMAND = str(Path(sys.executable).with_name("chargen"))
BASH = shutil.which("bash")


class Handler(BaseHTTPRequestHandler):
    """Serves `server.pages` {path: body} and notes every request."""

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path not in self.server.pages:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.pages[self.path]) + self.server.missing))
        self.end_headers()
        self.wfile.write(self.server.pages[self.path])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.pages, server.requests, server.missing = {}, [], 0
        server.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def chargen(tmp_path, monkeypatch, chargen_here):
    """Run `chargen ...` in an empty folder, with a cache of the test's own and no way to the world."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    environment = {
        "CHARGEN_CACHE": tmp_path / "cache",
        "CHARGEN_MIRROR": "",
        "HTTP_PROXY": closed_address(),
        "HTTPS_PROXY": closed_address(),
        "NO_PROXY": "127.0.0.1",
    }

    def run(*arguments, **options):
        done = chargen_here(*arguments, cwd=tmp_path, **environment | options)
        return done.returncode, done.stdout, done.stderr

    return run


def closed_address():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def files_in(folder):
    """Return the names of what lies in a folder besides the lock, which may stay when it is released."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def names_file():
    if not (SHARED / "names.txt").exists():
        pytest.skip(f"THE REAL TEXT {SHARED / 'names.txt'} IS ABSENT: a registered corpus was not downloaded")
    return (SHARED / "names.txt").read_bytes()


def refused(result, code):
    """Return the one line that a command says when it fails."""
    returncode, stdout, stderr = result
    assert (returncode, stdout) == (code, "")
    assert stderr.count("\n") == 1
    assert stderr.startswith("chargen: ")
    return stderr.removeprefix("chargen: ").rstrip("\n")


# list


def test_list_says_what_is_here_and_what_must_be_downloaded(chargen, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "names.txt").write_text("emma\n")
    code, stdout, stderr = chargen("corpora", "list")
    assert (code, stderr) == (0, "")
    bundled, *others = stdout.splitlines()
    name, size, unit, here, *_ = bundled.split()
    assert (name, unit, here) == ("lamp-at-low-water", "kB", "here")
    assert int(size) >= 60
    about = "40,000 lines of Shakespeare, the benchmark of char-rnn and nanoGPT"
    assert others == [
        "time-machine       179 kB  to be downloaded  The Time Machine by H. G. Wells (1895)",
        f"tiny-shakespeare   1.1 MB  to be downloaded  {about}",
        "names              228 kB  here              32,033 first names, one a line, from makemore",
    ]


# fetch


def test_fetch_downloads_once_and_prints_the_path(chargen, server, tmp_path):
    server.pages["/names.txt"] = names_file()
    for _ in range(2):
        assert chargen("corpora", "fetch", "names", CHARGEN_MIRROR=server.address) == (
            0,
            f"{tmp_path / 'cache' / 'names.txt'}\n",
            "",
        )
    assert server.requests == ["/names.txt"]
    assert (tmp_path / "cache" / "names.txt").read_bytes() == server.pages["/names.txt"]
    assert files_in(tmp_path / "cache") == ["names.txt"]


def test_fetch_uses_the_file_put_there_by_hand(chargen, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "names.txt").write_bytes(names_file())
    assert chargen("corpora", "fetch", "names") == (0, f"{tmp_path / 'cache' / 'names.txt'}\n", "")


def test_fetch_of_the_bundled_text_needs_nothing(chargen, tmp_path):
    code, stdout, stderr = chargen("corpora", "fetch", "lamp-at-low-water")
    assert (code, stderr) == (0, "")
    assert Path(stdout.rstrip("\n")).name == "the-lamp-at-low-water.txt"
    assert Path(stdout.rstrip("\n")).is_file()
    assert not (tmp_path / "cache").exists()


def test_fetch_without_network(chargen, tmp_path):
    mirror = closed_address()
    message = refused(chargen("corpora", "fetch", "names", CHARGEN_MIRROR=mirror), 1)
    host = "raw.githubusercontent.com"
    assert message == (
        f"could not fetch {mirror}/names.txt (cannot connect to {mirror[7:]});"
        f" https://{host}/karpathy/makemore/master/names.txt"
        " (cannot connect to the proxy that HTTP_PROXY or HTTPS_PROXY names);"
        f" download the file yourself to {tmp_path / 'cache' / 'names.txt'},"
        " or use a corpus that needs no network: lamp-at-low-water"
    )


def test_fetch_of_wrong_bytes(chargen, server, tmp_path):
    server.pages["/names.txt"] = b"<html>please log in</html>"
    message = refused(chargen("corpora", "fetch", "names", CHARGEN_MIRROR=server.address), 1)
    sha256 = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"
    assert f"{server.address}/names.txt (its SHA-256 is not {sha256}; what it sent has been deleted)" in message
    assert files_in(tmp_path / "cache") == []


@pytest.mark.parametrize(
    ("missing", "page", "reason"),
    [(0, "/other.txt", "(HTTP 404 Not Found)"), (50, "/poem.txt", "the connection broke off before the end")],
)
def test_fetch_of_a_url_that_fails(chargen, server, tmp_path, missing, page, reason):
    server.pages[page], server.missing = b"poem", missing
    message = refused(chargen("corpora", "fetch", f"{server.address}/poem.txt"), 1)
    assert message.startswith(f"could not fetch {server.address}/poem.txt (")
    assert reason in message
    assert files_in(tmp_path / "cache") == []


def test_fetch_of_an_unknown_name(chargen):
    assert refused(chargen("corpora", "fetch", "shakespeare"), 2) == (
        "no file 'shakespeare' and no text of that name; did you mean tiny-shakespeare?"
    )


# check

SMALL = ("--batch-size", "2", "--num-steps", "3", "--valid-fraction", "0")


def test_check_of_a_text_with_troubles(chargen, tmp_path):
    (tmp_path / "poem.txt").write_bytes(b"ab\r\n" * 1000 + b"caf\xe9\x07")
    assert chargen("corpora", "check", "poem.txt", *SMALL) == (
        1,
        "poem: 4,005 bytes, 3,005 characters, 7 different\n"
        "3,005 to train on and 0 held out: 500 batches of 2 x 3 an epoch\n"
        "- turned 1,000 CRLF line ends into LF\n"
        "    nothing to do; training does the same\n"
        "! not utf-8: 1 byte, the first at offset 4,003\n"
        "    give its --encoding, for example latin-1\n"
        "- 1 control character: '\\x07' x1\n"
        "    remove them unless the model should write them; a NUL means that this is not text\n"
        "- 99.7 % of the text repeats what came before: 'ab' occurs 1,000 times\n"
        "    keep one copy; with several, the held-out part is known from training, and its figures mean nothing\n"
        "not fit to train on: fix what is marked with ! and check again\n",
        "",
    )


def test_check_of_a_good_text_on_standard_input_with_every_option(chargen):
    options = ("--encoding", "utf-16", "--normalize", "lower", "--valid-fraction", "0.25", "--batch-size", "4")
    text = "".join(f"{n:05}\n" for n in range(5_000))
    assert chargen("corpora", "check", "-", *options, "--num-steps", "5", input=text.encode("utf-16")) == (
        0,
        "stdin: 60,002 bytes, 30,000 characters, 11 different\n"
        "22,500 to train on and 7,500 held out: 1,124 batches of 4 x 5 an epoch\n"
        "fit to train on\n"
        "now type: chargen train - --batch-size 4 --num-steps 5 --encoding utf-16 --normalize lower"
        " --valid-fraction 0.25\n",
        "",
    )


def test_check_of_a_table(chargen, tmp_path):
    rows = "".join(f'{n},"word number {n}, or\n{n * n}"\n' for n in range(300))
    (tmp_path / "words.csv").write_text("id,text\n" + rows)
    code, stdout, stderr = chargen("corpora", "check", "words.csv")
    assert (code, stderr) == (0, "")
    table = "- a table of 2 columns: id, text\n    to learn the texts in one of them, give --column text\n"
    assert table in stdout
    command = stdout.splitlines()[-1].removeprefix("now type: chargen ")
    assert command == "train words.csv --column text"
    code, stdout, stderr = chargen("corpora", "check", *command.split()[1:])
    assert (code, stderr) == (0, "")
    assert "a table" not in stdout
    assert stdout.splitlines()[-1] == "now type: chargen train words.csv --column text"
    options = ["--hidden-size", "8", "--epochs", "1", "--batch-size", "4"]
    assert table.splitlines()[1].strip() in chargen("train", "words.csv", *options)[2]
    stderr = chargen(*command.split(), *options, "--overwrite")[2]
    assert stderr.startswith("words.csv: read 300 texts in the column 'text'\n")
    assert chargen("train", "--resume", "--epochs", "2")[0] == 0


def test_check_of_a_url(chargen, server, tmp_path):
    server.pages["/a/tale.txt"] = b"ab\n" * 2
    for _ in range(2):
        code, stdout, _ = chargen("corpora", "check", f"{server.address}/a/tale.txt", *SMALL)
        assert code == 1
        assert stdout.startswith("tale: 6 bytes, 6 characters, 3 different\n6 to train on and 0 held out: 0 ")
        assert "has 6 characters, but batches of 2 x 3 need at least 7\n" in stdout
    assert server.requests == ["/a/tale.txt"]


def test_check_of_the_bundled_text_finds_nothing_that_hurts(chargen):
    code, stdout, stderr = chargen("corpora", "check", "lamp-at-low-water", "--normalize", "letters")
    assert (code, stderr) == (0, "")
    assert "27 different\n" in stdout
    *_, verdict, command = stdout.splitlines()
    assert re.fullmatch(r"fit to train on: training takes about [\d.]+ (s|min) on this machine", verdict)
    assert command == "now type: chargen train lamp-at-low-water --normalize letters"


@pytest.mark.skipif(BASH is None or not Path("/dev/fd").exists(), reason="needs a shell with process substitution")
def test_check_of_a_process_substitution(tmp_path):
    script = f"'{COMMAND}' corpora check <(printf 'ab%.0s' 1 2 3 4 5 6 7 8 9 10) {' '.join(SMALL)}"
    done = subprocess.run([BASH, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert ": 20 bytes, 20 characters, 2 different\n20 to train on" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.txt",), "no file 'nowhere.txt' and no text of that name; known: lamp-at-low-water,"),
        (("cache",), "cache is a folder without .txt files; give a text file, or a folder that has some"),
        (("ftp://example.org/a.txt",), "ftp://example.org/a.txt: only http:// and https:// addresses can be fetched"),
        (("-", "--encoding", "utf-99"), "--encoding 'utf-99': unknown; common ones are utf-8, latin-1, cp1252, utf-16"),
        (("-", "--valid-fraction", "1"), "--valid-fraction 1: must be at least 0 and below 1"),
        (("-", "--batch-size", "0"), "--batch-size 0: must be at least 1"),
        (("-", "--normalize", "upper"), "--normalize 'upper': unknown; choose one of none, prose,"),
        (("-", "two.txt"), "standard input cannot be combined with other texts; write it to a file and name that"),
        (("lamp-at-low-water", "--column", "text"), "lamp-at-low-water has no column 'text'; known: THE LAMP"),
        ((), "FILE... is missing (see chargen corpora check --help)"),
    ],
)
def test_bad_input_to_check(chargen, tmp_path, arguments, message):
    (tmp_path / "cache").mkdir()
    assert refused(chargen("corpora", "check", *arguments), 2).startswith(message)


def test_a_wrong_file_in_the_cache_is_not_checked_as_if_it_were_the_corpus(chargen, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "names.txt").write_bytes(b"emma\n")
    message = refused(chargen("corpora", "check", "names"), 1)
    assert "names.txt (the file that is there has another SHA-256), or use" in message
    assert (tmp_path / "cache" / "names.txt").read_bytes() == b"emma\n"
