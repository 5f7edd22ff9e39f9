"""Texts in a CSV file: whether a text is such a table, and the texts in one of its columns, a row each."""

import csv
import io
import itertools
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chargen.errors import InputError
from chargen.report.words import counted, suggestion

SEPARATORS = ",;\t|"
NONE = "\x1f"  # stands where a table has one column, which is written in no text
SUFFIXES = (".csv", ".tsv", ".tab")
SAMPLE = 1 << 16  # characters at the beginning of a text that tell whether it is a table
ROWS = range(10, 200)  # the fewest that make a table of a file whose name does not, and those that are looked at
ALIKE = 0.9  # of the rows have as many cells as the first
MOST_NAMES = 10  # columns that a message names
LONGEST_NAME = 60  # characters
LONGEST = 10_000_000  # characters of a cell or a line
BLOCK = 1 << 16  # characters that are passed on at a time
LETTER = re.compile(r"[^\W\d_]")
NUMBER = re.compile(r"(?!(?:1\d|20)\d\d$)[\d\W]*\d[\d\W]*")  # or a time, which names no column; a year may
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\n', re.IGNORECASE)  # for spreadsheets


@dataclass(frozen=True)
class Table:
    """What the beginning of a text tells about the table that the text is.

    Attributes:
        width: the number of columns.
        names: theirs; () where the first row names none.
        wordiest: the name of the column with the most words in a cell; None where no column has words.
    """

    width: int
    names: tuple[str, ...]
    wordiest: str | None

    @property
    def what(self) -> str:
        """What it is, for people."""
        more = f" and {self.width - MOST_NAMES} more" if self.width > MOST_NAMES else ""
        listed = f": {', '.join(self.names[:MOST_NAMES])}{more}" if self.names else ""
        return f"a table of {counted(self.width, 'column')}{listed}"

    @property
    def advice(self) -> str:
        """What to do about it; settings stand in braces, as in `chargen.errors.ChargenError`."""
        if self.wordiest is None and self.names:
            return "to forecast its numbers, type chargen series fit"
        if self.wordiest is None:
            return "to learn the texts in one of them, name the columns in a first line, and give {column}"
        return f"to learn the texts in one of them, give {{column}} {shlex.quote(self.wordiest)}"


def table_in(beginning: str, file_name: str) -> Table | None:
    """Return the table that a text is, or None, by the first `SAMPLE` characters or all that there are."""
    named = file_name.lower().removesuffix(".gz").endswith(SUFFIXES)
    found = (_table(beginning, separator, named) for separator in SEPARATORS)
    return max(filter(None, found), key=lambda table: table.width, default=None)


def _table(beginning: str, separator: str, named: bool) -> Table | None:
    rows = _first_rows(beginning, separator)
    width, others = len(rows[0]) if rows else 0, rows[1:]
    alike = [row for row in others if len(row) == width]
    narrowest = 2 if named or separator == "\t" else 3  # each line of a poem may have one comma
    if width < narrowest or len(others) < (1 if named else ROWS.start) or len(alike) < ALIKE * len(others):
        return None
    names = tuple(" ".join(name.split()) for name in rows[0])
    if any(map(NUMBER.fullmatch, names)) or len({*names}) < width or max(map(len, names)) > LONGEST_NAME:
        return Table(width, (), None)
    words = {
        name: sum(len(cell.split()) for cell in cells) + sum(map(len, cells)) / 1e6
        for name, *cells in zip(names, *alike, strict=True)
        if name and 2 * len(LETTER.findall(" ".join(cells))) > sum(map(len, cells))  # no numbers, times, or keys
    }
    return Table(width, names, max(words, key=words.__getitem__, default=None))


def _first_rows(beginning: str, separator: str) -> list[list[str]]:
    """Return the first rows of a text, without blank lines, and without a row that may be cut."""
    match = SEPARATOR_LINE.match(beginning)
    reader = _reader(_lines_of(beginning[match.end() if match else 0 :]), separator)
    rows: list[list[str]] = []
    try:
        for row in itertools.islice(filter(None, reader), ROWS.stop):
            if rows and len(rows[0]) < 2:
                break
            rows.append(row)
    except csv.Error:
        return rows
    return rows[:-1] if len(beginning) >= SAMPLE and len(rows) < ROWS.stop else rows


class ColumnReader:
    """Reads the texts in one column of a table, in bounded memory: each ends a line, and the separator follows.

    Attributes:
        texts: the number of them that have been read.
        empty: the number of rows that have none.
    """

    def __init__(self, name: str, column: str, separator: str):
        """Prepare to read.

        Args:
            name: what messages call the table.
            column: the name of the column.
            separator: what is put between two texts.
        """
        self.texts = self.empty = 0
        self._name, self._column, self._separator = name, column, separator

    @property
    def note(self) -> str:
        """What was read, in a sentence."""
        without = f"; {counted(self.empty, 'row')} without one left out" if self.empty else ""
        return f"read {counted(self.texts, 'text')} in the column {self._column!r}{without}"

    def pieces(self, pieces: Iterator[str]) -> Iterator[str]:
        """Yield the texts of a table that comes in pieces of any length.

        Raises:
            InputError: there is no such column, or a row does not fit; the message gives the line.
        """
        head = ""
        while len(head) < SAMPLE and (piece := next(pieces, "")):
            head += piece
        match = SEPARATOR_LINE.match(head)
        separator, names = self._columns(head[match.end() if match else 0 :], match[1] if match else SEPARATORS)
        records = self._records(itertools.chain([head], pieces), separator, len(names), 2 if match else 1)
        place, block = names.index(self._column), ""
        for cells in records:
            text = cells[place].strip("\n")
            if text.strip():
                block += f"{self._separator if self.texts else ''}{text}\n"
                self.texts += 1
            else:
                self.empty += 1
            if len(block) >= BLOCK:
                yield block
                block = ""
        if block:
            yield block

    def _columns(self, head: str, separators: str) -> tuple[str, list[str]]:
        """Return what separates the cells, and the names of the columns."""
        found: dict[str, list[str]] = {}
        for separator in separators:
            try:
                first: list[str] = next(filter(None, _reader(_lines_of(head), separator)), [])
            except csv.Error:
                continue
            found[separator] = [" ".join(name.split()) for name in first]
        having = {separator: names for separator, names in found.items() if self._column and self._column in names}
        separator = max(having or found, key=lambda separator: len(found[separator]), default=NONE)
        names = found.get(separator, [])
        if not having:
            advice = suggestion(self._column, [name[:LONGEST_NAME] for name in names if name])
            raise InputError(f"{self._name} has no column {self._column!r}", advice)
        if names.count(self._column) > 1:
            raise InputError(f"{self._name} has two columns {self._column!r}", "rename one of them in its first line")
        while not names[-1]:  # spreadsheets write empty cells at the end
            names.pop()
        return (separator if len(names) > 1 else NONE), names

    def _records(self, pieces: Iterable[str], separator: str, width: int, skipped: int) -> Iterator[list[str]]:
        """Yield the rows after the first `skipped` ones; blank lines are left out."""
        reader, line, number = _reader(self._lines(pieces), separator), 0, 0
        before = csv.field_size_limit(LONGEST)  # of all readers
        try:
            for cells in reader:
                number += bool(cells)
                if cells and number > skipped:
                    if len(cells) < width or any(cell.strip() for cell in cells[width:]):
                        message = f"{counted(len(cells), 'cell')}, but its first row names {counted(width, 'column')}"
                        advice = f"put cells that hold {separator!r} in quotation marks"
                        raise InputError(f"{self._name} line {line + 1}: {message}", advice)
                    yield cells
                line = reader.line_num
        except csv.Error as error:
            unclosed = "end of data" in str(error) or "field limit" in str(error)
            message = "a quotation mark is never closed" if unclosed else str(error)
            advice = "write a quotation mark in a cell twice, and put the cell in quotation marks"
            raise InputError(f"{self._name} line {line + 1}: {message}", advice) from None
        finally:
            csv.field_size_limit(before)

    def _lines(self, pieces: Iterable[str]) -> Iterator[str]:
        rest = ""
        for piece in pieces:
            *whole, rest = (rest + piece).split("\n")
            yield from (f"{line}\n" for line in whole)
            if len(rest) > LONGEST:
                raise InputError(f"{self._name} has a line of more than {LONGEST:,} characters", "give a CSV file")
        if rest:
            yield rest


def _lines_of(text: str) -> Iterable[str]:
    return io.StringIO(text, newline="\n")


def _reader(lines: Iterable[str], separator: str):
    return csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
