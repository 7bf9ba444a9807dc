"""The peers' half of the benchmark, as far as it needs no chain and no peer's package."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from eth_utils.crypto import keccak

from benchmarks.hyperlane import aggregate, proof_of_last
from benchmarks.npm import Package
from benchmarks.peers import per_message
from benchmarks.picture import draw
from metalayer.errors import MetalayerError

OURS = {1: 80_000, 10: 16_000, 100: 9_000}
PEERS = {"one": 94_000, "other": 87_000}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def node_modules(tmp_path: Path) -> Path:
    """A package with one contract that can be deployed, one that is abstract, and two of the same name."""
    factories = tmp_path / "@peer" / "core" / "dist" / "typechain" / "factories"
    for place, text in {
        "Mailbox__factory.js": 'const _abi = [];\nconst _bytecode = "0x6001600255";\nexport class F {}\n',
        "Abstract__factory.js": "const _abi = [];\nexport class F {}\n",
        "one/Twice__factory.js": 'const _bytecode = "0x01";\n',
        "two/Twice__factory.js": 'const _bytecode = "0x02";\n',
    }.items():
        (factories / place).parent.mkdir(parents=True, exist_ok=True)
        (factories / place).write_text(text)
    (tmp_path / "@peer" / "core" / "package.json").write_text('{"version": "12.3.4"}')
    return tmp_path


def picture(tmp_path: Path, ours: dict[int, int], peers: dict[str, int]) -> bytes:
    path = tmp_path / "picture.svg"
    draw(ours, peers, path)
    return path.read_bytes()


def elements(svg: bytes, name: str, kind: str = "") -> list[ElementTree.Element]:
    """All elements of that name, within groups of that class if one is given."""
    root = ElementTree.fromstring(svg)  # noqa: S314 - it is our own
    groups = [group for group in root.iter(f"{SVG}g") if group.get("class") == kind] if kind else [root]
    return [element for group in groups for element in group.iter(f"{SVG}{name}")]


def lines_of(svg: bytes, kind: str) -> list[list[tuple[float, float]]]:
    """The points of each path in a group; a horizontal line repeats its height."""
    lines = []
    for path in elements(svg, "path", kind):
        text = path.get("d", "").removeprefix("M")
        if "H" in text:
            start, end = text.split("H")
            points = [start, f"{end} {start.split()[1]}"]
        else:
            points = text.split("L")
        lines.append([(float(x), float(y)) for x, y in (point.split() for point in points)])
    return lines


def test_version_and_bytecode_come_from_the_installed_package(node_modules: Path) -> None:
    package = Package("@peer/core", node_modules)
    assert package.version == "12.3.4"
    assert package.creation("Mailbox") == bytes.fromhex("6001600255")


def test_bytecode_comes_from_what_foundry_made(node_modules: Path) -> None:
    made = node_modules / "@peer" / "core" / "out" / "Vault.sol" / "Vault.json"
    made.parent.mkdir(parents=True)
    made.write_text('{"bytecode": {"object": "0x6003"}}')
    package = Package("@peer/core", node_modules)
    assert package.forged("Vault") == bytes.fromhex("6003")
    with pytest.raises(MetalayerError, match=r"@peer/core 12\.3\.4 has no contract named Absent"):
        package.forged("Absent")


@pytest.mark.parametrize(
    ("contract", "complaint"),
    [
        ("Absent", "0 contracts named Absent"),
        ("Twice", "2 contracts named Twice"),
        ("Abstract", "of Abstract"),
    ],
)
def test_a_contract_that_cannot_be_deployed_is_named(
    node_modules: Path, contract: str, complaint: str
) -> None:
    with pytest.raises(MetalayerError, match=complaint):
        Package("@peer/core", node_modules).creation(contract)


def test_a_package_that_is_not_installed_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MetalayerError, match=r"@peer/core is not installed .* run 'make bench'"):
        Package("@peer/core", tmp_path)


def test_every_peer_is_locked_by_hash_and_no_registry_is_named() -> None:
    folder = Path(__file__).resolve().parents[3] / "benchmarks" / "peers"
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    locked = {place.removeprefix("node_modules/"): entry for place, entry in packages.items() if place}
    assert {name: locked[name]["version"] for name in wanted} == wanted
    # In place of all that they depend on: nothing of it is used.
    others = {entry.get("name", name) for name, entry in locked.items() if name not in wanted}
    assert others == {"commander"}
    for entry in locked.values():
        assert entry["integrity"].startswith("sha512-")
        assert "resolved" not in entry


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 13])
def test_the_proof_of_the_newest_leaf_leads_to_the_root(count: int) -> None:
    leaves = [keccak(text=str(i)) for i in range(count)]
    assert root_by_proof(leaves[-1], proof_of_last(branch_of(leaves), count - 1), count - 1) == root_of(
        leaves
    )


def branch_of(leaves: list[bytes]) -> list[bytes]:
    """Hyperlane's Merkle.sol, insert: the branch after all leaves."""
    branch = [bytes(32)] * 32
    for size, leaf in enumerate(leaves, 1):
        node, level = leaf, 0
        while size % 2 == 0:
            node, size, level = keccak(branch[level] + node), size // 2, level + 1
        branch[level] = node
    return branch


def root_of(leaves: list[bytes]) -> bytes:
    """Root of the full tree of depth 32, level by level."""
    level, empty = list(leaves), bytes(32)
    for _ in range(32):
        level += [empty] * (len(level) % 2)
        level = [keccak(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
        empty = keccak(empty + empty)
    return level[0]


def root_by_proof(leaf: bytes, proof: list[bytes], index: int) -> bytes:
    for level, sibling in enumerate(proof):
        leaf = keccak(sibling + leaf if index >> level & 1 else leaf + sibling)
    return leaf


def test_aggregated_metadata_says_where_each_part_is() -> None:
    data = aggregate([None, b"first", b""])
    assert (
        data
        == bytes(8)
        + (24).to_bytes(4, "big")
        + (29).to_bytes(4, "big")
        + (29).to_bytes(4, "big") * 2
        + b"first"
    )


def test_gas_per_message_is_that_of_the_cheapest_quorum_of_five() -> None:
    measured = {
        "hyperlane": {
            "bare": {"process_message_id_3_of_5": 1, "process_default_3_of_5": 9},
            "production": {"process_message_id_3_of_5": 2, "process_default_3_of_5": 9},
        }
    }
    assert per_message(measured) == {"Hyperlane, bare": 1, "Hyperlane, production": 2}


def test_equal_figures_give_equal_bytes(tmp_path: Path) -> None:
    shuffled = dict(reversed(OURS.items()))
    assert picture(tmp_path, OURS, PEERS) == picture(tmp_path, shuffled, PEERS)


@pytest.mark.parametrize(
    ("ours", "peers"),
    [(OURS | {10: 16_001}, PEERS), (OURS, PEERS | {"other": 87_001}), (OURS, {"one": 94_000})],
)
def test_a_figure_that_changes_changes_the_picture(
    tmp_path: Path, ours: dict[int, int], peers: dict[str, int]
) -> None:
    assert picture(tmp_path, ours, peers) != picture(tmp_path, OURS, PEERS)


def test_figures_are_drawn_to_scale(tmp_path: Path) -> None:
    svg = picture(tmp_path, OURS, PEERS)
    grid = sorted(height for line in lines_of(svg, "axes") for _, height in line)
    gas_a_pixel = 100_000 / (grid[-1] - grid[0])
    (curve,), (one,), (other,) = (lines_of(svg, kind) for kind in ("ours", "peer", "peer other"))
    drawn = [round((grid[-1] - height) * gas_a_pixel, -2) for _, height in [*curve, *one, *other]]
    assert drawn == [80_000, 16_000, 9_000, 94_000, 94_000, 87_000, 87_000]
    places = [across for across, _ in curve]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1])


def test_the_picture_has_colours_for_both_modes_and_every_figure_in_words(tmp_path: Path) -> None:
    svg = picture(tmp_path, OURS, {"<one>": 94_000, "other": 87_000})
    texts = {element.text for element in elements(svg, "text")}
    assert b"@media (prefers-color-scheme: dark)" in svg
    assert {"80,000", "16,000", "Metalayer: 9,000", "<one>: 94,000", "other: 87,000"} <= texts


def test_labels_of_equal_figures_do_not_overlap(tmp_path: Path) -> None:
    svg = picture(tmp_path, {1: 80_000, 100: 50_000}, {"one": 50_000, "other": 50_000})
    labels = [element for element in elements(svg, "text") if (element.text or "").endswith(": 50,000")]
    heights = sorted(float(label.get("y", "")) for label in labels)
    assert len(heights) == 3
    assert all(below - above >= 16 for above, below in pairwise(heights))


@pytest.mark.parametrize(
    ("ours", "peers"),
    [({1: 5}, PEERS), ({0: 5, 1: 5}, PEERS), (OURS, {}), (OURS, PEERS | {"third": 1})],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, ours: dict[int, int], peers: dict[str, int]) -> None:
    with pytest.raises(MetalayerError, match="cannot draw"):
        picture(tmp_path, ours, peers)
