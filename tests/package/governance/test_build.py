"""What is voted on, byte for byte: P7c begins here, with ids that are known before anything is proposed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.errors import MetalayerError
from metalayer.governance.build import build, gas_limit, rehearsed
from metalayer.governance.built import Built
from metalayer.protocol import decisions, gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.decisions import DECIDE, NOTHING, Decision
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH
from tests.kit.proposing import CODE, Desk, PaperChains, place_of
from tests.kit.roles import RELAYER

OPEN = "Metalayer.setOpen: { chainId: hub, outbound: true, inbound: false }"
GATEWAY = place_of("Metalayer")
_TRANSFER = Function("transfer(address,uint256)", "bool")


def opened(chain_id: int = 901) -> bytes:
    return gateway.SET_OPEN.encode(chain_id, True, False)


def test_the_hub_acts_and_decides_for_the_others(desk: Desk) -> None:
    built = desk.build(f"""
chains:
  arcade, perps:
    - {OPEN}
  hub:
    - ERA.transfer: {{ to: TEST::3, value: 5 ERA }}
""")
    assert built.text == f"# A test\n\nWhy not?\n\n#proposer={address(2).lower()}"
    salt = keccak(text=built.text)
    decision = Decision(salt, (GATEWAY,), (0,), (opened(),), (keccak(CODE),))
    assert [one.chain for one in built.decisions] == ["arcade", "perps"]
    assert {one.decision for one in built.decisions} == {decision}
    outbox = place_of("DecisionOutbox")
    assert built.proposal.targets == (place_of("ERA"), outbox, outbox)
    assert built.proposal.values == (0, 0, 0)
    assert built.proposal.calldatas == (
        _TRANSFER.encode(address(3), 5 * 10**18),
        DECIDE.encode(902, decision, 180_000),
        DECIDE.encode(903, decision, 180_000),
    )


def address(index: int) -> str:
    from metalayer.network.signers import address_of

    return address_of(f"TEST::{index}")


def test_ids_are_those_of_the_contracts(desk: Desk) -> None:
    """Written out as Solidity encodes: `keccak256(abi.encode(decision))`, and OpenZeppelin's `hashProposal`."""
    built = desk.build(f"chains:\n  arcade:\n    - {OPEN}\n")
    (one,) = built.decisions
    struct = "(bytes32,address[],uint256[],bytes[],bytes32[],bytes32,bytes32[])"
    fields: tuple[Any, ...] = (
        keccak(text=built.text),
        [GATEWAY],
        [0],
        [opened()],
        [keccak(CODE)],
        NOTHING,
        [],
    )
    assert one.id == keccak(encode([struct], [fields]))
    proposal = built.proposal
    types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
    values = [proposal.targets, proposal.values, proposal.calldatas, keccak(text=built.text)]
    assert built.id == int.from_bytes(keccak(encode(types, values)), "big")


def test_the_same_file_gives_the_same_bytes(desk: Desk) -> None:
    content = f"chains:\n  all:\n    - {OPEN}\n"
    first, again = desk.build(content), desk.build(content)
    assert first.content() == again.content()
    assert list(json.loads(first.content())) == sorted(json.loads(first.content()))


def test_another_text_gives_other_ids(desk: Desk) -> None:
    """Two decisions with the same actions need different salts."""
    content = f"chains:\n  arcade:\n    - {OPEN}\n"
    built = desk.build(content)
    other = build(desk.load(content, text="# A test\n\nOnce more.\n"), desk.names, PaperChains())
    assert built.decisions[0].id != other.decisions[0].id
    assert built.hash != other.hash


def test_what_is_expected_comes_first_and_only_where_something_is_done(desk: Desk) -> None:
    built = desk.build(f"""
chains:
  hub, arcade:
    - {OPEN}
expect:
  - {{ on: all, call: Metalayer.route(hub).terms.baseFee, is: 7 }}
  - {{ on: hub, call: ERA.name, is: ERA }}
  - {{ on: arcade, code: Metalayer, is: {{ keccak: x }} }}
""")
    asked = gateway.ROUTE.encode(901)
    # outbound, inbound, three gas limits, and then the base fee.
    fee = decisions.EXPECT_WORD.encode(GATEWAY, asked, 5, (7).to_bytes(32, "big"))
    name = decisions.EXPECT_RESULT.encode(
        place_of("ERA"), Function("name()").encode(), keccak(encode(["string"], ["ERA"]))
    )
    code = decisions.EXPECT_CODE.encode(GATEWAY, keccak(text="x"))
    assert built.proposal.calldatas[:3] == (fee, name, opened())
    (decision,) = built.decisions
    assert decision.decision.calldatas == (fee, code, opened())
    assert {one.chain for one in built.decisions} == {"arcade"}
    assert built.actions[0].words == "Expect.word(Metalayer.route(hub).terms.baseFee is 7)"


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("on: perps, call: Metalayer.owner, is: Timelock", "nothing is done on perps"),
        ("on: all, call: Metalayer.route(hub), is: true", "expected names with values"),
        ("on: all, call: Metalayer.route(hub).open, is: true", "has no 'open': expected one of outbound"),
        ("on: all, call: Metalayer.route(hub).terms, is: 7", "expected one word of it"),
        ("on: all, call: Metalayer.route(hub).outbound.x, is: 7", "no part of it can be asked for alone"),
        ("on: all, call: Metalayer.outboxLane(arcade), is: 7", "returns several values"),
        ("on: all, call: Metalayer.route, is: 7", "expected 1 arguments, (uint256 chainId), found 0"),
        ("on: all, call: Metalayer.sweep(hub), is: 7", "is no view"),
        ("on: all, call: Metalayer.owner, is: 7", "no account '7'"),
    ],
)
def test_what_cannot_be_expected_is_refused(desk: Desk, expect: str, said: str) -> None:
    found = desk.faults(f"chains:\n  arcade:\n    - {OPEN}\nexpect:\n  - {{ {expect} }}\n")
    assert len(found) == 1
    assert said in found[0]


def test_what_then_holds_is_resolved_for_the_rehearsal(desk: Desk) -> None:
    proposal = desk.load(f"""
chains:
  arcade:
    - {OPEN}
then:
  - {{ on: "hub, arcade", call: Metalayer.route(hub).outbound, is: true }}
  - check: all
""")
    held = rehearsed(proposal, desk.names)
    assert list(held) == list(desk.network.chains)
    (expected,) = held["arcade"]
    true, false = (b.to_bytes(32, "big") for b in (1, 0))
    assert expected.holds(true + false)
    assert not expected.holds(false + true)
    assert not expected.holds(b"")
    assert (expected.words(false), expected.line) == ("false", 7)
    assert [len(held[chain]) for chain in desk.network.chains] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            "Metalayer.setOpn: []",
            "4: chains.arcade.0.Metalayer.setOpn: Metalayer has no function 'setOpn', did you",
        ),
        ("Metlayer.setOpen: []", "no contract 'Metlayer' on arcade, did you mean 'Metalayer'"),
        ("Staking.fund: []", "no contract 'Staking' on arcade"),
        ("Metalayer.setOpen: { chainId: hub, outbound: true }", "the argument `inbound` (bool) is missing"),
        ("Metalayer.setOpen: { chainId: hub, out: true, outbound: true, inbound: true }", "out: no argument"),
        (
            "Metalayer.setOpen: [hub, true]",
            "expected 3 arguments, (uint256 chainId, bool outbound, bool inbound)",
        ),
        (
            "Metalayer.setOpen: 7",
            "expected the arguments (uint256 chainId, bool outbound, bool inbound), found '7'",
        ),
        ("Metalayer.owner: []", "changes nothing: it is a view"),
        ("{ Metalayer.sweep: [hub], value: 1 ether }", "takes no ether"),
        (
            "pay: { to: TEST::3, value: 1 }",
            "4: chains.arcade.0.pay.value: expected an amount such as 1 ether",
        ),
        ("pay: { to: TEST::3, value: 0 wei }", "nothing is paid and nothing is called"),
        ("raw: { to: Metalayer, data: 12 }", "expected bytes such as 0x12ef"),
    ],
)
def test_a_wrong_action_is_said_with_its_line(desk: Desk, entry: str, said: str) -> None:
    found = desk.faults(f"chains:\n  arcade:\n    - {entry}\n")
    assert len(found) == 1
    assert said in found[0]
    assert found[0].startswith("4: ")


def test_a_target_without_code_is_refused(desk: Desk) -> None:
    chains = PaperChains(codes_at={GATEWAY: b""})
    (found,) = desk.faults(f"chains:\n  arcade:\n    - {OPEN}\n", chains=chains)
    assert found == f"4: there is no code at {GATEWAY} on arcade"


def test_payees_are_not_pinned_and_raw_bytes_are_warned_of(desk: Desk) -> None:
    """M24: only what is called has a code; anybody could change a payee's."""
    chains = PaperChains(codes_at={RELAYER.address: b""})
    built = desk.build(
        f"""
chains:
  arcade:
    - pay: {{ to: {RELAYER.address}, value: 1 ether }}
    - raw: {{ to: Metalayer, data: 0x1234, value: 2 wei }}
""",
        chains,
    )
    (one,) = built.decisions
    assert one.decision == Decision(
        keccak(text=built.text),
        (RELAYER.address, GATEWAY),
        (10**18, 2),
        (b"", b"\x12\x34"),
        (NOTHING, keccak(CODE)),
    )
    assert one.decision.value == 10**18 + 2
    (warning,) = built.warnings
    assert warning.startswith("001-test/proposal.yml:6: raw bytes for Metalayer on arcade")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("acceptGateway: { gateway: Metalayer }", "in 21 days that gateway may mint and release"),
        ("refuseGateway: { gateway: Metalayer }", "what it has not brought yet fails"),
        ("chooseGateway: [hub, Metalayer]", "reverts unless that gateway was accepted 21 days before"),
        ("adopt: { homeChain: hub, token: ERA, local: ERA }", "for ever, and only before anything stands"),
        ("strike: { chainId: hub, id: 0x" + "7" * 64 + " }", "for ever, of the message that arrives there"),
        ("recall: [Metalayer, 1 ERA]", "the bridge pays its hops from that credit"),
        ("removeLimits: [ERA, hub]", "from then on only what is outstanding bounds"),
        ("setLimits: [ERA, hub, 0, 1 ERA, 1 day]", "nothing may leave"),
        ("setLimits: [ERA, hub, 1 ERA, 0, 1 day]", "everything that arrives waits a day"),
        ("setLimits: [ERA, hub, 0, 0, 1 day]", "nothing may leave, and everything that arrives waits a day"),
        ("setLimits: [ERA, hub, 1 ERA, 1 ERA, 1 day]", ""),
        ("unhold: hub", ""),
    ],
)
def test_what_a_call_of_the_bridge_does_not_say_is_said(desk: Desk, call: str, said: str) -> None:
    built = desk.build(f"chains:\n  arcade:\n    - TokenBridge.{call}\n")
    name = call.partition(":")[0]
    prefix = f"001-test/proposal.yml:4: TokenBridge.{name} on arcade: "
    assert [one.startswith(prefix + said) for one in built.warnings] == [True] * bool(said)


def test_what_fits_no_message_is_split(desk: Desk) -> None:
    """Each part waits for the one before it."""
    count = 40
    built = desk.build(
        "chains:\n  arcade:\n"
        + f"    - {OPEN}\n" * count
        + f"cancels: [{{ on: arcade, id: {'0x' + '7' * 64} }}]\n"
    )
    parts = built.decisions_on("arcade")
    assert len(parts) > 1
    assert sum(len(part.actions) for part in parts) == count
    assert all(len(part.decision.encoded) <= MAX_PAYLOAD_LENGTH for part in parts)
    # One more action of the next would not have fitted.
    assert all(len(part.decision.encoded) + 300 > MAX_PAYLOAD_LENGTH for part in parts[:-1])
    assert [part.precedent for part in parts] == [NOTHING, *(part.id for part in parts[:-1])]
    assert [len(part.cancels) for part in parts] == [1] + [0] * (len(parts) - 1)
    assert len(built.actions) == len(parts)


def test_one_action_that_fits_no_message_is_refused(desk: Desk) -> None:
    (desk.root / "001-test").mkdir()
    (desk.root / "001-test" / "data.bin").write_bytes(bytes(8_000))
    (found,) = desk.faults("chains:\n  arcade:\n    - raw: { to: Metalayer, data: { file: data.bin } }\n")
    assert "4: 8576 bytes do not fit into a message, expected at most 8192" in found


def test_what_was_decided_before_is_named(desk: Desk) -> None:
    first = desk.build(f"chains:\n  spokes:\n    - {OPEN}\n", name="003-first")
    first.save(desk.root / "003-first")
    built = desk.build(
        f"chains:\n  arcade:\n    - {OPEN}\nafter: [3/arcade]\ncancels: [3/perps]\n", name="004-next"
    )
    arcade, perps = built.decisions_on("arcade"), built.decisions_on("perps")
    assert [one.precedent for one in arcade] == [first.decisions_on("arcade")[0].id]
    # Nothing is done there but to end the other one.
    assert [(one.actions, one.cancels) for one in perps] == [((), (first.decisions_on("perps")[0].id,))]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("after: [9/arcade]", "there is no proposal '9'"),
        ("after: [2/arcade]", "there is no 002-other/build.json yet: run `ape metalayer propose build 002`"),
        ("after: [3/perps]", "nothing is done on perps that could come after it"),
        ("after: [3/hub]", "the hub's own actions have no decision"),
        ("after: [3/arcade#2]", "003-first has no such decision for arcade"),
        ("after: [3/arcade, 3/arcade]", "a decision has one precedent"),
    ],
)
def test_references_that_lead_nowhere_are_refused(desk: Desk, line: str, said: str) -> None:
    desk.write(f"chains:\n  arcade:\n    - {OPEN}\n", "002-other")
    desk.build(f"chains:\n  spokes:\n    - {OPEN}\n", name="003-first").save(desk.root / "003-first")
    found = desk.faults(f"chains:\n  arcade:\n    - {OPEN}\n{line}\n")
    assert any(said in one for one in found), found


def test_gas_limits_come_from_the_simulation_if_there_is_one(desk: Desk) -> None:
    """They are no part of a decision's id: what was measured for it still counts."""
    content = f"chains:\n  arcade, perps:\n    - {OPEN}\n    - pay: {{ to: '{{chain}}', value: 1 wei }}\n"
    content = content.replace("'{chain}'", "TEST::3")
    estimated = desk.build(content)
    assert [one.gas_limit for one in estimated.decisions] == [180_000, 180_000]
    chains = PaperChains()
    proposal = desk.load(content)
    measured = build(proposal, desk.names, chains, {estimated.decisions[0].id: 200_000})
    assert [one.gas_limit for one in measured.decisions] == [200_000, 200_000]
    assert [one.id for one in measured.decisions] == [one.id for one in estimated.decisions]
    assert measured.id != estimated.id
    assert chains.asked == []


@pytest.mark.parametrize(("used", "limit"), [(120_000, 180_000), (120_001, 190_000), (1, 10_000)])
def test_gas_limits_are_half_as_much_again(used: int, limit: int) -> None:
    assert gas_limit(used) == limit


def test_a_build_is_read_back(desk: Desk) -> None:
    built = desk.build(f"chains:\n  all:\n    - {OPEN}\n")
    folder = desk.root / "001-test"
    built.save(folder)
    assert Built.load(folder) == built


def _first(data: dict[str, Any]) -> dict[str, Any]:
    decision: dict[str, Any] = data["decisions"][0]
    return decision


@pytest.mark.parametrize(
    "change",
    [
        {"gasLimit": 7},
        {"id": "0x" + "12" * 32},
        {"salt": "0x12"},
        {"actions": []},
        {"chainId": "x"},
    ],
)
def test_a_build_that_was_changed_by_hand_is_refused(desk: Desk, change: Mapping[str, Any]) -> None:
    folder = desk.root / "001-test"
    path = desk.build(f"chains:\n  spokes:\n    - {OPEN}\n").save(folder)
    data = json.loads(path.read_text())
    _first(data).update(change)
    path.write_text(json.dumps(data))
    with pytest.raises(MetalayerError, match=r"001-test/build\.json .*build it again"):
        Built.load(folder)


def test_there_may_be_no_build(desk: Desk) -> None:
    folder = desk.write("chains: {}\n")
    with pytest.raises(MetalayerError, match="run `ape metalayer propose build 001`"):
        Built.load(folder)
    (folder / "build.json").write_text("{")
    with pytest.raises(MetalayerError, match="is no JSON"):
        Built.load(folder)
