"""One process at a time holds a lock, whatever number or host it has, and dies without a trace."""

import shutil
import subprocess
import sys

from qwh.raw import disk

HOLD = """
import sys
from pathlib import Path
from qwh.raw import disk
lock = disk.take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
lock.release()
"""


def held_elsewhere(path):
    """A process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_that_another_process_holds_names_it(tmp_path):
    process = held_elsewhere(tmp_path / "lock")
    assert disk.take(tmp_path / "lock") is None
    assert disk.holder(tmp_path / "lock").startswith(f"process {process.pid} on ")
    process.communicate()
    lock = disk.take(tmp_path / "lock")
    assert lock is not None
    lock.release()


def test_a_lock_goes_with_its_process(tmp_path):
    process = held_elsewhere(tmp_path / "lock")
    process.kill()
    process.communicate()
    lock = disk.take(tmp_path / "lock")
    assert lock is not None
    lock.release()


def test_a_second_lock_in_one_process_is_refused(tmp_path):
    lock = disk.take(tmp_path / "lock")
    assert lock is not None and disk.take(tmp_path / "lock") is None
    lock.release()


def test_a_folder_may_go_with_its_lock(tmp_path):
    (tmp_path / "a").mkdir()
    lock = disk.take(tmp_path / "a" / "lock")
    shutil.rmtree(tmp_path / "a")
    lock.release()
    (tmp_path / "a").mkdir()
    again = disk.take(tmp_path / "a" / "lock")
    assert again is not None
    again.release()


def test_an_unknown_holder_is_another_process(tmp_path):
    assert disk.holder(tmp_path / "lock") == "another process"
    (tmp_path / "lock.holder").write_bytes(b"\xff")
    assert disk.holder(tmp_path / "lock") == "another process"
