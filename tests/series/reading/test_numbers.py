"""Numbers as they are written in different countries."""

import numpy as np
import pytest

from chargen.series.reading.numbers import NumberError, read_numbers

READ = [
    ("1 2.5 -4e1 +.5", [1, 2.5, -40, 0.5]),
    ("98,32 1,5", [98.32, 1.5]),
    ("1,102.55 999.1", [1102.55, 999.1]),
    ("1.102,55 1.234.567", [1102.55, 1234567]),
    ("1,234 1,234,567", [1234, 1234567]),
    ("12'345.5 1'000", [12345.5, 1000]),
    ("12'345 1'000", [12345, 1000]),
    ("12'345 1.234", [12345, 1.234]),
    ("1\u00a0234,5 12,5", [1234.5, 12.5]),
    ("\u22125 5", [-5, 5]),
    ("0.125 1.234", [0.125, 1.234]),
    ("0.125 1.234 150", [0.125, 1.234, 150]),
    ("1.125 2 14", [1.125, 2, 14]),
]


@pytest.mark.parametrize(("texts", "numbers"), READ, ids=[texts for texts, _ in READ])
def test_the_mark_with_which_all_are_numbers_is_taken(texts, numbers):
    assert read_numbers(texts.split(" ")).values.tolist() == numbers


def test_a_mark_that_is_given_is_taken():
    assert read_numbers(["1.234"], ",").values.tolist() == [1234]
    assert read_numbers(["1,234"], ",").values.tolist() == [1.234]
    assert read_numbers(["1,234"], ".").values.tolist() == [1234]


@pytest.mark.parametrize("text", ["", "NA", "n/a", "NaN", "null", "-", "?", "#N/A", " . ", "..", ":"])
def test_missing_values(text):
    assert np.isnan(read_numbers(["1", text]).values).tolist() == [False, True]


BAD = [
    (["1,234", "5"], 0, "is '1,234', which may stand for 1234 or 1.234; say which: decimal"),
    (["950", "1.050"], 1, "is '1.050', which may stand for 1.05 or 1050; say which: decimal"),
    (["7", "12.50-"], 1, "is '12.50-', not a number; write it as -12.50, if the minus belongs to it"),
    (["7", "(12.50)"], 1, "is '(12.50)', not a number; write it as -12.50, if the brackets mean a negative number"),
    (["7", "#DIV/0!"], 1, "is '#DIV/0!', not a number; leave the cell empty, and fill it, see fill"),
    (["7", "950K"], 1, "is '950K', not a number; correct it, remove the row, or choose another column"),
    (["1,5", "1.5"], 1, "is '1.5', not a number; write all numbers with the same decimal mark"),
    (["1", "1_0"], 1, "is '1_0', not a number; correct it, remove the row, or choose another column"),
    (["1.5", "1,5"], 1, "is '1,5', not a number; write decimals with a point"),
    (["1", "12 %"], 1, "is '12 %', not a number; leave out what is not part of the number: 12"),
    (["1,10,000.5"], 0, "is '1,10,000.5', not a number; leave out the commas"),
    (["$5"], 0, "is '$5', not a number; leave out what is not part of the number: 5"),
    (["1,2,3"], 0, "is '1,2,3', not a number"),
    (["-inf"], 0, "is '-inf', not a finite number; correct it, or remove the row"),
    (["1e999"], 0, "is '1e999', not a finite number; correct it, or remove the row"),
    (["\u0661"], 0, "is '\u0661', not a number"),
    (["1\n2"], 0, "is '1', not a number; close the quotation mark that opens there"),
]


@pytest.mark.parametrize(("texts", "place", "words"), BAD, ids=[words for *_, words in BAD])
def test_what_is_no_number_is_shown(texts, place, words):
    with pytest.raises(NumberError) as error:
        read_numbers(texts)
    assert error.value.place == place
    assert str(error.value).startswith(words)
