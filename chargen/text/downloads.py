"""Downloads of texts: from the first address that serves the right bytes, into the cache folder."""

import os
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pooch
import requests
from tqdm import tqdm

from chargen.errors import DownloadError
from chargen.text.registry import RegistryEntry, cache_folder, registry

TIMEOUT = 30  # seconds without a byte before a server counts as unreachable
MOST_REDIRECTS = 5
LARGEST = 2_000_000_000  # bytes; the limit for addresses that are not in the registry


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
    return _fetch((url,), cache_folder() / pooch.utils.unique_file_name(url), None, LARGEST)


def _fetch(urls: tuple[str, ...], path: Path, sha256: str | None, limit: int) -> Path:
    """Download to `path` from the first of `urls` that serves the right bytes; atomic, safe among processes."""
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
            advice = "set CHARGEN_CACHE to a folder that can be written"
            raise DownloadError(f"cannot write {path}: {reason}", advice) from None
    raise _failed_download(failures, path)


def _download(url: str, file: str, title: str, limit: int) -> None:
    """Write what `url` serves, at most `limit` bytes, to `file`, with a progress bar.

    Raises:
        requests.RequestException: the address does not serve it.
    """
    with (
        _SafeSession() as session,
        session.get(url, stream=True, timeout=TIMEOUT) as response,
        open(file, "wb") as output,
    ):
        response.raise_for_status()
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
    if isinstance(error, requests.ConnectionError):
        return f"cannot connect to {urlsplit(str(error.request.url)).netloc}" if error.request else "cannot connect"
    return str(error) or type(error).__name__
