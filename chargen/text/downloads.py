"""The registry of named corpora, and the cache folder that holds what was downloaded."""

import json
import os
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from chargen.errors import DownloadError

TIMEOUT = 30  # seconds without a byte before a server counts as unreachable
MOST_REDIRECTS = 5
LARGEST = 2_000_000_000  # bytes that are taken from an address of which the registry knows nothing


@dataclass(frozen=True)
class RegistryEntry:
    """A corpus with a name: either a bundled `file`, or a download from the first of `urls` that answers."""

    name: str
    about: str
    file: str | None = None
    urls: tuple[str, ...] = ()
    bytes: int | None = None
    sha256: str | None = None

    @property
    def path(self) -> Path:
        """Where the text lies, or will lie once it is fetched."""
        if self.file is not None:
            return Path(str(resources.files("chargen.corpora") / self.file))
        return cache_folder() / f"{self.name}.txt"

    @property
    def needs_network(self) -> bool:
        """Whether reading this corpus now would start a download."""
        return not self.path.exists()


@cache
def registry() -> dict[str, RegistryEntry]:
    """Return the known corpora by name; the first one is the bundled text."""
    entries = json.loads((resources.files("chargen.corpora") / "registry.json").read_text("utf-8"))
    return {
        name: RegistryEntry(name, **{**entry, "urls": tuple(entry.get("urls", ()))}) for name, entry in entries.items()
    }


def cache_folder() -> Path:
    """Return the folder that holds downloads: $CHARGEN_CACHE, or the place that this system gives to caches."""
    import pooch

    return Path(os.environ.get("CHARGEN_CACHE") or pooch.os_cache("chargen")).expanduser()


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


def fetch_url(url: str) -> Path:
    """Return the path of the cached copy of `url`, downloading it the first time.

    Raises:
        DownloadError: the address did not answer.
    """
    import pooch

    return _fetch((url,), cache_folder() / pooch.utils.unique_file_name(url), None, LARGEST)


def _fetch(urls: tuple[str, ...], path: Path, sha256: str | None, limit: int) -> Path:
    """Download to `path` from the first of `urls` that serves the right bytes; atomic, safe among processes."""
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    failures = []
    for url in urls:
        try:
            pooch.retrieve(
                url,
                sha256,
                fname=path.name,
                path=path.parent,
                downloader=lambda url, file, _: _download(url, file, path.stem, limit),
            )
            return path
        except requests.RequestException as error:
            failures.append(f"{url} ({_reason(error)})")
        except ValueError:  # how pooch reports a SHA-256 that differs, after it has deleted the file
            failures.append(f"{url} (its SHA-256 is not {sha256}; what it sent has been deleted)")
        except OSError as error:
            reason = error.strerror or "permission denied"  # pooch's own PermissionError has no strerror
            raise DownloadError(
                f"cannot write {path}: {reason}; set CHARGEN_CACHE to a folder that can be written"
            ) from None
    raise DownloadError(_offline_message(failures, path))


def _download(url: str, file: str, title: str, limit: int) -> None:
    """Write what `url` serves, at most `limit` bytes, to `file`, with a progress bar.

    Raises:
        requests.RequestException: the address does not serve it.
    """
    import requests
    from tqdm import tqdm

    with requests.Session() as session, _follow(session, url) as response, open(file, "wb") as output:
        announced = response.headers.get("Content-Length", "")
        size = int(announced) if announced.isdecimal() else 0
        read = 0
        with tqdm(desc=title, total=size or None, unit="B", unit_scale=True, disable=None, leave=False) as bar:
            for chunk in response.iter_content(1 << 16):
                read += len(chunk)
                if max(read, size) > limit:
                    raise requests.RequestException(f"it sends more than {limit:,} bytes")
                output.write(chunk)
                bar.update(len(chunk))


def _follow(session, url: str):
    """Return the response of `url`, its body yet to be read, after a few redirects, none to a less safe protocol."""
    import requests

    for _ in range(MOST_REDIRECTS + 1):
        response = session.get(url, stream=True, timeout=TIMEOUT, allow_redirects=False)
        if not response.is_redirect:
            response.raise_for_status()
            return response
        response.close()
        try:
            target = urljoin(url, response.headers["Location"])
        except ValueError as error:
            raise requests.exceptions.InvalidURL(f"it redirects to no address: {error}") from None
        safe = ("https",) if urlsplit(url).scheme == "https" else ("http", "https")
        if urlsplit(target).scheme not in safe:
            raise requests.exceptions.InvalidSchema(f"it redirects to {target}, which is not {' or '.join(safe)}")
        url = target
    raise requests.TooManyRedirects(f"it redirects more than {MOST_REDIRECTS} times")


def _offline_message(failures: list[str], path: Path) -> str:
    local = ", ".join(entry.name for entry in registry().values() if not entry.needs_network and entry.path != path)
    there = " (the one that lies there has another SHA-256)" if path.exists() else ""
    return (
        f"could not fetch {'; '.join(failures)}; put the file by hand at {path}{there},"
        f" or use a corpus that needs no network: {local}"
    )


def _reason(error: Exception) -> str:
    """Return why a request failed, in a few words."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off before the end"
    if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
        return f"no answer within {TIMEOUT} s"
    if isinstance(error, requests.ConnectionError):
        return f"cannot connect to {urlsplit(error.request.url).netloc}" if error.request else "cannot connect"
    return str(error) or type(error).__name__
