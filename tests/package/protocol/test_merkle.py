"""Trees of the airdrop, beside what OpenZeppelin's merkle-tree 1.0.8 made of the same values (`merkle_trees.json`)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from metalayer.errors import MetalayerError
from metalayer.protocol.hex import to_hex
from metalayer.protocol.merkle import Tree, climb, leaf, load, node
from tests.kit.strategies import addresses, uint256

VECTORS = json.loads(Path(__file__).with_name("merkle_trees.json").read_text(encoding="utf-8"))["trees"]
values = st.lists(st.tuples(addresses, uint256), min_size=1, max_size=40, unique_by=lambda value: value[0])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: len(vector["proofs"]))
def test_roots_proofs_and_files_are_those_of_the_package(vector: dict[str, Any]) -> None:
    """P26: the file, byte for byte but for the capitals of addresses."""
    written = [
        (str(to_checksum_address(account)), int(amount))
        for account, amount in (entry["value"] for entry in vector["dump"]["values"])
    ]
    tree = Tree.of(written)
    assert to_hex(tree.root) == vector["root"]
    assert [[to_hex(one) for one in tree.proof(i)] for i in range(len(written))] == vector["proofs"]
    dumped = tree.dump()
    for entry in dumped["values"]:
        entry["value"][0] = entry["value"][0].lower()
    assert dumped == vector["dump"]
    assert load(vector["dump"]) == tree


@given(values=values)
def test_every_leaf_has_a_proof_and_nobody_else_s_fits(values: list[tuple[str, int]]) -> None:
    """P26."""
    tree = Tree.of(values)
    assert tree.total == sum(amount for _, amount in values)
    for position, (account, amount) in enumerate(values):
        proof = tree.proof(position)
        assert climb(leaf(account, amount), proof) == tree.root
        assert climb(leaf(account, amount ^ 1), proof) != tree.root
        for other, _ in values:
            assert (climb(leaf(other, amount), proof) == tree.root) == (other == account)
    assert load(json.loads(json.dumps(tree.dump()))) == tree


@given(values=values, seed=st.randoms())
def test_a_root_does_not_depend_on_the_order_of_the_list(values: list[tuple[str, int]], seed: Any) -> None:
    """P26."""
    shuffled = list(values)
    seed.shuffle(shuffled)
    assert Tree.of(shuffled).root == Tree.of(values).root


@given(values=values)
def test_progress_counts_every_leaf_once(values: list[tuple[str, int]]) -> None:
    counted: list[int] = []
    Tree.of(values, counted.append)
    assert sum(counted) == len(values)


def test_a_node_has_no_left_and_right() -> None:
    assert node(b"\1" * 32, b"\2" * 32) == node(b"\2" * 32, b"\1" * 32)


def test_a_tree_has_a_leaf() -> None:
    with pytest.raises(ValueError, match="at least one leaf"):
        Tree.of([])


def changed(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(VECTORS[3]["dump"]), **changes}


def swapped(place: str, key: int, value: Any) -> dict[str, Any]:
    content = changed()
    content[place][key] = value
    return content


ENTRY = VECTORS[3]["dump"]["values"][0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "not a tree of the format standard-v1"),
        ({"format": "standard-v1"}, "not a tree of the format standard-v1: KeyError 'leafEncoding'"),
        (changed(format="simple-v1"), "expected a tree of the format standard-v1 with leaves of"),
        (changed(leafEncoding=["address"]), "expected a tree of the format standard-v1 with leaves of"),
        (changed(values=[]), "the tree has no leaves"),
        (changed(tree=[]), "the tree's nodes are not those of its values"),
        (swapped("tree", 0, "0x" + 64 * "0"), "the tree's nodes are not those of its values"),
        (swapped("tree", 6, "0x" + 64 * "0"), "the tree's nodes are not those of its values"),
        (swapped("values", 0, {**ENTRY, "treeIndex": 0}), "the tree's nodes are not those of its values"),
        (
            swapped("values", 0, {**ENTRY, "value": [ENTRY["value"][0], "2"]}),
            "the tree's nodes are not those",
        ),
        (swapped("values", 0, {**ENTRY, "value": ["0x12", "1"]}), "'0x12' in the tree is no address"),
        (swapped("values", 0, {**ENTRY, "value": ["0x" + 40 * "g", "1"]}), "in the tree is no address"),
        (swapped("values", 0, {**ENTRY, "value": [ENTRY["value"][0], 1]}), "1 is no amount in wei"),
        (swapped("values", 0, {**ENTRY, "value": [ENTRY["value"][0], "-1"]}), "'-1' is no amount in wei"),
        (swapped("values", 0, {**ENTRY, "value": [ENTRY["value"][0], str(2**256)]}), "is no amount in wei"),
    ],
)
def test_what_does_not_follow_from_its_values_is_refused(content: Any, message: str) -> None:
    with pytest.raises(MetalayerError, match=message) as caught:
        load(content)
    assert "\n" not in str(caught.value)
