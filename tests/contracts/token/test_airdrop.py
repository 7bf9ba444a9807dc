"""Airdrop: each account of a tree claims once before the end; then the rest is the treasury's."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from metalayer.protocol.merkle import Tree, leaf, node
from tests.kit.evm import ZERO_ADDRESS, Contract, Revert, call, contract_types, deploy, error, init_code, now
from tests.kit.paper import DAY
from tests.kit.stack import Stack
from tests.kit.strategies import addresses, uint256, words

ERA = 10**18
YEAR = 365 * DAY
COUNT = 7
CLAIMANTS = [str(to_checksum_address(keccak(text=f"claimant {i}")[:20])) for i in range(COUNT)]


class Drop(NamedTuple):
    """An airdrop, the ERA of its hub, the tree that it has the root of, and its end."""

    contract: Contract
    era: Contract
    tree: Tree
    end: int

    def arguments(self, position: int) -> tuple[str, int, list[bytes]]:
        account, amount = self.tree.values[position]
        return account, amount, self.tree.proof(position)

    def claim(self, position: int, sender: str, at: int | None = None) -> None:
        receipt = self.contract.send("claim", *self.arguments(position), sender=sender, at=at)
        account, amount = self.tree.values[position]
        assert receipt.named("Claimed") == [(account, amount)]
        assert receipt.named("Transfer") == [(self.contract.address, account, amount)]

    def has(self, account: str) -> int:
        return int(self.era.view("balanceOf", account))

    @property
    def held(self) -> int:
        return self.has(self.contract.address)


@pytest.fixture
def drop(hub: Stack, beneficiary: str, treasury: str, developer: str) -> Drop:
    """Of seven accounts with different amounts, one of them an account that sends."""
    values = [(account, (i + 1) * 1_000 * ERA + i) for i, account in enumerate([*CLAIMANTS[1:], beneficiary])]
    tree, end = Tree.of(values), now(hub.chain) + YEAR
    arguments = (hub.era.address, treasury, tree.root, end)
    contract = deploy(hub.chain, "Airdrop", *arguments, sender=developer)
    hub.era.send("transfer", contract.address, tree.total, sender=treasury)
    return Drop(contract, hub.era, tree, end)


# Claims


def test_everybody_gets_exactly_what_the_tree_says(drop: Drop, attacker: str) -> None:
    """P26: whoever brings the claims, in whatever order."""
    before = {account: drop.has(account) for account, _ in drop.tree.values}
    order = list(range(COUNT))
    random.Random(1).shuffle(order)
    for position in order:
        drop.claim(position, attacker)
    for account, amount in drop.tree.values:
        assert drop.has(account) - before[account] == amount
        assert drop.contract.view("isClaimed", account)
    assert drop.held == 0


def test_who_claims_for_another_gets_nothing(drop: Drop, attacker: str, beneficiary: str) -> None:
    before = drop.has(attacker), drop.has(beneficiary)
    drop.claim(COUNT - 1, attacker)
    assert drop.has(attacker) == before[0]
    assert drop.has(beneficiary) == before[1] + drop.tree.values[-1][1]


def test_each_account_gets_its_own_once(drop: Drop, attacker: str, beneficiary: str) -> None:
    """P26, M11: neither from itself nor from others."""
    drop.claim(COUNT - 1, beneficiary)
    for sender in (beneficiary, attacker):
        refusal = drop.contract.revert("claim", *drop.arguments(COUNT - 1), sender=sender)
        assert refusal == error("AlreadyClaimed", beneficiary)
    # Others are not concerned.
    drop.claim(0, attacker)


def test_an_account_that_is_there_twice_gets_one_of_them(
    hub: Stack, attacker: str, treasury: str, developer: str
) -> None:
    """P26: `airdrop build` refuses such a list; the contract does not rely on it."""
    tree = Tree.of([(CLAIMANTS[0], 3), (CLAIMANTS[0], 5), (CLAIMANTS[1], 7)])
    arguments = (hub.era.address, treasury, tree.root, now(hub.chain) + YEAR)
    contract = deploy(hub.chain, "Airdrop", *arguments, sender=developer)
    hub.era.send("transfer", contract.address, 15, sender=treasury)
    contract.send("claim", CLAIMANTS[0], 5, tree.proof(1), sender=attacker)
    for position, amount in ((0, 3), (1, 5)):
        refusal = contract.revert("claim", CLAIMANTS[0], amount, tree.proof(position), sender=attacker)
        assert refusal == error("AlreadyClaimed", CLAIMANTS[0])
    assert hub.era.view("balanceOf", contract.address) == 10


def test_a_tree_of_one_leaf_needs_no_proof(hub: Stack, attacker: str, treasury: str, developer: str) -> None:
    tree = Tree.of([(CLAIMANTS[0], ERA)])
    arguments = (hub.era.address, treasury, tree.root, now(hub.chain) + YEAR)
    contract = deploy(hub.chain, "Airdrop", *arguments, sender=developer)
    hub.era.send("transfer", contract.address, ERA, sender=treasury)
    refusal = contract.revert("claim", CLAIMANTS[0], ERA + 1, [], sender=attacker)
    assert refusal == error("InvalidProof", CLAIMANTS[0], ERA + 1)
    contract.send("claim", CLAIMANTS[0], ERA, [], sender=attacker)
    assert hub.era.view("balanceOf", CLAIMANTS[0]) == ERA


def test_a_claim_of_nothing_is_a_leaf_as_any_other(
    hub: Stack, attacker: str, treasury: str, developer: str
) -> None:
    """`airdrop build` refuses zero; here it moves nothing, once."""
    tree = Tree.of([(CLAIMANTS[0], 0), (CLAIMANTS[1], ERA)])
    arguments = (hub.era.address, treasury, tree.root, now(hub.chain) + YEAR)
    contract = deploy(hub.chain, "Airdrop", *arguments, sender=developer)
    contract.send("claim", CLAIMANTS[0], 0, tree.proof(0), sender=attacker)
    refusal = contract.revert("claim", CLAIMANTS[0], 0, tree.proof(0), sender=attacker)
    assert refusal == error("AlreadyClaimed", CLAIMANTS[0])


# Proofs


def test_a_proof_is_of_one_account_and_one_amount(drop: Drop, attacker: str) -> None:
    """P26, M7: another account's, another amount, shortened, lengthened, reordered, empty."""
    account, amount, proof = drop.arguments(0)
    other, _, other_proof = drop.arguments(1)
    for wrong in (
        (attacker, amount, proof),
        (other, amount, proof),
        (account, amount + 1, proof),
        (account, amount - 1, proof),
        (account, 0, proof),
        (account, drop.tree.total, proof),
        (account, amount, other_proof),
        (account, amount, proof[:-1]),
        (account, amount, proof[1:]),
        (account, amount, [*proof, drop.tree.root]),
        (account, amount, [*proof, bytes(32)]),
        (account, amount, proof[::-1]),
        (account, amount, []),
        (ZERO_ADDRESS, 0, []),
    ):
        refusal = drop.contract.revert("claim", *wrong, sender=attacker)
        assert refusal == error("InvalidProof", *wrong[:2])
    drop.claim(0, attacker)


def test_no_inner_node_is_a_leaf(drop: Drop, attacker: str) -> None:
    """P26, M7: a claim with the children of a node as its account and its amount, and the way up from there."""
    for parent in range(COUNT - 1):
        left, right = drop.tree.nodes[2 * parent + 1], drop.tree.nodes[2 * parent + 2]
        place, proof = parent, []
        while place:
            proof.append(drop.tree.nodes[place - 1 if place % 2 == 0 else place + 1])
            place = (place - 1) // 2
        for one, two in ((left, right), (right, left)):
            account, amount = str(to_checksum_address(one[12:])), int.from_bytes(two)
            refusal = drop.contract.revert("claim", account, amount, proof, sender=attacker)
            assert refusal == error("InvalidProof", account, amount)
    # Hashed once, as leaves of other trees are, even what is in the tree is no leaf.
    account, amount = drop.tree.values[0]
    once = keccak(bytes(12) + bytes.fromhex(account[2:]) + amount.to_bytes(32))
    assert leaf(account, amount) == keccak(once) != once


def test_calldata_is_read_in_one_way(drop: Drop, attacker: str) -> None:
    """M7, M16: an account of more than 20 bytes, and proofs that are not all there."""
    data = drop.contract.encode("claim", *drop.arguments(0))
    for wrong in (
        data[:4] + b"\1" + data[5:],
        data[:-1],
        data[:-32],
        data[:68] + (2**255).to_bytes(32) + data[100:],
        data[:100] + (2**64).to_bytes(32) + data[132:],
        data[:4],
    ):
        found = call(drop.contract.chain, drop.contract.address, wrong, sender=attacker)
        assert not isinstance(found, bytes)
    assert call(drop.contract.chain, drop.contract.address, data, sender=attacker) == b""


@given(account=addresses, amount=uint256, proof=st.lists(words, max_size=6))
def test_nothing_that_is_made_up_is_paid(
    drop: Drop, attacker: str, account: str, amount: int, proof: list[bytes]
) -> None:
    """P26."""
    refusal = drop.contract.revert("claim", account, amount, proof, sender=attacker)
    assert refusal == error("InvalidProof", account, amount)


@given(
    st.lists(st.tuples(addresses, st.integers(0, 10**24)), min_size=1, max_size=12, unique_by=lambda v: v[0])
)
def test_any_tree_pays_all_of_its_leaves(
    hub: Stack, attacker: str, treasury: str, developer: str, values: list[tuple[str, int]]
) -> None:
    """P26: of every size, to the wei, while the contract holds as much as the tree promises."""
    payable = [(account, amount) for account, amount in values if int(account, 16)]
    if not payable:
        return
    snapshot, tree = hub.chain.snapshot(), Tree.of(payable)
    arguments = (hub.era.address, treasury, tree.root, now(hub.chain) + YEAR)
    contract = deploy(hub.chain, "Airdrop", *arguments, sender=developer)
    hub.era.send("transfer", contract.address, tree.total, sender=treasury)
    for position, (account, amount) in enumerate(payable):
        before = hub.era.view("balanceOf", account)
        contract.send("claim", account, amount, tree.proof(position), sender=attacker)
        if account != contract.address:
            assert hub.era.view("balanceOf", account) - before == amount
    assert hub.era.view("balanceOf", contract.address) == 0
    hub.chain.restore(snapshot)


# The end


def test_claims_end_in_the_second_in_which_the_rest_may_go(drop: Drop, attacker: str, treasury: str) -> None:
    """P26, M18: at each second exactly one of them is possible."""
    contract, era = drop.contract, drop.era.address
    for early in (now(contract.chain) + 1, drop.end - 1):
        assert contract.revert("sweep", era, sender=treasury, at=early) == error("NotEnded", drop.end)
    drop.claim(0, attacker, at=drop.end - 1)
    for late in (drop.end, drop.end + 10 * YEAR):
        refusal = contract.revert("claim", *drop.arguments(1), sender=attacker, at=late)
        assert refusal == error("Ended", drop.end)
    rest, before = drop.held, drop.has(treasury)
    receipt = contract.send("sweep", era, sender=attacker, at=drop.end)
    assert receipt.named("Swept") == [(era, rest)]
    assert drop.has(treasury) - before == rest == drop.tree.total - drop.tree.values[0][1]
    assert contract.revert("sweep", era, sender=attacker) == error("NothingLeft", era)


def test_what_comes_later_is_the_treasury_s_too(drop: Drop, attacker: str, treasury: str) -> None:
    contract, era = drop.contract, drop.era
    contract.send("sweep", era.address, sender=attacker, at=drop.end)
    era.send("transfer", contract.address, ERA, sender=treasury)
    before = drop.has(treasury)
    contract.send("sweep", era.address, sender=attacker)
    assert drop.has(treasury) - before == ERA


def test_other_tokens_go_to_the_treasury_at_the_end(
    drop: Drop, attacker: str, treasury: str, developer: str
) -> None:
    contract = drop.contract
    token = deploy(contract.chain, "TestToken", "Other", "OTH", 6, contract.address, 70, sender=developer)
    refusal = contract.revert("sweep", token.address, sender=attacker, at=drop.end - 1)
    assert refusal == error("NotEnded", drop.end)
    contract.send("sweep", token.address, sender=attacker, at=drop.end)
    assert token.view("balanceOf", treasury) == 70
    assert drop.held == drop.tree.total


def test_a_token_that_calls_back_takes_nothing(
    drop: Drop, attacker: str, treasury: str, developer: str
) -> None:
    """M20: while it is swept it sweeps again, and ERA: all goes to the treasury."""
    contract = drop.contract
    token = deploy(contract.chain, "MoodyToken", treasury, sender=developer)
    token.send("mint", contract.address, 70, sender=attacker)
    token.send("setMood", 2, sender=attacker)
    token.send("setCall", contract.address, contract.encode("sweep", drop.era.address), sender=attacker)
    before = drop.has(treasury)
    contract.send("sweep", token.address, sender=attacker, at=drop.end)
    assert token.view("balanceOf", treasury) == 70
    assert (drop.held, drop.has(treasury) - before) == (0, drop.tree.total)


def test_a_token_without_code_is_refused(drop: Drop, attacker: str) -> None:
    """M8."""
    for token in (attacker, ZERO_ADDRESS):
        assert drop.contract.revert("sweep", token, sender=attacker, at=drop.end).data == b""


# What there is not


def test_nothing_else_moves_anything() -> None:
    """P26: no owner, no approval, no call of somebody's choice; and no ether."""
    abi = contract_types()["Airdrop"].abi
    assert {item.type for item in abi} == {"constructor", "function", "event", "error"}
    assert {item.name for item in abi if item.type == "function" and item.is_stateful} == {"claim", "sweep"}


def test_ether_is_refused(drop: Drop, attacker: str) -> None:
    contract = drop.contract
    assert call(contract.chain, contract.address, b"", sender=attacker, value=1) == Revert(b"")
    refusal = contract.revert("claim", *drop.arguments(0), sender=attacker, value=1)
    assert refusal.data == b""


def test_there_is_no_airdrop_without_root_or_treasury(
    hub: Stack, treasury: str, developer: str, drop: Drop
) -> None:
    """M1, M4: a root of zero never verifies."""
    era = hub.era.address
    for arguments, refusal in (
        ((era, treasury, bytes(32), drop.end), error("InvalidRoot")),
        ((era, ZERO_ADDRESS, drop.tree.root, drop.end), error("InvalidTreasury", ZERO_ADDRESS)),
    ):
        assert call(hub.chain, None, init_code("Airdrop", *arguments), sender=developer) == refusal
    assert node(bytes(32), bytes(32)) != bytes(32)
