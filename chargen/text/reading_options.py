"""`ReadingOptions`: how the bytes of a source become the text of a corpus."""

from dataclasses import dataclass

from chargen.errors import InputError

READING = 2  # raised whenever the same bytes and options begin to make another text


@dataclass(frozen=True)
class ReadingOptions:
    """How the bytes of a source become the text of a corpus.

    Attributes:
        encoding: the encoding of the bytes, a name that Python's codecs know.
        normalization: "none", "prose", "lower" or "letters", see `chargen.text.normalization.normalize`.
        max_chars: keep only this many characters from the beginning, counted after normalization; None keeps all.
        separator: what is put between two documents. Most end in a newline, so that "\\n" leaves an empty line.
        column: the name of a column of CSV files; the texts in it are learned, a row each. None reads a file as it is.
        valid_fraction: the share of the text, at its end, that is held out for validation; 0 holds out nothing.
    """

    encoding: str = "utf-8"
    normalization: str = "none"
    max_chars: int | None = None
    separator: str = "\n"
    valid_fraction: float = 0.1
    column: str | None = None

    def __post_init__(self):
        if self.max_chars is not None and self.max_chars < 1:
            raise InputError(f"{self.max_chars}: must be at least 1", "leave it out to keep all", setting="max_chars")
        if not 0 <= self.valid_fraction < 1:
            raise InputError(f"{self.valid_fraction}: must be at least 0 and below 1", setting="valid_fraction")

    @property
    def identity(self) -> dict:
        """The options that decide about the ids of a text; the names of files in the cache depend on them."""
        options = {name: getattr(self, name) for name in ("encoding", "normalization", "max_chars", "separator")}
        return {"reading": READING} | options | ({"column": self.column} if self.column is not None else {})
