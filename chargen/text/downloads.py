"""Downloads of texts: from the first address that serves the right bytes, into the cache folder."""

import contextlib
import hashlib
import os
import queue
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from tqdm import tqdm

from chargen.errors import DownloadError, InputError, SaveError
from chargen.files.atomic import write_atomically
from chargen.files.lock import lock
from chargen.text.registry import RegistryEntry, cache_folder, registry

TIMEOUT = 30  # seconds without a byte before a server counts as unreachable
CHUNK = 1 << 16  # bytes
SLOWEST = 60  # seconds that a chunk, and all that comes before the first one, may take
MOST_REDIRECTS = 5
LARGEST = 2_000_000_000  # bytes; the limit for addresses that are not in the registry
ELSEWHERE = "set CHARGEN_CACHE to a folder that can be written"


def fetch_registered(entry: RegistryEntry) -> Path:
    """Return the path of a registered corpus, downloading and verifying it unless a good copy is there.

    The mirror named by $CHARGEN_MIRROR, a base URL that serves NAME.txt, is asked before the registry's own addresses.

    Raises:
        DownloadError: no address answered, or what arrived has another SHA-256 (it is deleted).
    """
    if entry.file is not None:
        return entry.path
    mirror = os.environ.get("CHARGEN_MIRROR")
    urls = ((f"{mirror.rstrip('/')}/{entry.path.name}",) if mirror else ()) + entry.urls
    return _fetch(urls, entry.path, entry.sha256, 2 * entry.bytes if entry.bytes else LARGEST)


def fetch_url(url: str, *, fresh: bool = False) -> Path:
    """Return the path of the cached copy of `url`, downloading it the first time.

    Args:
        fresh: download it again, because what it serves changes; the copy stays where that fails.

    Raises:
        DownloadError: the address did not answer.
    """
    return _fetch((url,), cached(url), None, LARGEST, fresh)


def cached(url: str) -> Path:
    """Return the path of the copy of `url`, whether or not it is there."""
    url = without_password(url)
    digest = hashlib.md5(url.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
    return cache_folder() / f"{digest}-{urlsplit(url).path.rpartition('/')[2][-200:]}"


def without_password(text: str) -> str:
    """Return a text in which addresses have no user's name and password, which are for their server alone.

    >>> without_password("https://me:secret@host/a.txt")
    'https://host/a.txt'
    """
    return re.sub(r"(?<=://)[^/?#\s]*@", "", text)


def _fetch(urls: tuple[str, ...], path: Path, sha256: str | None, limit: int, fresh: bool = False) -> Path:
    """Download to `path` from the first of `urls` that serves the right bytes, unless they are there already."""
    if not fresh and _is_good(path, sha256):
        return path
    failures = []
    try:
        with lock(path.parent, "is fetching into", if_unwritable=ELSEWHERE, wait=True):  # one process at a time
            for url in urls:
                if not fresh and _is_good(path, sha256):
                    return path
                try:
                    write_atomically(path, _verified(_in_time(_served(url, path.stem, limit)), sha256), None, ELSEWHERE)
                    return path
                except _NotServedError as reason:
                    failures.append(without_password(f"{url} ({reason})"))
    except (InputError, SaveError) as error:
        raise DownloadError(error.message, error.advice) from None
    raise _failed_download(failures, path)


class _NotServedError(Exception):
    """An address does not serve what it should; the message says why in a few words."""


def _is_good(path: Path, sha256: str | None) -> bool:
    """Return whether a file is there, and the one that was promised."""
    try:
        with path.open("rb") as file:
            return bool(file.read(1)) if sha256 is None else hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _verified(pieces: Iterable[bytes], sha256: str | None) -> Iterator[bytes]:
    """Yield what an address serves.

    Raises:
        _NotServedError: at its end, it was nothing, or has another SHA-256.
    """
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        yield piece
    if sha256 not in (None, digest.hexdigest()):
        raise _NotServedError(f"its SHA-256 is not {sha256}; what it sent has been deleted")
    if not size:
        raise _NotServedError("it sent nothing")


def _served(url: str, title: str, limit: int) -> Iterator[bytes]:
    """Yield what `url` serves, at most `limit` bytes, with a progress bar.

    Raises:
        requests.RequestException: the address does not serve it.
    """
    with _SafeSession() as session, session.get(url, stream=True, timeout=TIMEOUT) as response:
        if response.status_code != requests.codes.ok:  # not 204 or 206, nor a redirect that leads nowhere
            raise requests.HTTPError(response=response)
        announced = response.headers.get("Content-Length", "")
        size = int(announced[:20]) if announced.isdecimal() else 0
        read = 0
        with tqdm(desc=title, total=size or None, unit="B", unit_scale=True, disable=None, leave=False) as bar:
            for chunk in response.iter_content(CHUNK):
                read += len(chunk)
                if max(read, size) > limit:
                    raise requests.RequestException(f"it sends more than {limit:,} bytes")
                bar.update(len(chunk))
                yield chunk


def _in_time(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces of an iterator that runs in a thread: a server may send a byte now and then, and never end.

    Raises:
        _NotServedError: a piece did not come in time, or the iterator has raised an error.
    """
    arrived: queue.Queue[bytes | Exception | None] = queue.Queue(maxsize=4)
    left = threading.Event()

    def run() -> None:
        last: Exception | None = None
        try:
            for piece in pieces:
                arrived.put(piece)
                if left.is_set():
                    return
        except Exception as error:
            last = error
        arrived.put(last)

    threading.Thread(target=run, daemon=True).start()
    try:
        while (piece := arrived.get(timeout=SLOWEST)) is not None:
            if isinstance(piece, Exception):
                raise _NotServedError(_reason(piece))
            yield piece
    except queue.Empty:
        raise _NotServedError(f"it sends less than {CHUNK / SLOWEST:,.0f} bytes in a second") from None
    finally:
        left.set()
        with contextlib.suppress(queue.Empty):
            while True:
                arrived.get_nowait()


class _SafeSession(requests.Session):
    """A session that follows a few redirects, to http or https alone, and never from https to http."""

    def __init__(self):
        super().__init__()
        self.max_redirects = MOST_REDIRECTS

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where a response redirects to, or None.

        Raises:
            requests.RequestException: it is no address, or not a safe one.
        """
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        try:
            address = urljoin(resp.url, target)
            scheme = urlsplit(address).scheme
        except ValueError as error:
            raise requests.exceptions.InvalidURL(f"it redirects to an invalid address: {error}") from None
        safe = ("https",) if urlsplit(resp.url).scheme == "https" else ("http", "https")
        if scheme not in safe:
            raise requests.exceptions.InvalidSchema(f"it redirects to {address}, which is not {' or '.join(safe)}")
        return target


def _failed_download(failures: list[str], path: Path) -> DownloadError:
    local = ", ".join(entry.name for entry in registry().values() if not entry.needs_network and entry.path != path)
    there = " (the file that is there has another SHA-256)" if path.exists() else ""
    return DownloadError(
        f"could not fetch {'; '.join(failures)}",
        f"download the file yourself to {path}{there}, or use a corpus that needs no network: {local}",
    )


def _reason(error: Exception) -> str:
    """Return why a request failed, in a few words."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off before the end"
    if isinstance(error, requests.TooManyRedirects):
        return f"it redirects more than {MOST_REDIRECTS} times"
    if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
        return f"no answer within {TIMEOUT} s"
    if "Connection aborted" in str(error):
        return "the connection broke off before an answer"
    if isinstance(error, requests.exceptions.ProxyError):
        return "cannot connect to the proxy that HTTP_PROXY or HTTPS_PROXY names"
    if isinstance(error, requests.ConnectionError):
        return (
            f"cannot connect to {urlsplit(str(error.request.url)).netloc.rpartition('@')[2]}"
            if error.request
            else "cannot connect"
        )
    return str(error) or type(error).__name__
