"""Messages that say what is wrong, where, and what to do: in each case the words that matter."""

import contextlib
import ctypes
import io
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chargen.cli.main import main
from chargen.network.checkpoint import Checkpoint
from chargen.text.corpus import Origin

GOLDEN = Path(__file__).parents[1] / "golden"
LONG = "a" * 300


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with tables, a text, and runs whose texts are gone."""
    folder = tmp_path_factory.mktemp("place")
    for name, value in (("big", "1e120"), ("low", "-5"), ("word", "five")):
        rows = [f"{2000 + n // 12}-{n % 12 + 1:02},{value if n == 150 else n % 7 + 1}\n" for n in range(200)]
        (folder / f"{name}.csv").write_text("month,sold\n" + "".join(rows))
    (folder / "poem.txt").write_text("abcde " * 100)
    (folder / "model.safetensors").mkdir()
    saved = Checkpoint.load(GOLDEN / "format-4-run.safetensors")
    for name, source in (("typed", None), ("gone", str(folder / "gone.txt")), ("other", str(folder / "poem.txt"))):
        origin = replace(saved.provenance.origin or Origin(), source=source)
        (folder / "checkpoints" / name).mkdir(parents=True)
        last = folder / "checkpoints" / name / "last.safetensors"
        replace(saved, provenance=replace(saved.provenance, origin=origin)).save(last)
    (folder / "checkpoints" / "finished").mkdir()
    shutil.copy(GOLDEN / "format-4.safetensors", folder / "checkpoints" / "finished" / "best.safetensors")
    data = bytearray((GOLDEN / "format-4.safetensors").read_bytes())
    data[20] ^= 255
    (folder / "broken.safetensors").write_bytes(data)
    whole = (GOLDEN / "format-4.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:500])
    (folder / "short.safetensors").write_bytes(whole[:-1])
    shutil.copy(folder / "poem.txt", folder / "-poem.txt")
    (folder / "file").write_text("")
    return folder


def said(*arguments):
    """Return what a command that fails says last."""
    with contextlib.redirect_stderr(io.StringIO()) as err, pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code in (1, 2), err.getvalue()
    return err.getvalue().splitlines()[-1]


CASES = [
    ("series fit big.csv", "chargen: big.csv line 152: value 151 is 1e+120, too large"),
    ("series fit low.csv --min 0", "low.csv line 152: the value -5 is below 0; give a lower --min"),
    ("series fit low.csv --log", "low.csv line 152: the value -5 has no logarithm; leave out --log"),
    ("series fit word.csv", "word.csv line 152: sold is 'five', not a number"),
    ("sample a --checkpoint broken.safetensors", "broken.safetensors is cut off or damaged, or no checkpoint ("),
    ("sample a --checkpoint model.safetensors", "no model 'model.safetensors'; did you mean broken"),
    (f"train poem.txt --name {LONG}", "chargen: --name is longer than 200 bytes; give a shorter one"),
    (f"export {LONG}.safetensors --checkpoint finished", "a.safetensors: File name too long; give a shorter name"),
    ("export file/x.safetensors --checkpoint finished", "there is no folder file for x.safetensors"),
    ("train --resume gone", "gone.txt is not here any more; give it again: chargen train PATH --resume gone"),
    ("train --resume typed", "learns a text from standard input; give it again: chargen train - --resume typed"),
    ("train --resume other", "poem: this is not the text that the run learns"),
    ("train --resume finished", "finished holds no run that could be resumed; begin a new run from its best model"),
    ("train --resume none", "chargen: no run 'none'; did you mean gone?"),
    ("info finished --plot x.png", "no file checkpoints/finished/history.jsonl"),
    ("sample a --checkpoint cut.safetensors", "cut.safetensors is cut off after 500 bytes; copy or"),
    ("sample a --checkpoint short.safetensors", "not fully covered); copy or download it again, or train again"),
    ("train -poem.txt", "-poem.txt: a name that begins with - looks like an option; write it ./-poem.txt"),
    ("train poem.txt --preset x", "--preset 'x': unknown; choose one of d2l"),
    ("train poem.txt --separator \\q", "/q: /q has no meaning; /n is a line break, /t a tab, // a backslash"),
    ("score poem.txt twice", "twice: more than it takes, which is chargen score [OPTIONS] FILE"),
    ("sample a --encoding latin-1", "--encoding is that of a file: of --prefix-file, - or --audit CORPUS"),
    ("sample a\udcff", "PREFIX is not utf-8: it has the byte 0xff; write it to a file, and give that as --prefix-file"),
    ("sample a --temperatures=", "--temperatures '' is not a number"),
    ("sample a --hold 0/1=1 --hold 0/1=-1", "--hold '0/1=-1': the unit is held already; name each unit once"),
    ("train https://example.org/x.txt", "(cannot connect to the proxy that HTTP_PROXY or HTTPS_PROXY names)"),
    ("train http://127.0.0.1:9/x.txt", "(cannot connect to 127.0.0.1:9); download the file yourself to"),
]


@pytest.mark.parametrize(("command", "words"), CASES, ids=[words[:30] for _, words in CASES])
def test_a_message_says_what_and_where_and_what_to_do(place, monkeypatch, command, words):
    monkeypatch.chdir(place)
    monkeypatch.setenv("CHARGEN_CACHE", str(place / "cache"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert words in said(*command.split()).replace("\\", "/")


def without_privileges(function):
    """Return what a function returns in a process that may do no more than its user, even where that is root."""
    read, write = os.pipe()
    if not (child := os.fork()):
        try:
            if os.geteuid() == 0:  # no capability is left, see capset(2)
                ctypes.CDLL(None, use_errno=True).capset(ctypes.byref((ctypes.c_uint32 * 2)(0x20080522, 0)), bytes(24))
            os.write(write, function().encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, encoding="utf-8") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


CLOSED = [
    ("train poem.txt --name new", "poem.txt", "cannot read poem.txt: Permission denied"),
    ("series fit big.csv", "big.csv", "big.csv"),
    ("sample a --checkpoint finished", "checkpoints/finished", "cannot read checkpoints/finished: Permission denied"),
    ("sample a --checkpoint finished", "checkpoints", "cannot read checkpoints: Permission denied; make it readable"),
    ("sample a", "checkpoints", "cannot read checkpoints: Permission denied"),
    ("train --resume gone", "checkpoints/gone", "cannot read checkpoints/gone: Permission denied; make it readable"),
    ("train --resume", "checkpoints", "cannot read checkpoints: Permission denied"),
    ("runs", "checkpoints", "cannot read checkpoints: Permission denied"),
    ("runs remove gone", "checkpoints/gone", "cannot read checkpoints/gone: Permission denied"),
    ("info finished", "checkpoints/finished/best.safetensors", "best.safetensors: Permission denied; make it readable"),
]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes privileges away from root so")
@pytest.mark.parametrize(("command", "closed", "words"), CLOSED, ids=[f"{line}, {name}" for line, name, _ in CLOSED])
def test_what_may_not_be_read_is_named(place, monkeypatch, command, closed, words):
    monkeypatch.chdir(place)
    mode = Path(closed).stat().st_mode
    Path(closed).chmod(0)
    try:
        line = without_privileges(lambda: said(*command.split()))
    finally:
        Path(closed).chmod(mode)
    assert words in line
