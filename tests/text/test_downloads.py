import hashlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chargen.errors import DownloadError
from chargen.text import downloads, sources
from chargen.text.downloads import fetch_registered, fetch_url
from chargen.text.registry import RegistryEntry, cache_folder, registry

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
TEXT = b"the time traveller smiled\n" * 4000
SHA256 = hashlib.sha256(TEXT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves `server.pages` {path: body}; notes every request, and calls `server.halfway` in the middle of a body."""

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path in self.server.redirects:
            self.send_response(302)
            self.send_header("Location", self.server.redirects[self.path])
            return self.end_headers()
        if self.path not in self.server.pages:
            return self.send_error(404)
        body = self.server.pages[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + self.server.missing))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        self.server.halfway()
        self.wfile.write(body[len(body) // 2 :])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.pages, server.redirects, server.requests, server.missing = {}, {}, [], 0
        server.halfway = lambda: None
        server.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """A cache folder of the test's own, and no way to the world."""
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CHARGEN_MIRROR", raising=False)
    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.setenv(proxy.upper(), closed_address())
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    return tmp_path / "cache"


def closed_address():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def entry(*urls, sha256=SHA256):
    return RegistryEntry("story", "a story", urls=urls, bytes=len(TEXT), sha256=sha256)


def failure(*arguments, fetch=fetch_registered):
    with pytest.raises(DownloadError) as caught:
        fetch(*arguments)
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files_in(folder):
    return [path.name for path in folder.iterdir() if path.name != ".lock"] if folder.exists() else []


@pytest.mark.parametrize(
    ("name", "file"),
    [("time-machine", "timemachine.txt"), ("tiny-shakespeare", "tinyshakespeare.txt"), ("names", "names.txt")],
)
def test_registry_promises_the_real_bytes(name, file):
    if not (SHARED / file).exists():
        pytest.skip(f"THE REAL TEXT {SHARED / file} IS ABSENT: the registry's size and SHA-256 were not checked")
    data = (SHARED / file).read_bytes()
    assert registry()[name].bytes == len(data)
    assert registry()[name].sha256 == hashlib.sha256(data).hexdigest()


def test_registry_begins_with_the_bundled_text_and_each_other_can_be_fetched_and_verified():
    bundled, *others = registry().values()
    assert (bundled.name, bundled.file) == ("lamp-at-low-water", "the-lamp-at-low-water.txt")
    assert [other.name for other in others] == ["time-machine", "tiny-shakespeare", "names"]
    for other in others:
        assert all(re.match(r"https?://\S+\.txt$", url) for url in other.urls)
        assert other.urls
        assert re.fullmatch("[0-9a-f]{64}", other.sha256)
        assert other.about


def test_bundled_text_is_read_in_place(cache):
    bundled = registry()["lamp-at-low-water"]
    assert not bundled.needs_network
    assert fetch_registered(bundled) == bundled.path
    assert bundled.path.name == "the-lamp-at-low-water.txt"
    assert not cache.exists()


def test_cache_folder_is_the_one_named_or_the_systems(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("CHARGEN_CACHE", "")
    assert cache_folder().is_absolute()
    assert "chargen" in str(cache_folder())


def test_cache_folder_may_begin_with_a_tilde(server, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("CHARGEN_CACHE", "~/texts")
    server.pages["/story.txt"] = TEXT
    path = fetch_registered(entry(f"{server.address}/story.txt"))
    assert path == tmp_path / "texts" / "story.txt"
    assert path.read_bytes() == TEXT


def test_fetched_once_and_never_half(server, cache):
    server.pages["/a/b/input.txt"] = TEXT
    story = entry(f"{server.address}/a/b/input.txt")
    seen = []
    server.halfway = lambda: seen.append((cache / "story.txt").exists())
    assert story.needs_network
    assert fetch_registered(story) == cache / "story.txt"
    assert seen == [False]  # it takes its name only once it is whole
    assert (cache / "story.txt").read_bytes() == TEXT
    assert files_in(cache) == ["story.txt"]
    assert not story.needs_network
    assert fetch_registered(story) == cache / "story.txt"
    assert server.requests == ["/a/b/input.txt"]


@pytest.mark.parametrize("ending", ["", "/"])
def test_mirror_is_asked_first(server, cache, monkeypatch, ending):
    server.pages = {"/texts/en/story.txt": TEXT, "/own.txt": TEXT}
    monkeypatch.setenv("CHARGEN_MIRROR", f"{server.address}/texts/en{ending}")
    fetch_registered(entry(f"{server.address}/own.txt"))
    assert server.requests == ["/texts/en/story.txt"]


@pytest.mark.parametrize("trouble", ["closed", "404", "wrong bytes"])
def test_next_address_is_asked_when_one_fails(server, cache, monkeypatch, trouble):
    server.pages = {"/wrong/story.txt": b"a captive portal", "/second.txt": TEXT}
    mirror = closed_address() if trouble == "closed" else f"{server.address}/{trouble.partition(' ')[0]}"
    monkeypatch.setenv("CHARGEN_MIRROR", mirror)
    story = entry(f"{server.address}/first.txt", f"{server.address}/second.txt")
    assert fetch_registered(story).read_bytes() == TEXT
    assert server.requests[-2:] == ["/first.txt", "/second.txt"]
    assert files_in(cache) == ["story.txt"]


def test_wrong_bytes_are_deleted_and_named(server, cache):
    server.pages["/story.txt"] = TEXT[:-1]
    url = f"{server.address}/story.txt"
    message = failure(entry(url))
    assert f"could not fetch {url} (its SHA-256 is not {SHA256}; what it sent has been deleted)" in message
    assert files_in(cache) == []


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_truncated_body_is_no_download(server, cache, sha256):
    server.pages["/story.txt"] = TEXT
    server.missing = 100
    message = failure(entry(f"{server.address}/story.txt", sha256=sha256))
    assert "the connection broke off before the end" in message
    assert files_in(cache) == []


def test_missing_page(server, cache):
    url = f"{server.address}/story.txt"
    assert f"could not fetch {url} (HTTP 404 Not Found);" in failure(entry(url))
    assert server.requests == ["/story.txt"]


def test_silent_server(server, monkeypatch):
    release = threading.Event()
    server.pages["/story.txt"] = b""
    monkeypatch.setattr(downloads, "TIMEOUT", 0.2)

    class Silent(Handler):
        def do_GET(self):
            release.wait(5)

    server.RequestHandlerClass = Silent
    url = f"{server.address}/story.txt"
    try:
        assert f"{url} (no answer within 0.2 s)" in failure(entry(url))
    finally:
        release.set()


def test_server_that_stalls_in_the_middle(server, cache, monkeypatch):
    release = threading.Event()
    server.pages["/story.txt"] = TEXT
    server.halfway = lambda: release.wait(5)
    monkeypatch.setattr(downloads, "TIMEOUT", 0.2)
    try:
        assert "(no answer within 0.2 s)" in failure(entry(f"{server.address}/story.txt"))
    finally:
        release.set()
    assert files_in(cache) == []


def test_a_redirect_is_followed(server):
    server.pages["/there/story.txt"] = TEXT
    server.redirects["/story.txt"] = "/there/story.txt"
    assert fetch_registered(entry(f"{server.address}/story.txt")).read_bytes() == TEXT


def test_redirects_without_end_are_not_followed(server):
    server.redirects["/story.txt"] = "/story.txt"
    assert "(it redirects more than 5 times)" in failure(entry(f"{server.address}/story.txt"))
    assert len(server.requests) == 6


@pytest.mark.parametrize("code", [204, 206, 302, 418])
def test_an_answer_that_is_no_whole_text_is_no_download(server, cache, code, monkeypatch):
    server.pages["/story.txt"] = TEXT
    answer = Handler.send_response
    monkeypatch.setattr(Handler, "send_response", lambda self, _: answer(self, code))  # 302 leads nowhere
    assert f"(HTTP {code} " in failure(f"{server.address}/story.txt", fetch=fetch_url)
    assert files_in(cache) == []


def test_nothing_is_no_download(server, cache):
    server.pages["/story.txt"] = b""
    for _ in range(2):
        assert "(it sent nothing)" in failure(f"{server.address}/story.txt", fetch=fetch_url)
    assert files_in(cache) == []


@pytest.mark.parametrize("what", ["header", "body"])
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(server, cache, monkeypatch, what):
    monkeypatch.setattr(downloads, "SLOWEST", 0.3)
    stop = threading.Event()

    class Dripping(Handler):
        def do_GET(self):
            self.send_response(200)
            self.flush_headers() if what == "header" else self.end_headers()
            while not stop.wait(0.05):
                self.wfile.write(b"x: y\r\n")
                self.wfile.flush()

    server.RequestHandlerClass = Dripping
    try:
        assert "bytes in a second)" in failure(f"{server.address}/story.txt", fetch=fetch_url)
    finally:
        stop.set()
    assert files_in(cache) == []


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
def test_a_download_has_the_mode_of_the_umask_and_what_a_killed_one_left_goes(server, cache):
    server.pages["/story.txt"] = TEXT
    cache.mkdir()
    (cache / ".other.txt.1234abcd.tmp").write_bytes(b"half")
    before = os.umask(0o027)
    try:
        path = fetch_registered(entry(f"{server.address}/story.txt"))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert files_in(cache) == ["story.txt"]


def test_a_password_is_sent_and_neither_shown_nor_part_of_a_name(server, cache):
    server.pages["/story.txt"] = TEXT
    with_password = server.address.replace("://", "://me:secret@")
    assert "secret" not in failure(f"{with_password}/none.txt", fetch=fetch_url)
    assert "secret" not in failure(f"{closed_address().replace('://', '://me:secret@')}/x.txt", fetch=fetch_url)
    path = fetch_url(f"{with_password}/story.txt")
    assert fetch_url(f"{server.address}/story.txt") == path
    assert server.requests == ["/none.txt", "/story.txt"]
    assert sources.anywhere(f"{with_password}/story.txt") == f"{server.address}/story.txt"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/story.txt", "gopher://127.0.0.1/"])
def test_a_redirect_to_another_protocol_is_not_followed(server, target):
    server.redirects["/story.txt"] = target
    message = failure(entry(f"{server.address}/story.txt"))
    assert f"(it redirects to {target}, which is not http or https)" in message


def test_a_redirect_from_https_to_http_is_not_followed(server, tmp_path, monkeypatch):
    """What was asked for over an encrypted connection must not arrive over one that anybody can alter."""
    if not shutil.which("openssl"):
        pytest.skip("THERE IS NO openssl TO MAKE A CERTIFICATE: the way from https down to http was not tried")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as safe:
        safe.socket = context.wrap_socket(safe.socket, server_side=True)
        safe.pages, safe.requests, safe.missing, safe.halfway = {"/good.txt": TEXT}, [], 0, lambda: None
        safe.redirects = {"/story.txt": f"{server.address}/story.txt"}
        server.pages["/story.txt"] = TEXT
        threading.Thread(target=safe.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            address = f"https://127.0.0.1:{safe.server_port}"
            message = failure(entry(f"{address}/story.txt"))
            assert f"(it redirects to {server.address}/story.txt, which is not https)" in message
            assert server.requests == []
            assert fetch_registered(entry(f"{address}/good.txt")).read_bytes() == TEXT
        finally:
            safe.shutdown()


@pytest.mark.parametrize("announced", [True, False])
def test_more_than_a_text_can_be_is_not_downloaded(server, cache, monkeypatch, announced):
    monkeypatch.setattr(downloads, "LARGEST", 50_000)
    server.pages["/story.txt"] = TEXT
    if not announced:
        monkeypatch.setattr(Handler, "send_header", lambda self, name, value: None)
    assert "(it sends more than 50,000 bytes)" in failure(f"{server.address}/story.txt", fetch=fetch_url)
    assert files_in(cache) == []


def test_of_a_registered_text_no_more_than_twice_its_size_is_taken(server, cache):
    server.pages["/story.txt"] = TEXT * 3
    assert f"(it sends more than {2 * len(TEXT):,} bytes)" in failure(entry(f"{server.address}/story.txt"))
    assert files_in(cache) == []


def test_eight_processes_fetch_one_corpus_at_once(server, cache, monkeypatch):
    server.pages["/tiny.txt"] = TEXT
    program = f"""
from chargen.text.downloads import fetch_registered
from chargen.text.registry import RegistryEntry
entry = RegistryEntry("tiny", "", urls=("{server.address}/tiny.txt",), bytes={len(TEXT)}, sha256="{SHA256}")
assert fetch_registered(entry).read_bytes() == {TEXT[:26]!r} * 4000
"""
    processes = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(8)]
    for process in processes:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
    assert files_in(cache) == ["tiny.txt"]
    assert (cache / "tiny.txt").read_bytes() == TEXT


def test_unreachable_server_message_says_what_where_and_what_else(cache):
    one, two = closed_address(), closed_address()
    message = failure(entry(f"{one}/a.txt", f"{two}/b.txt"))
    assert message == (
        f"could not fetch {one}/a.txt (cannot connect to {one[7:]}); {two}/b.txt (cannot connect to {two[7:]});"
        f" download the file yourself to {cache / 'story.txt'},"
        " or use a corpus that needs no network: lamp-at-low-water"
    )


def test_a_corpus_already_in_the_cache_counts_as_one_that_needs_no_network(cache):
    cache.mkdir()
    (cache / "names.txt").write_text("emma\n")
    message = failure(entry(f"{closed_address()}/a.txt"))
    assert message.endswith("or use a corpus that needs no network: lamp-at-low-water, names")


def test_file_put_by_hand_is_used_without_a_request(server, cache):
    cache.mkdir()
    (cache / "story.txt").write_bytes(TEXT)
    assert fetch_registered(entry(f"{server.address}/story.txt")) == cache / "story.txt"
    assert server.requests == []


def test_wrong_file_in_the_cache_is_replaced(server, cache):
    cache.mkdir()
    (cache / "story.txt").write_bytes(TEXT[:100])
    server.pages["/story.txt"] = TEXT
    assert fetch_registered(entry(f"{server.address}/story.txt")).read_bytes() == TEXT


def test_wrong_file_in_the_cache_is_named_and_kept_when_no_server_answers(cache, monkeypatch):
    cache.mkdir()
    (cache / "names.txt").write_bytes(b"emma\n")
    monkeypatch.setenv("CHARGEN_MIRROR", closed_address())
    message = failure(registry()["names"])
    assert message.endswith(
        f"download the file yourself to {cache / 'names.txt'} (the file that is there has another SHA-256),"
        " or use a corpus that needs no network: lamp-at-low-water"
    )
    assert (cache / "names.txt").read_bytes() == b"emma\n"


def test_url_is_fetched_once_and_two_urls_never_share_a_file(server, cache):
    server.pages = {"/a/input.txt": b"first", "/b/input.txt": b"second"}
    first, second = (fetch_url(f"{server.address}/{folder}/input.txt") for folder in "ab")
    assert (first.read_bytes(), second.read_bytes()) == (b"first", b"second")
    assert first.parent == second.parent == cache
    assert fetch_url(f"{server.address}/a/input.txt") == first
    assert server.requests == ["/a/input.txt", "/b/input.txt"]


def test_url_that_cannot_be_fetched_says_where_the_file_would_go(cache):
    url = f"{closed_address()}/poem.txt"
    message = failure(url, fetch=fetch_url)
    place = Path(re.search(r"download the file yourself to (\S+),", message)[1])
    assert files_in(cache) == []
    place.write_text("by hand")
    assert fetch_url(url).read_text() == "by hand"


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:99999999/x.txt"])
def test_url_without_a_usable_host_is_a_failed_download(url):
    assert failure(url, fetch=fetch_url).startswith(f"could not fetch {url} (")


def test_cache_that_is_a_file(server, cache):
    cache.write_text("not a folder")
    server.pages["/story.txt"] = TEXT
    message = failure(entry(f"{server.address}/story.txt"))
    advice = "move it away, or set CHARGEN_CACHE to a folder that can be written"
    assert message == f"cannot write in {cache}: {cache} is no folder; {advice}"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere; Windows has no modes")
def test_cache_that_may_not_be_written(server, cache):
    cache.mkdir(mode=0o500)
    message = failure(entry(f"{server.address}/story.txt"))
    assert message == (f"cannot write in {cache}: Permission denied; set CHARGEN_CACHE to a folder that can be written")
