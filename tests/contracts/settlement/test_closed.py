"""Closed routes: what was sent to a chain that is dead or lies comes home without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.lanes.logs import Sent
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import LaneFact, RestartFact, SetFact, Tree, UnexecutedFact
from metalayer.protocol.gateway import CLOSURE_DELAY, Status
from tests.kit.ages import outlive
from tests.kit.evm import Contract, Revert, error, now
from tests.kit.paper import DAY, Validators
from tests.kit.scripted import OnReturn
from tests.kit.settlement import Origin, Step, fee

LONG = CLOSURE_DELAY


@pytest.fixture
def since(origin: Origin) -> int:
    """The second in which the route to arcade is closed."""
    return now(origin.hub.chain) + 100


@pytest.fixture
def close(origin: Origin, owner: str, since: int) -> Callable[..., None]:
    def close(outbound: bool = False, inbound: bool = False, at: int = since) -> None:
        origin.gateway.send("setOpen", origin.arcade, outbound, inbound, sender=owner, at=at)

    return close


@pytest.fixture
def elders(origin: Origin, validators: Validators, relayer: str, since: int) -> Callable[[], Validators]:
    """The validators of that time, once the time has come: it moves to less than a minute before."""

    def elders() -> Validators:
        hub = origin.hub
        return outlive(hub.gateway, hub.chain.chain_id, validators, since + LONG + DAY, relayer)

    return elders


def fact(sent: Sent, status: Status) -> UnexecutedFact:
    message = sent.message
    return UnexecutedFact(message.origin, message.destination, message.nonce, sent.id, status)


@pytest.fixture
def evidence(origin: Origin) -> Callable[..., tuple[Any, ...]]:
    """Arguments of `refundClosed`: what validators sign, among other facts, and what is said of it."""

    def evidence(
        sent: Sent,
        by: Validators,
        status: Status = Status.NONE,
        signed: Any = None,
        positions: Sequence[int] | None = None,
    ) -> tuple[Any, ...]:
        signed = signed or fact(sent, status)
        tree = Tree([signed, SetFact(8, keccak(text="set 8")), SetFact(9, keccak(text="set 9"))])
        hub = origin.hub
        attestation = by.sign(hub.chain.chain_id, hub.gateway.address, tree.root, positions).fields
        return (*origin.evidence(sent), status, attestation, tree.proof(signed))

    return evidence


@pytest.fixture
def come_home(origin: Origin, relayer: str, since: int) -> Callable[..., Step]:
    def come_home(arguments: tuple[Any, ...], at: int | None = None) -> Step:
        return origin.step(origin.gateway, "refundClosed", *arguments, sender=relayer, at=at or since + LONG)

    return come_home


@pytest.fixture
def refusal(origin: Origin, attacker: str, since: int) -> Callable[..., Revert]:
    def refusal(arguments: tuple[Any, ...], at: int | None = None) -> Revert:
        return origin.gateway.revert("refundClosed", *arguments, sender=attacker, at=at or since + LONG)

    return refusal


# What comes home


@pytest.mark.parametrize("kind", ["account", "contract"])
@pytest.mark.parametrize("status", Status, ids=lambda status: status.name.lower())
def test_comes_home_without_its_destination(
    origin: Origin,
    client: Contract,
    sender: str,
    relayer: str,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
    since: int,
    status: Status,
    kind: str,
) -> None:
    """P1, P5: with what nobody earned. Not a second before its time; once."""
    by, account = (sender, sender) if kind == "account" else (client, client.address)
    sent = origin.send(by, b"lost")
    parts = fee(sent)
    close()
    arguments = evidence(sent, elders(), status)
    assert refusal(arguments, since + LONG - 1) == error("RouteNotClosed", origin.arcade, since)
    step = come_home(arguments)
    unspent = (
        parts.step
        + {
            Status.NONE: parts.relay - parts.base,
            Status.FAILED: 0,
            Status.EXPIRED: parts.relay - parts.base,
        }[status]
    )
    earned = parts.step
    if kind == "account":
        unspent += parts.callback
    else:
        earned += parts.callback
        told = (sent.id, origin.arcade, origin.gateway.address, b"lost", unspent * GWEI)
        assert client.view("returned", 0) == told
    assert step.credit == {account: unspent, relayer: earned}
    left = {Status.NONE: parts.base, Status.FAILED: parts.relay, Status.EXPIRED: parts.base}[status]
    assert origin.gateway.view("laneFees", origin.arcade)[0] == left + parts.step
    returned = (sent.id, origin.arcade, 1, unspent * GWEI, relayer, earned * GWEI)
    assert step.receipt.named("MessageReturned") == [returned]
    assert refusal(arguments, now(origin.hub.chain) + 1) == error("AlreadyRefunded", sent.id)


def test_its_sender_may_refuse(
    origin: Origin,
    client: Contract,
    attacker: str,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    come_home: Callable[..., Step],
) -> None:
    """P24: as at any refund."""
    sent = origin.send(client)
    close()
    arguments = evidence(sent, elders())
    client.send("setBehaviour", OnReturn.BURN_ALL_GAS, sender=attacker)
    assert come_home(arguments).receipt.named("CallbackFailed") == [(sent.id,)]
    client.send("setBehaviour", OnReturn.ACCEPT, sender=attacker)
    origin.call_back(sent, by=attacker)


def test_what_those_who_carried_it_earned_does_not_come_home(
    origin: Origin,
    sender: str,
    carrier: str,
    relayer: str,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    come_home: Callable[..., Step],
) -> None:
    """P5: its notice came, and paid who sent it and who carried it: the lane's escrow pays for no step twice."""
    sent = origin.send(sender)
    parts = fee(sent)
    origin.notice(sent.id, expired=True, carrier=carrier, step=parts.step)
    close()
    arguments = evidence(sent, elders(), Status.EXPIRED)
    step = come_home(arguments)
    given = parts.relay - parts.base + parts.callback
    assert step.credit == {relayer: parts.step, sender: given}
    assert origin.gateway.view("laneFees", origin.arcade)[0] == parts.base + parts.step


def test_a_notice_that_comes_later_pays_nobody(
    origin: Origin,
    sender: str,
    carrier: str,
    owner: str,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    come_home: Callable[..., Step],
) -> None:
    """P5, M11: what is left of its fee is for those who carried it there and sent the notice."""
    sent, other = origin.send(sender), origin.send(sender)
    close()
    by = elders()
    come_home(evidence(sent, by))
    origin.gateway.send("setOpen", origin.arcade, True, True, sender=owner)
    origin.validators = by
    said = origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
    assert (said.credit, said.receipt.named("ReturnNoticed")) == ({}, [])
    left = fee(sent).base + fee(sent).step
    assert origin.gateway.view("laneFees", origin.arcade)[0] == fee(other).total + left


# Each condition


def test_refuses_while_the_route_is_open(
    origin: Origin,
    sender: str,
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    refusal: Callable[..., Revert],
) -> None:
    sent = origin.send(sender)
    assert refusal(evidence(sent, elders())) == error("RouteNotClosed", origin.arcade, 0)


def test_refuses_if_only_arrivals_are_closed(
    origin: Origin,
    sender: str,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    refusal: Callable[..., Revert],
) -> None:
    sent = origin.send(sender)
    close(outbound=True)
    assert refusal(evidence(sent, elders())) == error("RouteNotClosed", origin.arcade, 0)


def test_a_route_that_was_opened_again_waits_anew(
    origin: Origin,
    sender: str,
    since: int,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
) -> None:
    """In between more was sent."""
    sent = origin.send(sender)
    close()
    close(outbound=True, at=since + 50)
    by = elders()
    arguments = evidence(sent, by)
    assert refusal(arguments) == error("RouteNotClosed", origin.arcade, 0)
    at = now(origin.hub.chain) + 10
    close(at=at)
    assert refusal(arguments) == error("RouteNotClosed", origin.arcade, at)


def test_closing_again_does_not_wait_anew(
    origin: Origin,
    sender: str,
    since: int,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    come_home: Callable[..., Step],
) -> None:
    sent = origin.send(sender)
    close()
    close(inbound=True, at=since + 50)
    come_home(evidence(sent, elders()))


CHANGES: dict[str, Callable[[UnexecutedFact, Sent], Any]] = {
    "other-origin": lambda fact, sent: replace(fact, origin=903),
    "other-destination": lambda fact, sent: replace(fact, destination=903),
    "directions-swapped": lambda fact, sent: replace(fact, origin=fact.destination, destination=fact.origin),
    "other-nonce": lambda fact, sent: replace(fact, nonce=fact.nonce + 1),
    "other-id": lambda fact, sent: replace(fact, id=keccak(fact.id)),
    "other-status": lambda fact, sent: replace(fact, status=Status.FAILED),
    "status-beyond": lambda fact, sent: replace(fact, status=3),
    "lane-fact": lambda fact, sent: LaneFact(fact.origin, fact.destination, fact.nonce, fact.id),
    "restart-fact": lambda fact, sent: RestartFact(fact.origin, fact.destination, fact.nonce),
    "set-fact": lambda fact, sent: SetFact(fact.nonce, fact.id),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_refuses_a_signed_fact_about_something_else(
    origin: Origin,
    sender: str,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
    change: Callable[..., Any],
) -> None:
    """M1, M2, M9."""
    sent = origin.send(sender)
    close()
    by = elders()
    signed = change(fact(sent, Status.NONE), sent)
    assert refusal(evidence(sent, by, signed=signed)) == error("NotUnexecuted", sent.id, Status.NONE)
    come_home(evidence(sent, by))


@pytest.mark.parametrize("claimed", [Status.NONE, Status.FAILED, Status.EXPIRED])
@pytest.mark.parametrize("status", [Status.NONE, Status.FAILED, Status.EXPIRED])
def test_refuses_another_status_than_was_signed(
    origin: Origin,
    sender: str,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
    status: Status,
    claimed: Status,
) -> None:
    """P5: what was earned there depends on it."""
    sent = origin.send(sender)
    close()
    arguments = evidence(sent, elders(), claimed, signed=fact(sent, status))
    if status == claimed:
        come_home(arguments)
    else:
        assert refusal(arguments) == error("NotUnexecuted", sent.id, claimed)


def test_refuses_a_status_that_there_is_not(
    origin: Origin,
    sender: str,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    refusal: Callable[..., Revert],
) -> None:
    sent = origin.send(sender)
    close()
    message, way, _, *others = evidence(sent, elders())
    assert refusal((message, way, 3, *others)).data in (b"", error("FailedCall").data)


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(lambda proof, root: [], id="empty"),
        pytest.param(lambda proof, root: proof[:-1], id="truncated"),
        pytest.param(lambda proof, root: [*proof, bytes(32)], id="extended"),
        pytest.param(lambda proof, root: [root], id="the-root"),
    ],
)
def test_refuses_a_fact_without_its_proof(
    origin: Origin,
    sender: str,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    refusal: Callable[..., Revert],
    defect: Callable[..., Any],
) -> None:
    """M7."""
    sent = origin.send(sender)
    close()
    *others, attestation, proof = evidence(sent, elders())
    arguments = (*others, attestation, defect(proof, attestation[0]))
    assert refusal(arguments) == error("NotUnexecuted", sent.id, Status.NONE)


@pytest.mark.parametrize("what", ["too-few", "set-before", "own-set", "expired"])
def test_refuses_what_no_quorum_of_the_installed_set_signed(
    origin: Origin,
    sender: str,
    validators: Validators,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    come_home: Callable[..., Step],
    refusal: Callable[..., Revert],
    what: str,
) -> None:
    """P3."""
    sent = origin.send(sender)
    close()
    by = elders()
    own = Validators([1] * 5, by.set.expires, version=by.set.version, name="attacker")
    cases: dict[str, tuple[tuple[Any, ...], int | None, Revert]] = {
        "too-few": (evidence(sent, by, positions=[0, 1, 2]), None, error("QuorumNotReached", 3, 5)),
        "set-before": (
            evidence(sent, validators),
            None,
            error("UnknownValidatorSet", validators.set.hash, by.set.hash),
        ),
        "own-set": (
            evidence(sent, own),
            None,
            error("UnknownValidatorSet", own.set.hash, by.set.hash),
        ),
        "expired": (
            evidence(sent, by),
            by.set.expires + 1,
            error("ValidatorSetExpired", by.set.version, by.set.expires),
        ),
    }
    arguments, at, expected = cases[what]
    assert refusal(arguments, at) == expected
    come_home(evidence(sent, by), at=by.set.expires if what == "expired" else None)


def test_refuses_what_was_never_sent(
    origin: Origin,
    sender: str,
    attacker: str,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    refusal: Callable[..., Revert],
) -> None:
    """M9: even if a quorum signs that it was not executed."""
    sent = origin.send(sender)
    close()
    by = elders()
    forged = replace(sent, message=replace(sent.message, sender=attacker))
    signed = UnexecutedFact(901, origin.arcade, 1, forged.message.id, Status.NONE)
    (_, way, *others) = evidence(sent, by, signed=signed)
    arguments = (forged.message.fields, way, *others)
    assert refusal(arguments) == error("NotInLane", forged.message.id, origin.arcade, 1)


def test_what_gateways_say_never_comes_home(
    origin: Origin,
    said_by_the_hub: Sent,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    refusal: Callable[..., Revert],
) -> None:
    close()
    arguments = evidence(said_by_the_hub, elders())
    assert refusal(arguments) == error("NotReturned", said_by_the_hub.id)


def test_what_came_back_by_its_notice_does_not_come_home(
    origin: Origin,
    client: Contract,
    carrier: str,
    close: Callable[..., None],
    elders: Callable[[], Validators],
    evidence: Callable[..., tuple[Any, ...]],
    refusal: Callable[..., Revert],
) -> None:
    """M11, P1: all ways home are one."""
    sent = origin.send(client)
    origin.notice(sent.id, expired=True, carrier=carrier)
    origin.refund(sent, by=carrier)
    close()
    assert refusal(evidence(sent, elders())) == error("AlreadyRefunded", sent.id)
    assert client.view("returnedCount") == 1
