"""The rows of CSV files that spreadsheets, pandas and instruments write."""

import pytest

from chargen.errors import InputError
from chargen.series.reading.rows import read_rows

SAME = [  # tables with the columns ds and y, and the cells 1, 10 and 2, 20
    "ds,y\n1,10\n2,20\n",
    "ds;y\n1;10\n2;20",
    "ds\ty\r\n1\t10\r\n2\t20\r\n",
    "ds|y\n1|10\n2|20\n",
    "sep=;\nds;y\n1;10\n2;20\n",
    '"sep=,"\nds,y\n1,10\n2,20\n',
    "ds,y,,\n1,10,,\n2,20,,\n",
    "ds,y\n1,10,\n2,20,\n",
    'ds, "y"\n1, "10"\n2, "20"\n',
    "# a station\n# in ppm\n\nds,y\n1,10\n\n2,20\n# the end\n",
    "# ds,y\n1,10\n2,20\n",
    " ds , y \n1,10\n2,20\n",
    "ds y\n1 10\n2 20\n",
    "  ds   y\n   1  10\n   2  20 \n",
]


@pytest.mark.parametrize("text", SAME)
def test_what_stands_around_a_table_changes_nothing(text):
    rows = read_rows("data.csv", text)
    assert rows.names == ["ds", "y"]
    assert (rows.column(0), rows.column(1)) == (["1", "2"], ["10", "20"])


def test_rows_know_their_lines():
    rows = read_rows("data.csv", '# a\nday,note\n\n1,"two\nlines"\n2,x\n')
    assert rows.lines == [4, 6]
    assert str(rows.error(1, "wrong", "correct it")) == "data.csv line 6: wrong; correct it"


def test_the_separator_is_the_one_that_leaves_numbers():
    assert read_rows("data.csv", "1,5;2,5;3,5\n2,5;3,5;4,5\n", header=False).cells[0] == ["1,5", "2,5", "3,5"]
    assert read_rows("data.csv", "total sales\n1 234\n1 200\n").names == ["total sales"]
    assert read_rows("data.csv", "a b,c d\n1,2\n").names == ["a b", "c d"]


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_an_unnamed_first_column_is_the_index(name):
    rows = read_rows("data.csv", f"{name},0\n2024-01-01,5\n2024-01-02,6\n")
    assert (rows.names, rows.unnamed) == ([name or "index", "0"], True)


HEADERLESS = [
    "100.4\n104.2\n",
    "2024-01-01,1\n2024-01-02,2\n",
    "2024-01-01;a;1,5\n2024-01-02;a;1,7\n",
    "Jan 1949,1\nFeb 1949,2\n",
]


@pytest.mark.parametrize("text", HEADERLESS)
def test_a_first_line_of_values_is_not_lost(text):
    with pytest.raises(InputError, match=r"line 1: .* looks like a row, not like the names of columns; write the"):
        read_rows("data.csv", text)
    rows = read_rows("data.csv", text, header=False)
    assert (len(rows.cells), rows.lines, rows.names[0]) == (2, [1, 2], "column 1")


def test_names_that_are_numbers_are_names_where_one_is_chosen():
    assert read_rows("data.csv", "ds,2023\n1,5\n2,6\n").names == ["ds", "2023"]
    assert read_rows("data.csv", "2022,2023\n1,5\n2,6\n", chosen=True).names == ["2022", "2023"]


BAD = [
    ("\n # nothing\n\n", "data.csv is empty"),
    (
        "Station 4711\nExported 2024-01-01\n\nds,y\n1,2\n",
        "line 1: 'Station 4711' does not name the columns; line 4 seems to; remove the lines above, or",
    ),
    (
        "ds,y\n1,1,5\n",
        "line 2: 3 cells, but the first line names 2 columns; give each line one cell for each column; wr",
    ),
    ('ds,y\n1,1\n2,"2\n3,3\n', "line 3: a quotation mark is never closed; correct the line"),
    ('"ds,y\n' + 200_000 * "1", "line 1: a quotation mark is never closed; correct the line"),
]


@pytest.mark.parametrize(("text", "words"), BAD, ids=[words for _, words in BAD])
def test_a_damaged_table_is_refused(text, words):
    with pytest.raises(InputError) as error:
        read_rows("data.csv", text)
    assert words in str(error.value)


def test_a_column_that_is_not_there():
    with pytest.raises(InputError, match="no column 'z'; its columns are ds, y"):
        read_rows("data.csv", SAME[0]).place("z")
