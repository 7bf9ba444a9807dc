"""The annex: its code runs on the gateway's storage, and does nothing at its own address."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.lanes.logs import Sent
from metalayer.protocol.facts import SetFact, Tree
from tests.kit.evm import Contract, Revert, contract_types, error, now, views
from tests.kit.paper import DAY, Validators
from tests.kit.settlement import Origin, fee, place
from tests.kit.stack import Stack

RARE = {
    "refund",
    "refundAbandoned",
    "refundClosed",
    "recordInboxHead",
    "callBack",
    "adopt",
    "rotate",
    "announceSet",
    "installAnnounced",
    "restart",
}


def slot_of(name: str) -> int:
    """Where a struct begins that is stored under a name: ERC-7201."""
    inner = int.from_bytes(keccak(text=name), "big") - 1
    return int.from_bytes(keccak(encode(["uint256"], [inner])), "big") & ~0xFF


def element(key_type: str, key: Any, slot: int) -> int:
    """Where a mapping at a slot keeps a value."""
    return int.from_bytes(keccak(encode([key_type, "uint256"], [key, slot])), "big")


def word(contract: Contract, slot: int) -> int:
    raw = contract.chain.rpc("eth_getStorageAt", [contract.address, hex(slot), "latest"])
    return int(raw, 16)


@pytest.fixture
def annex(hub: Stack) -> Contract:
    return Contract(hub.chain, "Annex", hub.gateway.view("ANNEX"))


@pytest.fixture
def returned(origin: Origin, sender: str, carrier: str) -> Sent:
    """A message that the gateway would refund."""
    sent = origin.send(sender)
    origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
    return sent


# Storage


def test_both_keep_their_state_at_the_named_places(
    origin: Origin, hub: Stack, sender: str, owner: str, validators: Validators, recovery: str, returned: Sent
) -> None:
    """The slots follow from the names alone: credit, lanes, closures, sets. Nothing of the gateway lies in between."""
    gateway = hub.gateway
    state, sets = slot_of("metalayer.origin"), slot_of("metalayer.sets")
    assert word(gateway, element("address", sender, state)) == gateway.view("credit", sender) > 0
    lane = element("uint256", origin.arcade, state + 1)
    nonce, head, restarted_at = gateway.view("outboxLane", origin.arcade)
    escrow, protocol_fees = gateway.view("laneFees", origin.arcade)
    assert word(gateway, lane) == int.from_bytes(head, "big")
    packed = nonce | escrow << 64 | protocol_fees << 128 | restarted_at << 192
    assert word(gateway, lane + 1) == packed
    notice = element("bytes32", returned.id, element("uint256", origin.arcade, state + 3))
    carrier, expired, *_ = gateway.view("returnNotice", origin.arcade, returned.id)
    assert word(gateway, notice) == int(carrier, 16) | int(expired) << 160
    gateway.send("setOpen", origin.arcade, False, False, sender=owner)
    closed = element("uint256", origin.arcade, state + 6)
    assert word(gateway, closed) == gateway.view("closedSince", origin.arcade) > 0
    assert word(gateway, sets) == int.from_bytes(validators.set.hash, "big")
    assert word(gateway, sets + 2) >> 64 == int(recovery, 16)


def test_what_the_annex_writes_the_gateway_reads(
    origin: Origin, sender: str, attacker: str, returned: Sent
) -> None:
    """A refund, whose code is the annex's, moves the credit that the gateway keeps; the annex's storage stays empty."""
    annex = Contract(origin.hub.chain, "Annex", origin.gateway.view("ANNEX"))
    origin.refund(returned, by=attacker)
    state = slot_of("metalayer.origin")
    credit = element("address", attacker, state)
    assert word(origin.gateway, credit) == origin.gateway.view("credit", attacker) > 0
    assert word(annex, credit) == 0
    notice = element("bytes32", returned.id, element("uint256", origin.arcade, state + 3))
    assert word(origin.gateway, notice) >> 168 & 0xFF == 1
    assert word(annex, notice) == 0


# Which functions


def test_the_annex_has_every_rare_function_and_no_other(hub: Stack) -> None:
    """Each that the gateway has, with the same selector: it hands over what it was called with."""
    of_gateway = {m.name: m.selector for m in contract_types()["Metalayer"].mutable_methods}
    of_annex = {m.name: m.selector for m in contract_types()["Annex"].mutable_methods}
    assert of_annex.keys() == RARE
    assert {name: of_gateway[name] for name in RARE} == of_annex


def test_the_gateway_passes_nothing_else_on(hub: Stack, attacker: str) -> None:
    """There is no fallback: views and constants of the annex are not the gateway's."""
    views_ = {m.name for m in contract_types()["Annex"].view_methods}
    own = {m.name for m in contract_types()["Metalayer"].view_methods}
    annex = Contract(hub.chain, "Annex", hub.gateway.address)
    for name in views_ - own:
        assert annex.revert(name, sender=attacker) == Revert(b"")
    assert views_ - own


def test_an_annex_that_is_not_there_breaks_no_more_than_what_is_rare(
    hub: Stack, founding: Any, attacker: str, validators: Validators
) -> None:
    """The gateway says so, instead of doing nothing."""
    nobody = "0x00000000000000000000000000000000000Face7"
    fresh = founding.deploy(annex=nobody)
    arguments: tuple[Any, ...] = (
        validators.sign(901, fresh.address, bytes(32)).fields,
        validators.argument,
        [],
    )
    assert fresh.revert("rotate", *arguments, sender=attacker) == error("AddressEmptyCode", nobody)


# At its own address


def direct_calls(
    origin: Origin, sent: Sent, validators: Validators, annex: Contract
) -> dict[str, tuple[tuple[Any, ...], Revert | str]]:
    """Calls that the gateway would take, and why the annex refuses each of them at its own address."""
    hub_id = origin.hub.chain.chain_id
    after = Validators([1] * 4, validators.set.expires + 3_600, version=2, name="next")
    fact = SetFact(2, after.set.hash)
    signed = {
        contract.address: validators.sign(hub_id, contract.address, Tree([fact]).root).fields
        for contract in (annex, origin.gateway)
    }
    message, way = origin.evidence(sent)
    not_in_lane = error("NotInLane", sent.id, origin.arcade, 1)
    unknown = error("UnknownValidatorSet", validators.set.hash, bytes(32))
    return {
        "refund": ((message, way), not_in_lane),
        "refundAbandoned": ((message, way, 10, bytes(32), []), not_in_lane),
        "refundClosed": ((message, way, 0, signed[annex.address], []), not_in_lane),
        "recordInboxHead": (
            (origin.arcade, 10, 1, bytes(32), []),
            error("RestartNotFollowed", origin.arcade, 10),
        ),
        "callBack": (place(sent), error("NoCallback", sent.id)),
        "adopt": ((after.argument,), error("NothingToAdopt")),
        "rotate": ((signed[annex.address], after.argument, []), unknown),
        "announceSet": ((validators.argument, after.argument), "NotRecovery"),
        "installAnnounced": ((after.argument,), error("SetNotAnnounced", after.set.hash, bytes(32))),
    }


@pytest.mark.parametrize("caller", ["attacker", "owner", "guardian", "recovery"])
@pytest.mark.parametrize("method", sorted(RARE - {"restart"}))
def test_refuses_whoever_calls_it_directly(
    origin: Origin,
    annex: Contract,
    returned: Sent,
    validators: Validators,
    method: str,
    caller: str,
    request: pytest.FixtureRequest,
) -> None:
    """It finds neither lane nor set there: nothing is refunded, and nobody is called."""
    account = request.getfixturevalue(caller)
    arguments, refusal = direct_calls(origin, returned, validators, annex)[method]
    expected = error("NotRecovery", account) if isinstance(refusal, str) else refusal
    late = now(origin.hub.chain) + 60 * DAY
    assert annex.revert(method, *arguments, sender=account) == expected
    assert annex.revert(method, *arguments, sender=account, at=late) == expected
    assert not annex.attempt(method, *arguments, sender=account).succeeded


def test_a_restart_at_its_own_address_is_nobodys(
    origin: Origin,
    annex: Contract,
    returned: Sent,
    validators: Validators,
    attacker: str,
) -> None:
    """The gateway checks who restarts; at its own address the annex lets anyone, and nothing follows from it: there it
    still refuses everything else, and the gateway's lane is as before.
    """
    before = views(
        [(origin.gateway, "outboxLane", origin.arcade), (origin.gateway, "laneEpoch", origin.arcade)]
    )
    refused = origin.gateway.revert("restart", origin.arcade, 10, sender=attacker)
    assert refused == error("NotGuardian", attacker)
    annex.send("restart", origin.arcade, 10, sender=attacker)
    for method, (arguments, refusal) in direct_calls(origin, returned, validators, annex).items():
        expected = error("NotRecovery", attacker) if isinstance(refusal, str) else refusal
        assert annex.revert(method, *arguments, sender=attacker) == expected, method
    after = views(
        [(origin.gateway, "outboxLane", origin.arcade), (origin.gateway, "laneEpoch", origin.arcade)]
    )
    assert after == before
    assert origin.gateway.view("restartRecord", origin.arcade, 10)[0] is False
    origin.refund(returned, by=attacker)


def test_the_annex_has_the_gateways_domain_nowhere(
    origin: Origin, annex: Contract, validators: Validators, attacker: str
) -> None:
    """M17: what is signed for the gateway is checked under the gateway's domain, whoever's code runs."""
    hub_id = origin.hub.chain.chain_id
    after = Validators([1] * 4, validators.set.expires + 3_600, version=2, name="next")
    fact = SetFact(2, after.set.hash)
    for_annex = validators.sign(hub_id, annex.address, fact.leaf).fields
    refusal = origin.gateway.revert("rotate", for_annex, after.argument, [], sender=attacker)
    assert refusal == error("InvalidSignature", 0, validators.keys[0].address)
    signed = validators.sign(hub_id, origin.gateway.address, fact.leaf).fields
    origin.gateway.send("rotate", signed, after.argument, [], sender=attacker)


def test_the_gateway_takes_no_ether_for_the_annex(origin: Origin, returned: Sent, attacker: str) -> None:
    arguments = origin.evidence(returned)
    assert origin.gateway.revert("refund", *arguments, sender=attacker, value=1) == Revert(b"")
