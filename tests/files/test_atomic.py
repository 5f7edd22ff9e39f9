"""Failing disks, killed processes and power cuts, at every single file operation of a save."""

import errno
import itertools
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from chargen.errors import InputError, SaveError
from chargen.files import atomic
from chargen.files.atomic import append_durably, make_folder, open_file, require_space, write_atomically
from chargen.files.lock import LOCK, OWNER, lock

OPERATIONS = ("open", "write", "fsync", "close", "replace", "unlink")
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")


class FailingDisk:
    """The real `os`, but for one file operation that fails as on a full disk."""

    def __init__(self, fails_at):
        self.count, self.fails_at = 0, fails_at

    def __getattr__(self, name):
        real = getattr(os, name)
        return self.counted(real) if name in OPERATIONS else real

    def counted(self, real):
        def operation(*arguments):
            self.count += 1
            if self.count == self.fails_at:
                if real is os.close:  # a close that fails has closed nevertheless
                    real(*arguments)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments)

        return operation


class PowerCut(BaseException):
    pass


class MemoryDisk:
    """A folder in memory that knows what may be left of it when the power goes before the k-th operation.

    Data is safe once its file was synced, a name once the folder was. Of the changes of names since then, any may have
    reached the disk, in any combination.
    """

    name, O_WRONLY, O_CREAT, O_EXCL, O_RDONLY = "posix", 1, 2, 4, 0

    def __init__(self, files, cut_at):
        self.contents = dict(enumerate(files.values()))  # by inode
        self.names = {name: inode for inode, name in enumerate(files)}
        self.safe_contents, self.safe_names, self.pending = dict(self.contents), dict(self.names), []
        self.count, self.cut_at = 0, cut_at
        self.path = SimpleNamespace(exists=self.exists, isfile=self.exists)

    def exists(self, path):
        return os.fspath(path) in self.names

    def tick(self):
        self.count += 1
        if self.count >= self.cut_at:
            raise PowerCut

    def open(self, path, flags, mode=0):
        self.tick()
        if not flags & self.O_CREAT:
            return "the folder"
        inode = len(self.contents)
        self.contents[inode] = self.safe_contents[inode] = b""
        self.rename(None, os.fspath(path), inode)
        return inode

    def rename(self, source, target, inode):
        self.pending.append((source, target, inode))
        apply_rename(self.names, source, target, inode)

    def write(self, inode, data):
        self.tick()
        written = bytes(data[: max(len(data) // 2, 1)])  # the system may take less than it is given
        self.contents[inode] += written
        return len(written)

    def fsync(self, inode):
        self.tick()
        if inode == "the folder":
            self.safe_names, self.pending = dict(self.names), []
        else:
            self.safe_contents[inode] = self.contents[inode]

    def close(self, inode):
        self.tick()

    def replace(self, source, target):
        self.tick()
        self.rename(os.fspath(source), os.fspath(target), self.names[os.fspath(source)])

    def unlink(self, path):
        self.tick()
        if os.fspath(path) not in self.names:
            raise FileNotFoundError
        self.rename(os.fspath(path), None, self.names[os.fspath(path)])

    def outcomes(self):
        """Yield the folders that may be left, as dicts of contents by name."""
        for contents in (self.contents, self.safe_contents):
            for chosen in itertools.product([False, True], repeat=len(self.pending)):
                names = dict(self.safe_names)
                for change in itertools.compress(self.pending, chosen):
                    apply_rename(names, *change)
                yield {name: contents[inode] for name, inode in names.items()}


def apply_rename(names, source, target, inode):
    if names.get(source) == inode:
        del names[source]
    if target is not None:
        names[target] = inode


def surviving(folder):
    """Return what a reader of the two saves finds."""
    return folder.get("last", folder.get("previous"))


def save_to_memory(monkeypatch, cut_at):
    disk = MemoryDisk({"last": b"old old", "previous": b"older"}, cut_at)
    monkeypatch.setattr(atomic, "os", disk)
    write_atomically(Path("last"), b"new new new", Path("previous"))
    return disk


def operations_of_a_save(tmp_path, monkeypatch):
    disk = FailingDisk(fails_at=None)
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "os", disk)
        (tmp_path / "last").write_bytes(b"old")
        write_atomically(tmp_path / "last", b"new", tmp_path / "previous")
    return disk.count


def test_a_power_cut_at_any_operation_leaves_the_old_save_or_the_new_one(monkeypatch):
    seen = set()
    for cut_at in itertools.count(1):
        disk = None

        def remember(files, cut_at=cut_at):
            nonlocal disk
            disk = MemoryDisk(files, cut_at)
            return disk

        with monkeypatch.context() as patch:
            patch.setattr(atomic, "os", remember({"last": b"old old", "previous": b"older"}))
            try:
                write_atomically(Path("last"), b"new new new", Path("previous"))
            except PowerCut:
                pass
            else:
                break
        left = {surviving(folder) for folder in disk.outcomes()}
        assert left <= {b"old old", b"new new new"}, f"a cut at operation {cut_at} leaves {left}"
        seen |= left
    assert cut_at > 9, "the save was expected to take more operations"
    assert seen == {b"old old", b"new new new"}


def test_a_save_that_returned_survives_every_power_cut(monkeypatch):
    disk = save_to_memory(monkeypatch, cut_at=1000)
    assert {surviving(folder) for folder in disk.outcomes()} == {b"new new new"}
    assert {folder["previous"] for folder in disk.outcomes()} == {b"old old"}


def test_a_power_cut_leaves_the_old_run_or_the_new_one_and_no_mixture(monkeypatch):
    """`best` is of the old run: it goes before the new `last` comes."""
    old, new = {"last": b"old", "best": b"old"}, {"last": b"new"}
    for cut_at in itertools.count(1):
        disk = MemoryDisk(old, cut_at)
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "os", disk)
            try:
                write_atomically(Path("last"), b"new", instead_of=[Path("history"), Path("best")])
            except PowerCut:
                pass
            else:
                break
        for folder in disk.outcomes():
            left = {name: data for name, data in folder.items() if name in old}
            assert left in (old, {"last": b"old"}, new), f"a cut at operation {cut_at} leaves {left}"
    assert {tuple(folder.items()) for folder in disk.outcomes()} == {tuple(new.items())}


def test_an_operation_that_fails_leaves_the_old_save_or_the_new_one(tmp_path, monkeypatch):
    for fails_at in range(1, operations_of_a_save(tmp_path, monkeypatch) + 1):
        folder = tmp_path / str(fails_at)
        folder.mkdir()
        (folder / "last").write_bytes(b"old")
        (folder / "previous").write_bytes(b"older")
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "os", FailingDisk(fails_at))
            with pytest.raises(SaveError, match="No space left"):
                write_atomically(folder / "last", b"new", folder / "previous")
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert surviving(files) in (b"old", b"new")
        assert set(files) <= {"last", "previous"}, f"operation {fails_at} left a temporary file"


@posix
def test_a_process_killed_at_any_operation_leaves_the_old_save_or_the_new_one(tmp_path, monkeypatch):
    program = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_atomic import OPERATIONS, atomic
class Killing:
    count = 0
    def __getattr__(self, name):
        if name in OPERATIONS:
            Killing.count += 1
            if Killing.count == int(sys.argv[1]):
                os.kill(os.getpid(), signal.SIGKILL)
        return getattr(os, name)
atomic.os = Killing()
folder = Path(sys.argv[2])
atomic.write_atomically(folder / "last", b"new", folder / "previous")
"""
    for killed_at in range(1, operations_of_a_save(tmp_path, monkeypatch) + 1):
        folder = tmp_path / str(killed_at)
        folder.mkdir()
        (folder / "last").write_bytes(b"old")
        here = str(Path(__file__).parent)
        command = [sys.executable, "-c", program, str(killed_at), str(folder), here]
        assert subprocess.run(command, check=False).returncode == -9
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert surviving(files) in (b"old", b"new")
        with lock(folder):  # as the next run does
            assert {path.name for path in folder.iterdir()} <= {"last", "previous", LOCK, OWNER}


@posix
def test_a_file_limit_leaves_the_old_file_and_one_line(tmp_path):
    program = """
import resource, sys
from pathlib import Path
from chargen.files.atomic import write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_atomically(Path(sys.argv[1]), bytes(5000))
"""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    result = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert "SaveError: cannot write" in result.stderr
    assert "File too large" in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


@posix
def test_a_disk_that_is_full_leaves_the_old_file(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("THIS USER MAY NOT MOUNT A DISK: a disk that is really full was not tried")
    try:
        write_atomically(tmp_path / "file", b"old")
        with pytest.raises(SaveError, match="No space left on device"):
            write_atomically(tmp_path / "file", bytes(100_000))
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]
        with pytest.raises(InputError, match=r"needs 1 MB, but its disk has 0 MB free"):
            require_space(tmp_path, 1_000_000, "the run", "free some space")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_what_is_not_a_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(SaveError, match="it is not a file"):
            write_atomically(path, b"")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_folder_that_does_not_exist_cannot_be_written(tmp_path):
    with pytest.raises(SaveError, match="cannot write"):
        write_atomically(tmp_path / "none" / "file", b"")
    with pytest.raises(SaveError, match="cannot write"):
        append_durably(tmp_path / "none" / "file", "")


@posix
def test_the_file_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@posix
def test_no_link_is_written_through_and_no_pipe_waited_for(tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(SaveError, match="cannot write"):
            append_durably(tmp_path / name, "theirs")
    with pytest.raises(OSError, match="it is not a file"):
        open_file(tmp_path / "pipe")
    write_atomically(tmp_path / "link", b"theirs")
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert (tmp_path / "link").read_bytes() == b"theirs"


@posix
def test_a_file_system_that_cannot_sync_folders_is_told_and_used(tmp_path, monkeypatch):
    class NoFolders:
        def __getattr__(self, name):
            return getattr(os, name)

        def fsync(self, descriptor):
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(atomic, "os", NoFolders())
    with pytest.warns(UserWarning, match="cannot sync folders"):
        write_atomically(tmp_path / "file", b"data")
    assert (tmp_path / "file").read_bytes() == b"data"


@posix
def test_the_names_of_new_folders_are_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(atomic, "_sync_folder", synced.append)
    make_folder(tmp_path / "runs" / "run")
    assert set(synced) == {tmp_path, tmp_path / "runs"}


def test_what_is_appended_follows_what_was_there(tmp_path):
    append_durably(tmp_path / "file", "one\n")
    append_durably(tmp_path / "file", "two é\n")
    assert (tmp_path / "file").read_bytes() == "one\ntwo é\n".encode()
