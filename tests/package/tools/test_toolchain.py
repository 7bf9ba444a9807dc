"""`make solc-check`: two compilers that agree, that do not, and one that is another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from metalayer.deploy.sources import Sources
from metalayer.errors import MetalayerError
from tools import toolchain


@pytest.fixture(autouse=True)
def one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them would take a minute each time."""

    def few(sources: Sources) -> list[dict[str, Any]]:
        return [sources.standard_input("contracts/deploy/Create3Factory.sol")]

    monkeypatch.setattr(Sources, "standard_inputs", few)


def compiler(folder: Path, then: str = "") -> Path:
    """One that says what npm's says, after `sed` went over it."""
    path = folder / "solc"
    path.write_text(f"#!/bin/sh\n{toolchain.npm_solc()} \"$@\" | sed '{then}'\n")
    path.chmod(0o755)
    return path


def test_compilers_that_agree(tmp_path: Path) -> None:
    said = toolchain.compare(compiler(tmp_path))
    assert said.startswith("native and npm's solc give the same bytes for 1 contracts (sha256 "), said


def test_compilers_that_do_not(tmp_path: Path) -> None:
    with pytest.raises(MetalayerError, match=r"^native and npm's solc disagree about \S+:Create3Factory$"):
        toolchain.compare(compiler(tmp_path, 's/"object":"60/"object":"61/'))


def test_another_compiler_is_refused(tmp_path: Path) -> None:
    version = re.escape(toolchain.solc_version())
    with pytest.raises(
        MetalayerError, match=rf"solc is solc 9\.9\.9\+commit\.\w+: expected {version}\+commit\.\w+$"
    ):
        toolchain.compare(compiler(tmp_path, f"s/{version}/9.9.9/"))


def test_without_a_native_one_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "_reachable", lambda: False)
    assert toolchain.compare().startswith("compared nothing: ")
