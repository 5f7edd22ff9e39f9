"""What a person sees of training, in terminals of several widths."""

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from chargen.cli import progress
from chargen.training.records import EpochRecord

COMMAND = str(Path(sys.executable).with_name("chargen"))
RECORD = EpochRecord(4, 400, 20.0, 1.7047, 1.6312, 0.01, 94_321.0)


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (None, "epoch  4/16  training  5.50  held-out  5.11  2.353 bits   94k chars/s  * saved"),
        (78, "epoch  4/16  training  5.50  held-out  5.11  2.353 bits   94k chars/s  * saved"),
        (77, "epoch  4/16  training  5.50  held-out  5.11  2.353 bits  * saved"),
        (50, "epoch  4/16  held-out  5.11  2.353 bits  * saved"),
        (40, "epoch  4/16  held-out  5.11  * saved"),
        (30, "epoch  4/16  held-out  5.11"),
    ],
)
def test_a_narrow_terminal_loses_the_least_important_figures(monkeypatch, width, line):
    monkeypatch.setattr(progress, "width_of", lambda _: width)
    assert progress.epoch_line(RECORD, "epoch  4/16", "*", "saved") == line


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")
@pytest.mark.parametrize("width", [50, 80])
def test_no_line_is_wider_than_the_terminal(tmp_path, width):
    import fcntl
    import pty
    import termios

    (tmp_path / "poem.txt").write_text("tyger tyger burning bright in the forests of the night " * 40)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    options = ["--hidden-size", "8", "--epochs", "2", "--save-every", "0"]
    process = subprocess.Popen([COMMAND, "train", "poem.txt", *options], cwd=tmp_path, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 10_000):
            shown += part
    except OSError:  # how Linux says that nobody writes any more
        pass
    os.close(ours)
    assert process.wait() == 0
    lines = [line for line in re.split(r"[\r\n]+|\x1b\[A", shown.decode()) if line]
    assert max(map(len, lines)) <= width
    assert any(re.match(r"epoch 2/2  .*bits", line) for line in lines)
    assert any(line.startswith("    | ") for line in lines)
    assert "saved after" not in shown.decode(), "the bar says how far it is"
