import os
import subprocess
import sys

import pytest

from chargen.errors import InputError
from chargen.files.lock import lock

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def test_a_lock_keeps_others_out_and_names_its_owner(tmp_path):
    program = f"""
import sys
from pathlib import Path
from chargen.files.lock import lock
lock(Path({str(tmp_path)!r}), "is training in")
"""
    command = [sys.executable, "-c", program]
    held = lock(tmp_path)
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"process {os.getpid()} is training in {tmp_path}" in refused.stderr
    held.close()
    assert subprocess.run(command, check=False).returncode == 0


@posix
def test_a_lock_dies_with_its_process(tmp_path):
    program = """
import sys, time
from pathlib import Path
from chargen.files.lock import lock
held = lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(InputError, match=f"process {process.pid} is writing in"):
        lock(tmp_path)
    process.kill()
    process.wait()
    lock(tmp_path).close()


def test_whoever_waits_gets_the_lock_when_it_is_released(tmp_path):
    held = lock(tmp_path)
    program = """
import sys
from pathlib import Path
from chargen.files.lock import lock
print("waiting", flush=True)
with lock(Path(sys.argv[1]), wait=True):
    print(sorted(path.name for path in Path(sys.argv[1]).iterdir()))
"""
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "waiting\n"
    (tmp_path / ".save.tmp").write_bytes(b"cut short")
    assert process.poll() is None
    held.close()
    assert process.communicate(timeout=30)[0] == "['.lock', '.owner']\n"
    assert {path.name for path in tmp_path.iterdir()} <= {".lock"}


@posix
def test_what_a_foreign_folder_has_in_place_of_a_lock_is_refused_or_replaced(tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    for name, is_refused in ((".lock", True), (".owner", False)):
        for kind in ("link", "pipe", "folder"):
            folder = tmp_path / f"{name}-{kind}"
            folder.mkdir()
            if kind == "link":
                (folder / name).symlink_to(tmp_path / "mine")
            else:
                os.mkfifo(folder / name) if kind == "pipe" else (folder / name).mkdir()
            if is_refused or kind == "folder":
                what = {"link": "it is a symbolic link", "pipe": "it is not a file", "folder": "Is a directory"}[kind]
                with pytest.raises(InputError, match=rf"cannot write .*{name}: {what}; remove .*{name}$"):
                    lock(folder)
            else:
                lock(folder).close()
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_folder_that_cannot_be_made_cannot_be_locked(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"cannot write in .*file.cache: .*file is no folder; move it away, or set CACHE$"
    ):
        lock(tmp_path / "file" / "cache", if_unwritable="set CACHE")
