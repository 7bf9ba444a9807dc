"""Locks between processes: one holder, named to whoever does not want to wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from metalayer.errors import MetalayerError
from metalayer.network.locks import exclusive


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock, and lets go soon after its standard input ends."""
    code = (
        "import sys, time; from pathlib import Path; from metalayer.network.locks import exclusive\n"
        "with exclusive(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read(); time.sleep(0.3)"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_holder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "made" / "lock"
    with (
        held_elsewhere(path) as holder,
        pytest.raises(MetalayerError, match=f"^it is taken: pid {holder.pid} on .* since .*/made/lock"),
    ):
        exclusive(path, "it is taken")


def test_a_lock_left_by_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_elsewhere(path) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with exclusive(path, "it is taken"):
            pass


def test_who_waits_has_it_when_the_holder_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_elsewhere(path) as holder:
        assert holder.stdin is not None
        holder.stdin.close()
        with pytest.raises(MetalayerError):
            exclusive(path, "it is taken")
        with exclusive(path):
            assert f'"pid": {os.getpid()}' in path.read_text()
            assert holder.wait() == 0


def test_it_is_free_after_an_error_and_after_a_release(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), exclusive(path, "it is taken"):
        raise ZeroDivisionError
    lock = exclusive(path, "it is taken")
    with pytest.raises(MetalayerError, match=f"it is taken: pid {os.getpid()} on"):
        exclusive(path, "it is taken")
    lock.release()
    lock.release()
    exclusive(path, "it is taken").release()
