"""The folder that commands work in, and the anvil that they find from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.errors import MetalayerError
from metalayer.network import anvil
from metalayer.network.workspace import in_workspace, workspace


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, with a folder inside it, and no anvil on the PATH."""
    (tmp_path / "networks.yaml").touch()
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def program(path: Path, content: bytes = b"\x7fELF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def test_the_workspace_is_the_current_directory(folder: Path) -> None:
    assert in_workspace()
    assert workspace() == folder


def test_a_folder_inside_it_is_told_where_to_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "inside")
    assert not in_workspace()
    with pytest.raises(MetalayerError) as raised:
        workspace()
    assert str(raised.value) == f"there is no networks.yaml in {folder / 'inside'}: run it in {folder}"


def test_any_other_folder_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert not in_workspace()
    with pytest.raises(MetalayerError, match=r"no networks.yaml in /: run it in the folder that has one$"):
        workspace()


def test_a_folder_that_is_gone_or_cannot_be_looked_into_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert not in_workspace()
    with pytest.raises(MetalayerError, match=r"^the current directory is gone: run it in the folder that"):
        workspace()
    monkeypatch.chdir(folder)
    # Whoever tests as root may look into everything, but not into a name that no system takes.
    monkeypatch.setattr("metalayer.network.workspace.NETWORKS_FILE", "n" * 300)
    assert not in_workspace()
    with pytest.raises(MetalayerError, match=r"^there is no n+ in "):
        workspace()


def test_the_anvil_of_the_workspace_comes_before_the_one_on_the_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(MetalayerError, match="none on the PATH and none in node_modules/@foundry-rs"):
        anvil.anvil_binary()
    on_path = program(folder / "bin" / "anvil")
    assert anvil.anvil_binary() == on_path
    ours = program(folder / "node_modules" / "@foundry-rs" / "anvil-linux-amd64" / "bin" / "anvil")
    assert anvil.anvil_binary() == ours


def test_npms_wrapper_on_the_path_is_refused(folder: Path) -> None:
    wrapper = program(folder / "bin" / "anvil", b"#!/usr/bin/env node\n")
    with pytest.raises(MetalayerError, match=rf"{wrapper}, is a script: expected the program itself"):
        anvil.anvil_binary()
