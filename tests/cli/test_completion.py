"""The Tab key, pressed in real shells."""

import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("POSIX shells", allow_module_level=True)
import fcntl
import pty
import termios

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
BEGIN = {
    "bash": 'eval "$(_CHARGEN_COMPLETE=bash_source chargen)"',
    "zsh": 'autoload -U compinit; compinit -u; eval "$(_CHARGEN_COMPLETE=zsh_source chargen)"',
    "fish": "_CHARGEN_COMPLETE=fish_source chargen | source",
}


@pytest.fixture(scope="module", params=SHELLS)
def shell(request, tmp_path_factory):
    """A function that types the beginning of a command and Tab in a shell, and returns the words it then has."""
    if not shutil.which(request.param):
        pytest.skip(f"THERE IS NO {request.param}: completion was not tried in it")
    folder = tmp_path_factory.mktemp("completion")
    (folder / "checkpoints" / "grimm-lstm").mkdir(parents=True)
    (folder / "checkpoints" / "grimm-lstm" / "best.safetensors").touch()
    (folder / "gutenberg.txt").touch()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": path, "HOME": str(folder), "TERM": "dumb", "PS1": "", "LANG": "C.UTF-8"}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        SHELLS[request.param],
        cwd=folder,
        env=settings,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # fish wants a terminal of its own
    )
    os.close(theirs)

    def read_until(words):
        shown = ""
        while words not in shown and select.select([ours], [], [], 20)[0]:
            shown += os.read(ours, 10_000).decode()
        assert words in shown, shown
        return shown

    os.write(ours, f"{BEGIN[request.param]}; echo rea''dy\n".encode())
    read_until("ready")

    def press_tab(line, completed):
        os.write(ours, f"{line}\t".encode())
        read_until(completed)
        os.write(ours, b"\x15")  # Ctrl-U: away with it

    yield press_tab
    os.close(ours)
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("chargen tra", "train "),
        ("chargen train gut", "gutenberg.txt"),
        ("chargen train tiny", "tiny-shakespeare"),
        ("chargen score gut", "gutenberg.txt"),
        ("chargen sample --checkpoint gri", "grimm-lstm"),
        ("chargen train --resume gri", "grimm-lstm"),
        ("chargen runs remove gri", "grimm-lstm"),
        ("chargen series run noi", "noisy-sine"),
    ],
)
def test_tab_completes_files_runs_texts_and_tasks(shell, line, completed):
    shell(line, completed)
