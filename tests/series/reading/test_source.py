"""Where the text of a CSV file comes from."""

import bz2
import gzip
import io
import lzma
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from chargen.errors import DownloadError, InputError
from chargen.series.reading import source
from chargen.series.reading.source import read_text
from chargen.text.downloads import fetch_url

TEXT = "ds,y\n1,2\n"


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_and_standard_input(write, monkeypatch, pack):
    data = pack(TEXT.encode())
    assert read_text(write(data)) == TEXT
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
    assert read_text("-") == TEXT


def test_an_address_is_fetched_each_time(monkeypatch, tmp_path):
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))
    served = [b"y\n1\n", b"y\n2\n"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            data = served.pop(0)
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/load.csv"
        assert [read_text(address), read_text(address)] == ["y\n1\n", "y\n2\n"]
        server.shutdown()
    with pytest.raises(DownloadError, match="could not fetch"):
        read_text(address)
    assert fetch_url(address).read_text() == "y\n2\n", "the copy is kept"


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_the_text(encoding, write):
    assert read_text(write("\ufeff" + TEXT), encoding) == TEXT


def test_other_encodings(write):
    assert read_text(write("Größe\n1\n".encode("cp1252")), "cp1252") == "Größe\n1\n"
    with pytest.raises(InputError, match="encoding 'utf-9': unknown"):
        read_text(write(TEXT), "utf-9")


BAD = [
    (b"PK\x03\x04" + bytes(50), "data.csv is "),
    (b"PAR1" + bytes(50), "data.csv is a Parquet file; save the table as CSV"),
    (b"y\n1\n\0\0\0\0\0\0", "data.csv line 3: not text; save the table as CSV"),
    (b'[{"ds": 1, "y": 2}]', "data.csv is JSON; save the table as CSV"),
    (b"\n<!DOCTYPE html><html>404", "data.csv is HTML or XML; save the table as CSV"),
    (gzip.compress(TEXT.encode())[:-9], "data.csv: it is packed, and damaged"),
]


@pytest.mark.parametrize(("data", "words"), BAD, ids=[words for _, words in BAD])
def test_what_is_no_table_is_named(write, data, words):
    with pytest.raises(InputError) as error:
        read_text(write(data))
    assert words in str(error.value)


def test_what_is_packed_small_may_be_large(write, monkeypatch):
    monkeypatch.setattr(source, "MOST", 1_000_000)
    with pytest.raises(InputError, match="is larger than 1,000,000 bytes; give fewer rows or columns"):
        read_text(write(gzip.compress(b"1\n" * 600_000)))


def test_an_address_that_does_not_answer(monkeypatch, tmp_path):
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9/.*; download the file yourself, and name it"):
        read_text("http://127.0.0.1:9/load.csv")


def test_devices_and_missing_files():
    with pytest.raises(InputError, match="/dev/zero is a device, not a file; name a file"):
        read_text("/dev/zero")
    with pytest.raises(InputError, match=r"cannot read nowhere\.csv: No such file"):
        read_text("nowhere.csv")
