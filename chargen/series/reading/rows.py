"""The rows of a CSV file with their line numbers: comments, separators, and the names of the columns."""

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from chargen.errors import InputError
from chargen.report.words import counted
from chargen.series.reading.numbers import looks_like_number
from chargen.series.reading.time_formats import looks_like_time

SEPARATORS = ",;\t| "
WIDE = 50  # cells of a row that are looked at
UNNAMED = ("", "Unnamed: 0")  # what pandas calls the index
SAMPLE = 20  # rows that are looked at to find the separator
NAMED = 10  # columns that a message names at most
MOST = 20_000_000  # cells


@dataclass(frozen=True)
class Rows:
    """The rows of a file.

    Attributes:
        path: the file, for messages.
        names: of the columns; what has no name is called "index" if it comes first, else by its number.
        unnamed: whether the first column has no name, as pandas writes the index of a series.
        lines: the line on which each row begins, counted from 1.
        cells: a list of texts for each row, as many as there are names.
        unit: what `lines` count, for messages.
    """

    path: str
    names: list[str]
    unnamed: bool
    lines: list[int]
    cells: list[list[str]]
    unit: str = "line"

    def column(self, place: int) -> list[str]:
        """Return the texts of a column, without spaces around them."""
        return [cells[place].strip() for cells in self.cells]

    def place(self, name: str) -> int:
        """Return which column has a name.

        Raises:
            InputError: none has.
        """
        if name not in self.names:
            raise InputError(f"{self.path}: no column {name!r}; its columns are {listed(self.names)}")
        return self.names.index(name)

    def error(self, row: int, message: str, advice: str) -> InputError:
        """Return an error that names the line of a row."""
        return InputError(f"{self.path} {self.unit} {self.lines[row]}: {message}", advice)


def listed(names: list[str]) -> str:
    """Return names as a text, the first of them if there are many."""
    more = f", ... ({len(names):,} in all)" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def read_rows(path: str, text: str, header: bool = True, chosen: bool = False) -> Rows:
    """Return the rows of a text; lines that are blank or comments are left out.

    Args:
        path: for messages.
        header: whether the first line names the columns.
        chosen: whether the caller knows names of columns, so that the first line must hold names.

    Raises:
        InputError: the text has no rows, or their cells do not fit the names; the message gives the line.
    """
    skipped, start, separator, comment = _preamble(text)
    if start == len(text):
        raise InputError(f"{path} is empty", "give a table with the names of the columns in its first line")
    stream = io.StringIO(text, newline="")
    separator = separator or _separator(stream, start)
    if separator not in text[start : text.find("\n", start)]:
        _require_names_first(path, stream, start, skipped)
    stream.seek(start)
    records = _records(path, stream, separator, skipped)
    first_line, first = next(records)
    first = [" ".join(name.split()) for name in first]
    if not header:
        records = itertools.chain([(first_line, first)], records)
    lines, rows, width = _fitted(path, records, first, separator)
    names = first[:width] if header else [""] * width
    if header and not chosen and rows and _is_row(names, rows[0]):
        names_in_comment = [name.strip() for name in next(csv.reader([comment], delimiter=separator), [])]
        if len(names_in_comment) != width or width == 1:
            shown = separator.join(first)
            raise InputError(
                f"{path} line {first_line}: {shown[:60]!r} looks like a row, not like the names of columns",
                "write the names above it, or {no_header}; if these are names, choose a {column}",
            )
        names, lines, rows = names_in_comment, [first_line, *lines], [first[:width], *rows]
    if twice := next((name for name, count in Counter(filter(None, names)).items() if count > 1), None):
        raise InputError(f"{path} line {first_line}: two columns are named {twice!r}", "rename one of them")
    if not rows:
        raise InputError(f"{path}: no rows below the column names", "add rows of values")
    unnamed = header and names[0] in UNNAMED
    return Rows(path, _named(names, unnamed), unnamed, lines, rows)


def _preamble(text: str) -> tuple[int, int, str, str]:
    """Return the number of lines above the table, where it begins, the separator they name, and the last comment."""
    line, start, separator, comment = 0, 0, "", ""
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        head = text[start:end].strip()
        if head.startswith("#"):
            comment = head.lstrip("# ")
        elif match := re.fullmatch(r'"?sep=([,;\t|])?"?[,;\t]*', text[start:end].strip("\n "), re.IGNORECASE):
            separator = match[1] or ""
        elif head:
            break
        line, start = line + 1, end
    return line, start, separator, comment


def _separator(stream: io.StringIO, start: int) -> str:
    """Return what separates the cells: what leaves most numbers and times, and divides the names into most."""

    def merit(separator: str) -> tuple[bool, float, bool, int]:
        stream.seek(start)
        try:
            rows = list(itertools.islice(csv.reader(stream, delimiter=separator, skipinitialspace=True), SAMPLE))
        except csv.Error:
            return False, 0, False, 0
        width = len(rows[0])
        cells = [cell for row in rows[1:] for cell in row[:WIDE] if cell.strip()]
        values = sum(map(_is_value, cells)) / max(len(cells), 1)
        if separator == " ":
            fits = width > 1 and all(sum(map(bool, row)) == sum(map(bool, rows[0])) for row in rows if row)
        else:
            fits = width > 1 or all(len(row) <= 1 for row in rows[1:])
        return fits, values, separator != " ", width

    return max(SEPARATORS, key=merit)


def _require_names_first(path: str, stream: io.StringIO, start: int, skipped: int) -> None:
    """Raise InputError if a first line of one cell stands above what look like the names of columns."""
    for separator in SEPARATORS[:-1]:
        stream.seek(start)
        (line, first), *rows = itertools.islice(_records(path, stream, separator, skipped), SAMPLE)
        for (names_line, names), (_, row) in itertools.pairwise(rows):
            alike = 1 == len(first) < len(names) == len(row)
            if alike and not any(map(_is_value, names)) and any(map(_is_value, row)):
                message = f"{first[0][:60]!r} does not name the columns; line {names_line} seems to"
                raise InputError(f"{path} line {line}: {message}", "remove the lines above, or begin them with #")


def _records(path: str, stream: io.StringIO, separator: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with the lines on which they begin, but blank lines."""
    reader, line = csv.reader(stream, delimiter=separator, skipinitialspace=True, strict=True), skipped
    count = 0
    try:
        for cells in reader:
            if cells:
                count += len(cells)
                if count > MOST:
                    raise InputError(f"{path} has more than {MOST:,} cells", "give fewer rows or columns")
                yield line + 1, cells
            line = skipped + reader.line_num
    except csv.Error as error:
        unclosed = "end of data" in str(error) or "field limit" in str(error)
        message = "a quotation mark is never closed" if unclosed else str(error)
        raise InputError(f"{path} line {line + 1}: {message}", "correct the line") from None


def _fitted(
    path: str, records: Iterator[tuple[int, list[str]]], first: list[str], separator: str
) -> tuple[list[int], list[list[str]], int]:
    """Return the lines and the cells of rows, as many cells as there are columns, and the number of columns.

    Cells and names that are empty in all rows at the end are left out, as spreadsheets write them.
    """
    named = max((place for place, name in enumerate(first, 1) if name), default=1)
    lines, rows, width = [], [], named
    for line, cells in records:
        if named > 1 and not any(map(str.strip, cells)):  # of one column, "" is a missing value
            continue
        used = next((place for place in range(len(cells), named, -1) if cells[place - 1].strip()), named)
        if (used > len(first) or len(cells) < named) and not cells[0].startswith("#"):
            count = used if used > len(first) else len(cells)
            comma = separator == "," and used > len(first)
            advice = "give each line one cell for each column" + (
                "; write decimals with a point, or separate the columns by semicolons" if comma else ""
            )
            columns = counted(len(first[:named]), "column")
            raise InputError(
                f"{path} line {line}: {counted(count, 'cell')}, but the first line names {columns}",
                advice,
            )
        if used <= len(first) and len(cells) >= named:  # all but comments
            width = max(width, used)
            lines.append(line)
            rows.append(cells)
    return lines, [cells[:width] + [""] * (width - len(cells)) for cells in rows], width


def _is_row(names: list[str], row: list[str]) -> bool:
    """Return whether the first line holds values: a number or a time above each number or time below it."""

    typed = [bool(name) and _is_value(name) for name, cell in zip(names, row, strict=True) if _is_value(cell)]
    return bool(typed) and all(typed)


def _is_value(cell: str) -> bool:
    return looks_like_number(cell) or looks_like_time(cell)


def _named(names: list[str], unnamed: bool) -> list[str]:
    first = "index" if unnamed and "index" not in names else "column 1"
    return [name or (first if place == 0 else f"column {place + 1}") for place, name in enumerate(names)]
