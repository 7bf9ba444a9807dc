"""A proposal's folder is a stranger's: links, pipes and files that are none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from metalayer.errors import MetalayerError
from metalayer.governance import reports
from metalayer.governance.beside import read_beside
from metalayer.governance.built import Built
from metalayer.governance.files import read
from metalayer.services.verify import differences
from tests.kit.proposing import Desk

FUND = "chains:\n  hub:\n    - Staking.fund:\n"


def test_what_is_beside_is_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12")
    assert read_beside(tmp_path, "x", 2) == b"12"
    assert read_beside(tmp_path, "y", 2) is None
    with pytest.raises(MetalayerError, match="is too long, expected at most 1 bytes"):
        read_beside(tmp_path, "x", 1)


def test_what_is_elsewhere_or_no_file_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "001-test"
    folder.mkdir()
    (tmp_path / "secret").write_text("a key")
    (folder / "link").symlink_to("../secret")
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "circle").symlink_to("circle")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    for name in ("link", "zero", "circle", "folder", "pipe", "../secret", str(tmp_path / "secret"), "a\0b"):
        with pytest.raises(MetalayerError):
            read_beside(folder, name, 100)


@pytest.mark.parametrize("letter", ["\x1b[2J", "\x9b", "\r# Another", "\u202e"])
def test_a_text_hides_nothing(desk: Desk, letter: str) -> None:
    (fault,) = desk.faults(FUND, f"# A test\n\nWhy {letter}not?\n")
    assert fault.endswith("README.md has characters that nobody sees, or that change a terminal")


def test_a_text_that_is_a_link_is_a_fault(desk: Desk) -> None:
    folder = desk.write(FUND)
    (desk.root / "notes").write_text("# A test\n\na key\n")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("../notes")
    with pytest.raises(MetalayerError, match="expected a file beside the proposal"):
        read(folder, desk.network)


def test_what_was_built_belongs_into_its_folder(desk: Desk) -> None:
    built = desk.build(FUND)
    other = desk.write(FUND, "002-other")
    built.save(other)
    with pytest.raises(MetalayerError, match=r"002-other/build\.json is of another proposal, '001-test'"):
        Built.load(other)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"blocks": ', "[]", '{"value": 1e999}'])
def test_a_file_that_build_did_not_write_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "build.json").write_text(content)
    with pytest.raises(MetalayerError, match="build it again"):
        Built.load(tmp_path)


@pytest.mark.parametrize("gas", [-1, 0, 1e999, "7", 2**64, None])
def test_gas_of_a_report_is_that_of_a_transaction(tmp_path: Path, gas: object) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"hash": "0x", "gas": {"0x12": gas}}))
    with pytest.raises(MetalayerError, match="simulate it again"):
        reports.gas_limits(tmp_path)


def test_a_proposers_report_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"hash": "0x", "changes": {"hub": [7]}}')
    assert differences({}, tmp_path) == ["the proposer's report is nothing that `simulate` writes"]
