"""Tables as spreadsheets, databases and archives of messages write them, and texts that only look like one."""

import csv
import gzip
import io

import pytest

from chargen.errors import InputError
from chargen.text.corpus import load_corpus
from chargen.text.tables import SAMPLE, ColumnReader, table_in

MESSAGES = ["Hello, you", 'She said "no"', "two\nlines", "", "  ", "# not a comment", "naïve; a|b\tc"]
READ = 'Hello, you\n/She said "no"\n/two\nlines\n/# not a comment\n/naïve; a|b\tc\n'


def table(rows, separator=",", **options):
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n", **options).writerows(rows)
    return text.getvalue()


def column_of(text, column="text", chunk=None):
    reader = ColumnReader("it", column, "/")
    pieces = [text[n : n + chunk] for n in range(0, len(text), chunk)] if chunk else [text]
    return "".join(reader.pieces(iter(pieces))), reader.note


@pytest.mark.parametrize("chunk", [None, 1, 7])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_each_row_is_a_text(separator, quoting, chunk):
    text = table([["id", "text", "by"], *([n, message, "me"] for n, message in enumerate(MESSAGES))], separator)
    note = "read 5 texts in the column 'text'; 2 rows without one left out"
    assert column_of(text, chunk=chunk) == (READ, note)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("text\nHello, you\n\nand; you\n", "Hello, you\n/and; you\n"),
        ('"text"\n"Hello, ""you"""\n"and\nyou"', 'Hello, "you"\n/and\nyou\n'),
        ("sep=;\nid;text\n1;Hello, you\n", "Hello, you\n"),
        ("\n,text,\n0,Hello,\n1,you,,\n", "Hello\n/you\n"),
        ('id, text\n1, "Hello, you"\n', "Hello, you\n"),
        ("a,b;text\n1;2\n", "2\n"),
        ("id,text\n1,a\x0cb\x1cc\u2028\n", "a\x0cb\x1cc\u2028\n"),
        ("id,text\n", ""),
        (f"id,text\n1,{'long ' * 100_000}\n", f"{'long ' * 100_000}\n"),
    ],
    ids=["one column", "quoted", "sep=", "spreadsheet", "spaces", "two separators", "odd ends", "no rows", "long"],
)
def test_tables_of_many_hands(text, read):
    before = csv.field_size_limit()
    assert column_of(text)[0] == read
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("id,text\n1,a\n", "txt", "it has no column 'txt'; did you mean text?"),
        ("id,text\n1,a\n", "2", "it has no column '2'; known: id, text"),
        (",text\n1,a\n", "", "it has no column ''; known: text"),
        ("text,text\n1,a\n", "text", "it has two columns 'text'; rename one"),
        (
            "id,text\n1,a\n\n2,a, b\n",
            "text",
            "it line 4: 3 cells, but its first row names 2 columns; put cells",
        ),
        ('id,text\n1,"a\nb"\n2\n', "text", "it line 4: 1 cell, but its first row names 2 columns"),
        ('id,text\n1,a\n2,"b\nc\n', "text", "it line 3: a quotation mark is never closed; write a quotation mark"),
        ('id,text\n1,"a" b\n', "text", "it line 2: ',' expected after '\"'; write a quotation mark in a cell twice"),
        ("", "text", "it has no column 'text'; none is known"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_with_its_line(text, column, said):
    with pytest.raises(InputError) as refusal:
        column_of(text, column)
    assert str(refusal.value).startswith(said)


LETTERS = [["when", "from", "message"], *([f"2024-01-{n:02}", "Ann", f"I am {n} and fine"] for n in range(1, 13))]
WORDS = [["word", "mot"], *([f"one{n}", "un et deux"] for n in range(10))]
UNNAMED = [[n, "a b", "c"] for n in range(1, 13)]
WIDE = [["of", *range(2010, 2023)], *[range(14)] * 10]


@pytest.mark.parametrize(
    ("text", "name", "what", "advice"),
    [
        (table(LETTERS), "letters", "a table of 3 columns: when, from, message", "give {column} message"),
        (table([["a", "of the day"], ["1", "a\nb"]]), "x.csv", "2 columns: a, of the day", "{column} 'of the day'"),
        (table(WORDS, "\t"), "", "a table of 2 columns: word, mot", "{column} mot"),
        (table([["day", "y"], ["2024-01-01", "1"]]), "y.CSV.gz", "a table of 2 columns: day, y", "series fit"),
        (table(UNNAMED), "", "a table of 3 columns", "name the columns in a first line, and give {column}"),
        (table(WIDE), "", "of, 2010, 2011, 2012, 2013, 2014, 2015, 2016, 2017, 2018 and 4 more", "series fit"),
    ],
    ids=["letters", "quoted", "tabs", "numbers", "unnamed", "wide"],
)
def test_a_table_is_recognized(text, name, what, advice):
    found = table_in(text, name)
    assert what in found.what
    assert advice in found.advice
    long = text + text.partition("\n")[2] * (2 * SAMPLE // len(text))
    assert table_in(long[:SAMPLE], name) == found, "a row that is cut does not matter"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ann, a friend\n" * 100, "letters.txt"),
        ("Ann, a friend, came\nand went, and came, and went, she said\n" * 100, "letters.csv"),
        ("one, two, three\n" * 5, "letters.txt"),
        ('"No," said he, "never," and went.\n' * 100, "letters.txt"),
        ("text\nHello, you\nand you, too\n", "letters.csv"),
        ("", "letters.csv"),
    ],
)
def test_what_is_no_table_is_not_taken_for_one(text, name):
    assert table_in(text, name) is None


def test_a_column_is_a_corpus_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfid,text\r\n1,"He\r\nsaid"\r\n2,yes\r\n')
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"text\nno\n"))
    texts = [tmp_path / "a.csv", tmp_path / "b.csv.gz"]
    for in_memory in (10, 10**6):
        corpus = load_corpus(texts, column="text", in_memory=in_memory, valid_fraction=0)
        assert corpus.vocabulary.decode(corpus.train_ids) == "He\nsaid\n\nyes\n\nno\n"
        assert corpus.origin.column == "text"
        assert [note.partition(": ")[2] for note in corpus.notes[-2:]] == [
            "read 2 texts in the column 'text'",
            "read 1 text in the column 'text'",
        ]
    whole = load_corpus(texts[0], in_memory=10)
    said = "a.csv: looks like a table of 2 columns: id, text; to learn the texts in one of them, give {column} text"
    assert whole.notes[-1] == said
    assert len(whole.train_ids) + len(whole.valid_ids) == 26, "the cache holds both"
