"""deploy.yaml: what it refuses, each refusal one line that names the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.deploy.intent import load_intent
from metalayer.errors import MetalayerError
from tools.repository import repo_root


def test_the_repository_s_file_is_one() -> None:
    assert load_intent().routes == "full mesh"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"deployer:", b"deplyer:", r"deploy\.yaml: deployer: Field required"),
        (b"owners:\n  default:", b"owners:\n  hub:", r"deploy\.yaml: the file: owners needs a `default`"),
        (b"full mesh", b"a star", r"deploy\.yaml: routes: Input should be 'full mesh'"),
        (b"TEST::5: 100", b"TEST::5: 0", r"deploy\.yaml: validators\.weights\.TEST::5: .* greater than 0"),
        (b"routes:", b"routes: [", r"deploy\.yaml is not valid YAML: "),
        (b"deployer:", b"\xff:", r"deploy\.yaml is not a text file"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    path = tmp_path / "deploy.yaml"
    path.write_bytes((repo_root() / "deploy.yaml").read_bytes().replace(old, new))
    with pytest.raises(MetalayerError, match=message) as caught:
        load_intent(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MetalayerError, match=r"cannot read .*/deploy\.yaml: No such file"):
        load_intent(tmp_path / "deploy.yaml")
