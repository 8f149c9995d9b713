"""One writer for all files: whole or not at all, by many at once, and where the name leads."""

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from plainnet import Network, load, save
from plainnet.errors import FileError
from plainnet.files.places import moved_into_place
from plainnet.layers import Dense
from plainnet.losses import MeanSquaredError
from systems import posix


def write(path, content=b"new"):
    with moved_into_place(path) as file:
        file.write(content)


def names(folder):
    return sorted(os.listdir(folder))


@posix
def test_threads_that_write_to_one_name_and_readers(tmp_path):
    path, size = tmp_path / "file", 1000
    write(path, b"0" * size)
    problems, done = [], threading.Event()

    def writer(k):
        try:
            for _ in range(15):
                write(path, bytes([65 + k]) * size)
        except OSError as error:
            problems.append(error)

    def reader():
        while not done.is_set():
            content = path.read_bytes()
            if len(content) != size or len(set(content)) != 1:
                problems.append(content)

    reading = [threading.Thread(target=reader) for _ in range(2)]
    writing = [threading.Thread(target=writer, args=(k,)) for k in range(8)]
    for thread in (*reading, *writing):
        thread.start()
    for thread in writing:
        thread.join()
    done.set()
    for thread in reading:
        thread.join()
    assert problems == []
    assert names(tmp_path) == ["file"]


@posix
@pytest.mark.parametrize("mode", [0o640, 0o600, 0o664, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    write(path)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_what_the_umask_leaves(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write(tmp_path / "file")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root may give files away"
)
def test_a_replaced_file_keeps_its_owner(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    write(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


@posix
def test_what_replaces_a_private_file_is_private_all_the_time(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with moved_into_place(path) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600


@posix
def test_links_are_followed(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("there/file")
    (tmp_path / "link to link").symlink_to(tmp_path / "link")
    (tmp_path / "dangling").symlink_to("there/none")
    write(tmp_path / "link to link")
    write(tmp_path / "dangling")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_bytes() == b"new"
    assert (tmp_path / "there" / "none").read_bytes() == b"new"
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(OSError, match="symbolic links"):
        write(tmp_path / "round")


@posix
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    thread = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    thread.start()
    save(Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0), tmp_path / "pipe")
    thread.join()
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    (tmp_path / "file").write_bytes(got[0])
    assert load(tmp_path / "file").parameters.size == 3
    with pytest.raises(FileError, match="not an ordinary file"):
        load(tmp_path / "pipe")


@posix
def test_standard_output_is_written_to_wherever_it_leads(tmp_path):
    code = (
        "from plainnet.files.places import moved_into_place\n"
        "with moved_into_place('/dev/stdout') as file: file.write(b'x')"
    )
    with open(tmp_path / "out", "wb") as out:
        number = os.fstat(out.fileno()).st_ino
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"x"
    assert (tmp_path / "out").stat().st_ino == number


@posix
def test_names_that_cannot_be_written_to_are_named(tmp_path):
    with pytest.raises(FileError, match=r"cannot write to .*: it is a folder"):
        write(tmp_path)
    with pytest.raises(FileNotFoundError, match="its folder does not exist") as caught:
        write(tmp_path / "none" / "file")
    assert caught.value.filename == str(tmp_path / "none" / "file")
    longest = "n" * 255
    write(tmp_path / longest)
    assert names(tmp_path) == [longest]
    with pytest.raises(OSError, match="File name too long"):
        write(tmp_path / (longest + "n"))


@posix
def test_a_folder_that_is_read_only():
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        Path(folder).chmod(0o555)
        if root:
            os.seteuid(65534)  # root may write anywhere; nobody may not
        try:
            with pytest.raises(PermissionError, match="cannot be written"):
                write(Path(folder) / "file")
        finally:
            if root:
                os.seteuid(0)
        assert os.listdir(folder) == []
        Path(folder).chmod(0o700)


def test_windows_waits_until_nobody_reads_the_file(tmp_path, monkeypatch):
    path, tries = tmp_path / "file", []
    path.write_bytes(b"old")

    def replace(source, target):
        tries.append(target)
        if len(tries) < 3:
            raise PermissionError(13, "Access is denied", source, 5, target)
        os.rename(source, target)

    monkeypatch.setattr("plainnet.files.places.WINDOWS", True)
    monkeypatch.setattr(os, "replace", replace)
    write(path)
    assert (path.read_bytes(), len(tries)) == (b"new", 3)


def test_the_working_directory_may_change_meanwhile(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with moved_into_place("file") as file:
        file.write(b"new")
        os.chdir(tmp_path / "elsewhere")
    assert (tmp_path / "file").read_bytes() == b"new"


# --- what is left unfinished ----------------------------------------------------------------------


def _begin(folder):
    with moved_into_place(folder / "file") as file:
        file.write(b"half")
        file.flush()
        time.sleep(60)


@posix
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    context = multiprocessing.get_context("fork")
    living, killed = (context.Process(target=_begin, args=(tmp_path,)) for _ in range(2))
    for process in (living, killed):
        process.start()
    while len(names(tmp_path)) < 2:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    try:
        write(tmp_path / "other")
        left = [name for name in names(tmp_path) if name != "other"]
        assert len(left) == 1
        assert f"-{living.pid}-" in left[0]
    finally:
        living.kill()
        living.join()
    write(tmp_path / "other")
    assert names(tmp_path) == ["other"]


@posix
def test_what_another_machine_writes_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("plainnet.files.places._machine", lambda: "0" * 12)
    context = multiprocessing.get_context("fork")
    other = context.Process(target=_begin, args=(tmp_path,))
    other.start()
    while not names(tmp_path):
        time.sleep(0.01)
    other.kill()
    other.join()
    (left,) = names(tmp_path)
    monkeypatch.undo()
    write(tmp_path / "file")
    assert names(tmp_path) == sorted([left, "file"])


def test_a_number_that_another_process_has_by_now(tmp_path, monkeypatch):
    """The process that wrote is dead, though its number lives: it began at another time."""
    from plainnet.files import places

    name = places._unfinished_name().split("-")
    name[3] = str(int(name[3]) + 1)
    if name[3] == "1":
        pytest.skip("this system does not say when a process began")
    (tmp_path / "-".join(name)).write_bytes(b"half")
    write(tmp_path / "file")
    assert names(tmp_path) == ["file"]


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with suppress(ZeroDivisionError), moved_into_place(path) as file:
        file.write(bytes([1 // len(names(tmp_path) * 0)]))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_paths_are_strings_or_bytes_too(tmp_path):
    for path in (str(tmp_path / "a"), os.fsencode(tmp_path / "b"), Path(tmp_path / "c")):
        write(path)
    assert names(tmp_path) == ["a", "b", "c"]
