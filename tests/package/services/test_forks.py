"""How forks of a rehearsal end: none stays, and no node's password is shown."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.entries import Fork
from metalayer.services import forks

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
)


def test_every_process_ends_though_one_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "_STOP_SECONDS", 0.2)
    stubborn = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    assert stubborn.stdout.readline() == b"1\n"
    others = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in range(2)]
    forks._stop([stubborn, *others])
    assert all(one.returncode is not None for one in (stubborn, *others))
    stubborn.stdout.close()


def test_a_fork_that_does_not_start_tells_no_password(tmp_path: Path) -> None:
    url = "https://user:hunter22@node.example/v2/0123456789abcdef"
    chain = replace(load_network().hub, fork=Fork(url=url, block=1))
    (tmp_path / "log").write_text(f"Error: error sending request for url ({url})\n")
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    here = Connection(chain)
    with pytest.raises(MetalayerError, match="its fork did not start: error sending") as caught:
        forks._Node(here, here, process, tmp_path / "log").wait()
    assert "hunter22" not in str(caught.value)
    assert "0123456789abcdef" not in str(caught.value)
