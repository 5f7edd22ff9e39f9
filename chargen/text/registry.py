"""The registry of named corpora, and the cache folder."""

import json
import os
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from chargen.errors import InputError

OTHER_DISK = "set CHARGEN_CACHE to a folder on another disk"
FULL_DISK = f"free some space, or {OTHER_DISK}"


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
        """Where the file is, or will be once it is downloaded."""
        if self.file is not None:
            return Path(str(resources.files("chargen.corpora") / self.file))
        return cache_folder() / f"{self.name}.txt"

    @property
    def needs_network(self) -> bool:
        """Whether the corpus has to be downloaded."""
        return not self.path.exists()


@cache
def registry() -> dict[str, RegistryEntry]:
    """Return the known corpora by name; the first one is the bundled text."""
    entries = json.loads((resources.files("chargen.corpora") / "registry.json").read_text("utf-8"))
    return {
        name: RegistryEntry(name, **{**entry, "urls": tuple(entry.get("urls", ()))}) for name, entry in entries.items()
    }


def cache_folder() -> Path:
    """Return the folder that holds downloads: $CHARGEN_CACHE, or the system's folder for caches.

    Raises:
        InputError: neither is known, because the user has no home folder.
    """
    import platformdirs

    place = os.environ.get("CHARGEN_CACHE") or platformdirs.user_cache_dir("chargen")
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise InputError(f"{place}: no home folder is known for that", "set CHARGEN_CACHE to a folder") from None
