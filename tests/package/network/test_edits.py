"""Entries are added to YAML as text: what was there stays as it was, and reads as it did."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalayer.errors import MetalayerError
from metalayer.network import edits
from metalayer.network.inputs import parse
from tools.repository import repo_root

FILE = """# A file.
chains: # of all kinds
  hub: { id: 1 }

  # The second.
  arcade:
    id: 2
    url: >
      folded
      text

# What follows is about nothing.
rules:
  limits:
  - { a: 1 }
  -
    a: 2 # the last
"""


def content(text: str) -> object:
    return parse(text.encode(), "file.yaml").content


def test_an_entry_comes_after_the_last_one_and_before_comments_about_what_follows() -> None:
    after = edits.added(FILE, "file.yaml", ("chains",), ["chess: { id: 3 }"])
    assert after == FILE.replace("      text\n", "      text\n  chess: { id: 3 }\n")


def test_an_item_has_the_indentation_of_its_list() -> None:
    after = edits.added(FILE, "file.yaml", ("rules", "limits"), ["- { a: 3 }"])
    assert after == FILE + "  - { a: 3 }\n"


def test_what_is_missing_is_made() -> None:
    after = edits.added(FILE, "file.yaml", ("rules", "struck"), ["- { b: 1 }"])
    assert after == FILE + "  struck:\n    - { b: 1 }\n"
    after = edits.added(FILE, "file.yaml", ("bridge", "limits"), ["- { b: 1 }"])
    assert after == FILE + "\nbridge:\n  limits:\n    - { b: 1 }\n"


def test_an_empty_place_is_filled() -> None:
    assert edits.added("a:\n  b:\nc: 1\n", "f", ("a", "b"), ["x: 1"]) == "a:\n  b:\n    x: 1\nc: 1\n"


def test_line_ends_stay_and_a_missing_one_is_made() -> None:
    windows = "a:\r\n  b: 1"
    assert edits.added(windows, "f", ("a",), ["c: 2"]) == "a:\r\n  b: 1\r\n  c: 2\r\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [("a: { b: 1 }\n", ("a",)), ("a:\n  b: [1]\n", ("a", "b")), ("a: { b: 1 }\n", ("a", "c"))],
)
def test_what_is_in_brackets_is_refused(text: str, place: tuple[str, ...]) -> None:
    with pytest.raises(MetalayerError, match="expected one entry on each line, to add one"):
        edits.added(text, "f", place, ["c: 2"])


_NAMES = st.text("abcdef", min_size=1, max_size=4)
_VALUES = st.recursive(
    st.sampled_from(["1", "'a: b'", "x # no more", "{ k: 1 }", "[1, 2]", "|\n{i}  two\n{i}  lines", '"#"']),
    lambda inner: st.dictionaries(_NAMES, inner, min_size=1, max_size=3),
    max_leaves=8,
)


def written(value: object, indent: int) -> str:
    """A mapping as somebody writes it, with a comment and an empty line in it."""
    pad = " " * indent
    if isinstance(value, dict):
        lines = [f"{pad}{name}:{written(one, indent + 3)}" for name, one in value.items()]
        return "\n" + f"\n{pad}# about it\n\n".join(lines)
    return " " + str(value).replace("{i}", pad)


@given(
    st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=4),
    st.data(),
    st.sampled_from(["", "\n", "\n# end"]),
)
def test_everything_reads_as_before_and_the_entry_besides(
    content_of: dict[str, object], data: st.DataObject, end: str
) -> None:
    text = "chains:" + written({"first": content_of}, 1) + "\nafter: 1" + end
    before = content(text)
    place: list[str] = ["chains", "first"]
    at: object = content_of
    while isinstance(at, dict) and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(at)))
        if not isinstance(at[name], dict):
            break
        place.append(name)
        at = at[name]
    after = edits.added(text, "f", tuple(place), ["new_one:", "  deep: 1"])
    found = content(after)
    inner: object = found
    for name in place:
        assert isinstance(inner, dict)
        inner = inner[name]
    assert isinstance(inner, dict)
    assert inner.pop("new_one") == {"deep": "1"}
    assert found == before
    assert [line for line in after.splitlines() if line in text.splitlines()] == text.splitlines()


def test_the_repositorys_own_files_can_be_edited() -> None:
    for name, place in (
        ("networks.yaml", ("chains",)),
        ("networks.yaml", ("presets",)),
        ("deploy.yaml", ("bridge",)),
    ):
        text = (repo_root() / name).read_text(encoding="utf-8")
        after = edits.added(text, name, place, ["new_one: 1"])
        assert len(after.splitlines()) > len(text.splitlines())
        content(after)


def test_a_file_is_replaced_in_one_step_and_keeps_its_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("a: 1\n")
    path.chmod(0o640)
    edits.write(path, "a: 2\n")
    assert path.read_text() == "a: 2\n"
    assert path.stat().st_mode & 0o777 == 0o640

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(MetalayerError, match=r"cannot write .*: No space left on device"):
        edits.write(path, "a: 3\n")
    assert path.read_text() == "a: 2\n"
    assert [one.name for one in tmp_path.iterdir()] == ["file.yaml"]
