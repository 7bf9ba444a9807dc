"""One value of a deployment at a time, changed as its owner would change it, or in storage where nobody can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import load_layout
from metalayer.deploy.contracts import CONTROLLER, SET_GUARDIAN
from metalayer.deploy.names import (
    BRIDGE,
    BRIDGED_TOKEN,
    DECISION_OUTBOX,
    ERA,
    FACTORY,
    GATEWAY,
    GOVERNOR,
    GUARDIAN,
    REMOTE_GOVERNOR,
    SLASHER,
    STAKING,
    TIMELOCK,
    VESTING,
    WRAPPED_ETHER,
)
from metalayer.protocol import bridge, gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.message import interoperable
from metalayer.protocol.transfers import Description, representation
from tests.kit.deployment import Deployment
from tests.kit.owning import act_as
from tests.kit.paper import DAY
from tests.kit.roles import GUARDIAN as COUNCIL
from tests.kit.roles import SUCCESSOR, VALIDATORS

WALLET = "VestingTeam1"
COIN = "0x" + "c0" * 20
"""A token of perps."""


@dataclass(frozen=True)
class Bench:
    """A deployment, and one of its chains on which something is changed."""

    deployment: Deployment
    chain: str

    def address(self, contract: str) -> str:
        return self.deployment.registry.contract(self.chain, contract).address

    def id_of(self, chain: str) -> int:
        return self.deployment.id_of(chain)

    def rpc(self, method: str, *params: Any) -> Any:
        return self.deployment.connections[self.chain].rpc(method, *params)

    def act(self, account: str, contract: str, function: str, *values: Any) -> None:
        """As any account, whether anybody has its key or not."""
        data = Function(function).encode(*values)
        act_as(self.deployment.connections[self.chain], account, self.address(contract), data)

    def own(self, contract: str, function: str, *values: Any) -> None:
        """As the timelock that owns everything."""
        self.act(self.deployment.owner, contract, function, *values)

    def write(self, contract: str, slot: int, value: int, offset: int = 0, size: int = 32) -> None:
        """A value within a word of storage. AssertionError if it is there already."""
        self.write_at(self.address(contract), slot, value, offset, size)

    def write_at(self, address: str, slot: int, value: int, offset: int = 0, size: int = 32) -> None:
        word = int(self.rpc("eth_getStorageAt", address, hex(slot), "latest"), 16)
        mask = (1 << 8 * size) - 1 << 8 * offset
        changed = word & ~mask | value << 8 * offset
        assert changed != word, "nothing would change"
        self.rpc("anvil_setStorageAt", address, f"0x{slot:064x}", f"0x{changed:064x}")


def slot(contract: str, label: str, *keys: tuple[str, Any]) -> int:
    """Of a variable, or of what a mapping has under these keys of a type."""
    place = load_layout(contract).slot(label)
    for type_, key in keys:
        place = under(place, type_, key)
    return place


def under(place: int, type_: str, key: Any) -> int:
    """Where a mapping has what is under a key."""
    return int.from_bytes(keccak(encode([type_, "uint256"], [key, place])), "big")


def text(value: str) -> int:
    """A short string as a word of storage."""
    return int.from_bytes(value.encode().ljust(31, b"\0") + bytes([2 * len(value)]), "big")


def number(address: str) -> int:
    """An address as a number."""
    return int(address, 16)


@dataclass(frozen=True)
class Mutation:
    """How a view's value is changed on a chain, and as what `check` names that. found: part of what it then finds.
    follows: what was expected follows from what was changed, and is another than before.
    """

    chain: str
    change: Callable[[Bench], None]
    subject: str
    found: str = ""
    follows: bool = False


def _stored(
    contract: str,
    label: str,
    value: Any,
    *keys: tuple[str, Any],
    part: tuple[int, int] = (0, 32),
    more: int = 0,
) -> Callable[[Bench], None]:
    """part: offset and size within the word; more: words after the first of a struct."""
    return lambda on: on.write(contract, slot(contract, label, *keys) + more, value, *part)


def _owned(contract: str, function: str, *values: Any) -> Callable[[Bench], None]:
    return lambda on: on.own(contract, function, *values)


_OTHER = SUCCESSOR.address
_ROLE = keccak(text="EXECUTOR_ROLE")
_VALIDATOR = ("uint256", 2)
_TERMS = "(uint24,uint24,uint24,uint40,uint40,uint40,uint40,uint16)"


def _set_terms(on: Bench) -> None:
    gateway_ = on.address(GATEWAY)
    route = on.deployment.connections[on.chain].view(gateway_, gateway.ROUTE, on.id_of("hub"))
    terms = (route.terms.default_gas_limit + 1, *route.terms.fields[1:])
    on.own(GATEWAY, gateway.SET_TERMS.signature, on.id_of("hub"), terms)


def _keep_reference(on: Bench) -> None:
    """As if the fee keeper had set the present terms, when the owner had set others."""
    hub = ("uint256", on.id_of("hub"))
    route = on.deployment.connections[on.chain].view(on.address(GATEWAY), gateway.ROUTE, on.id_of("hub"))
    kept = keccak(encode([_TERMS], [route.terms.fields]))
    on.write(GUARDIAN, slot(GUARDIAN, "_references", hub), 200_000)
    on.write(GUARDIAN, slot(GUARDIAN, "_kept", hub), int.from_bytes(kept, "big"))


def _pass_on(on: Bench) -> None:
    on.own(FACTORY, "seal(address,address)", on.deployment.registry.deployer, _OTHER)


def _approve(on: Bench) -> None:
    on.own(
        FACTORY, "approve(address,bytes32,bytes32)", on.deployment.registry.deployer, b"\1" * 32, b"\2" * 32
    )


def represent(on: Bench) -> str:
    """What stands for a token of perps from its first message on."""
    address = on.address(BRIDGE)
    payload = Description(COIN, 6, b"Coin", b"COIN").encoded
    sender = interoperable(on.id_of("perps"), address)
    on.act(on.address(GATEWAY), BRIDGE, gateway.RECEIVE_MESSAGE.signature, bytes(32), sender, payload)
    return representation(address, on.address(BRIDGED_TOKEN), on.id_of("perps"), COIN)


def _misname(label: str, value: int, part: tuple[int, int] = (0, 32)) -> Callable[[Bench], None]:
    def change(on: Bench) -> None:
        on.write_at(represent(on), slot(BRIDGED_TOKEN, label), value, *part)

    return change


def _move_home(on: Bench) -> None:
    local = represent(on)
    on.write(BRIDGE, slot(BRIDGE, "_homes", ("address", local)), number(_OTHER), 0, 20)


def _move_local(on: Bench) -> None:
    represent(on)
    place = on.id_of("perps") << 160 | number(COIN)
    on.write(BRIDGE, slot(BRIDGE, "_locals", ("uint256", place)), number(_OTHER), 0, 20)


def _move_era(on: Bench) -> None:
    place = on.id_of("hub") << 160 | number(on.address(ERA))
    on.write(BRIDGE, slot(BRIDGE, "_locals", ("uint256", place)), number(_OTHER), 0, 20)


def _move_era_home(on: Bench) -> None:
    on.write(BRIDGE, slot(BRIDGE, "_homes", ("address", on.address(ERA))), number(_OTHER), 0, 20)


def _choose(on: Bench) -> None:
    on.write(BRIDGE, slot(BRIDGE, "_chains", ("uint256", on.id_of("hub"))), number(_OTHER), 0, 20)


def _choose_beside(on: Bench) -> None:
    on.own(BRIDGE, bridge.CHOOSE_GATEWAY.signature, 77, on.address(GATEWAY))
    on.write(BRIDGE, slot(BRIDGE, "_chains", ("uint256", 77)), number(_OTHER), 0, 20)


def _accept_later(on: Bench) -> None:
    on.write(BRIDGE, slot(BRIDGE, "_acceptedFrom", ("address", on.address(GATEWAY))), 1 << 40)


def _hold(on: Bench) -> None:
    on.act(on.address(GUARDIAN), BRIDGE, bridge.HOLD.signature, on.id_of("hub"), DAY)


def _limit(on: Bench) -> None:
    on.own(BRIDGE, bridge.SET_LIMITS.signature, on.address(ERA), on.id_of("hub"), 7, 8, DAY)


def _pause(on: Bench) -> None:
    on.act(on.address(GUARDIAN), GATEWAY, "pauseInbound(uint256,uint64)", on.id_of("hub"), DAY)


def _close(on: Bench) -> None:
    on.own(GATEWAY, gateway.SET_OPEN.signature, on.id_of("hub"), False, True)


def _open_beside(on: Bench) -> None:
    on.own(GATEWAY, gateway.SET_TERMS.signature, 77, (200_000, 2_000_000, 0, 0, 0, 0, 0, 0))
    on.own(GATEWAY, gateway.SET_OPEN.signature, 77, True, False)


def _count_as_closed(on: Bench) -> None:
    on.write(GATEWAY, slot(GATEWAY, "closedSince", ("uint256", on.id_of("hub"))), 1_700_000_000)


def _pardon(on: Bench) -> None:
    lane = ("uint256", on.id_of("hub")), ("uint256", on.id_of("arcade"))
    on.write(SLASHER, slot(SLASHER, "pardonedThrough", *lane), 9)


def _outbox_forgets(on: Bench) -> None:
    on.write(DECISION_OUTBOX, slot(DECISION_OUTBOX, "isGateway", ("address", on.address(GATEWAY))), 0, 0, 1)


def _other_outbox_gateway(on: Bench) -> None:
    on.own(DECISION_OUTBOX, "setGateway(address)", on.address(BRIDGE))


def _other_decisions(on: Bench) -> None:
    on.own(REMOTE_GOVERNOR, "setGateway(address,bool)", on.address(BRIDGE), True)


def _quorum(on: Bench) -> None:
    """The value of the only checkpoint, above its time."""
    history = int.from_bytes(keccak(encode(["uint256"], [slot(GOVERNOR, "_quorumNumeratorHistory")])), "big")
    on.write(GOVERNOR, history, 5, 6, 26)


def _other_admin(on: Bench) -> None:
    on.write(TIMELOCK, slot(TIMELOCK, "_roles", ("bytes32", _ROLE)) + 1, int.from_bytes(_ROLE, "big"))


def _strike(on: Bench) -> None:
    on.own(BRIDGE, bridge.STRIKE.signature, on.id_of("hub"), b"\7" * 32)


def _watcher(account: str, watching: bool) -> Callable[[Bench], None]:
    return lambda on: on.act(COUNCIL.address, GUARDIAN, "setWatcher(address,bool)", account, watching)


def _validator(value: int, word: int, part: tuple[int, int]) -> Callable[[Bench], None]:
    return _stored(STAKING, "_validators", value, _VALIDATOR, part=part, more=word)


def _release(on: Bench) -> None:
    """As if one wei had been released that never was."""
    key = ("address", on.address(ERA))
    on.write_at(on.address(WALLET), slot(VESTING, "_erc20Released", key), 10**18)


def _empty(contract: str) -> Callable[[Bench], None]:
    """As if ERA had left a contract without a trace."""
    return lambda on: on.write(ERA, slot(ERA, "_balances", ("address", on.address(contract))), 10**18)


def _wallet(label: str) -> Callable[[Bench], None]:
    return lambda on: on.write_at(on.address(WALLET), slot(VESTING, label), number(_OTHER), 0, 20)


MUTATIONS: dict[tuple[str, str], list[Mutation]] = {
    (FACTORY, "controllerOf(address)"): [Mutation("hub", _pass_on, CONTROLLER, _OTHER)],
    (FACTORY, "approvedHash(address,bytes32)"): [
        Mutation("arcade", _approve, "code that may still be placed", "0x" + "02" * 32)
    ],
    (TIMELOCK, "getMinDelay()"): [
        Mutation("arcade", _owned(TIMELOCK, "updateDelay(uint256)", DAY), "timelock delay", "1 day")
    ],
    (TIMELOCK, "hasRole(bytes32,address)"): [
        Mutation(
            "hub", _owned(TIMELOCK, "grantRole(bytes32,address)", _ROLE, _OTHER), "Timelock executor", _OTHER
        )
    ],
    (TIMELOCK, "getRoleAdmin(bytes32)"): [
        Mutation("hub", _other_admin, "Timelock roles given by others than the admin", "executor by executor")
    ],
    (ERA, "name()"): [Mutation("arcade", _stored(ERA, "_name", text("ERB")), "ERA name", "'ERB'")],
    (ERA, "symbol()"): [Mutation("hub", _stored(ERA, "_symbol", text("ERB")), "ERA symbol", "'ERB'")],
    (ERA, "balanceOf(address)"): [
        Mutation("hub", _empty(WALLET), f"{WALLET} holds", "1 ERA"),
        Mutation("hub", _empty("Airdrop"), "Airdrop holds", "1 ERA"),
    ],
    (ERA, "totalSupply()"): [
        Mutation(
            "hub", _stored(ERA, "_totalSupply", 10**27 + 1), "ERA totalSupply", "1000000000000000000000000001"
        )
    ],
    (VESTING, "owner()"): [Mutation("hub", _wallet("_owner"), f"{WALLET} beneficiary", _OTHER)],
    (VESTING, "pendingOwner()"): [Mutation("hub", _wallet("_pendingOwner"), f"{WALLET} offered to", _OTHER)],
    (VESTING, "released(address)"): [Mutation("hub", _release, f"{WALLET} released", "1")],
    (BRIDGE, "acceptedFrom(address)"): [
        Mutation(
            "arcade",
            _owned(BRIDGE, bridge.ACCEPT_GATEWAY.signature, _OTHER),
            "gateways of the bridge",
            _OTHER,
        ),
        Mutation("arcade", _accept_later, "gateways of the bridge", " from 36812"),
    ],
    (BRIDGE, "gatewayOf(uint256)"): [
        Mutation("arcade", _choose, "gateway of the bridge to hub", _OTHER),
        Mutation("arcade", _choose_beside, "other gateways of the bridge", f"{_OTHER} to chain 77"),
    ],
    (BRIDGE, "heldUntil(uint256)"): [Mutation("arcade", _hold, "hold of hub", "until ")],
    (BRIDGE, "homeOf(address)"): [
        Mutation("arcade", _move_era_home, "home of ERA", _OTHER),
        Mutation("arcade", _move_home, "representations", "does not stand for"),
    ],
    (BRIDGE, "limitsOf(address,uint256)"): [
        Mutation("arcade", _limit, "other limits", "with hub: out 7, in 8")
    ],
    (BRIDGE, "localOf(uint256,address)"): [
        Mutation("arcade", _move_era, "ERA of the bridge", _OTHER),
        Mutation("arcade", _move_local, "representations", "does not stand for"),
    ],
    (BRIDGE, "waitingSince(bytes32)"): [Mutation("arcade", _strike, "other struck messages", "0x0707")],
    (BRIDGED_TOKEN, "decimals()"): [
        Mutation("arcade", _stored(BRIDGED_TOKEN, "_decimals", 7, part=(20, 1)), "BridgedToken decimals", "7")
    ],
    (BRIDGED_TOKEN, "homeChain()"): [
        Mutation("arcade", _stored(BRIDGED_TOKEN, "homeChain", 7), "BridgedToken homeChain", "7"),
        Mutation("arcade", _misname("homeChain", 7), "representations", "does not stand for"),
    ],
    (BRIDGED_TOKEN, "homeToken()"): [
        Mutation(
            "arcade",
            _stored(BRIDGED_TOKEN, "homeToken", number(_OTHER), part=(0, 20)),
            "BridgedToken homeToken",
            _OTHER,
        ),
        Mutation(
            "arcade", _misname("homeToken", number(_OTHER), (0, 20)), "representations", "does not stand for"
        ),
    ],
    (BRIDGED_TOKEN, "name()"): [
        Mutation("hub", lambda on: on.write(BRIDGED_TOKEN, 8, text("Coin")), "BridgedToken name", "'Coin'")
    ],
    (BRIDGED_TOKEN, "symbol()"): [
        Mutation("hub", lambda on: on.write(BRIDGED_TOKEN, 9, text("COIN")), "BridgedToken symbol", "'COIN'")
    ],
    (BRIDGED_TOKEN, "totalSupply()"): [
        Mutation("hub", _stored(BRIDGED_TOKEN, "_totalSupply", 5), "BridgedToken totalSupply", "5")
    ],
    (WRAPPED_ETHER, "name()"): [
        Mutation("perps", _stored(WRAPPED_ETHER, "_name", text("Ether")), "WrappedEther name", "'Ether'")
    ],
    (WRAPPED_ETHER, "symbol()"): [
        Mutation("perps", _stored(WRAPPED_ETHER, "_symbol", text("ETH")), "WrappedEther symbol", "'ETH'")
    ],
    (STAKING, "seatedStake()"): [
        Mutation("hub", _stored(STAKING, "_seatedStake", 10**18, part=(16, 12)), "seated stake", "1 ERA")
    ],
    (STAKING, "seats()"): [
        Mutation("hub", _stored(STAKING, "_seats", 9, part=(0, 2)), "who sits", "2, 3, 4, 5, 9")
    ],
    (STAKING, "setAt()"): [
        Mutation("hub", _stored(STAKING, "setAt", 1, part=(8, 5)), "newest set of Staking", "of 1970-01-01")
    ],
    (STAKING, "setExpires()"): [
        Mutation(
            "hub",
            _stored(STAKING, "setExpires", 1, part=(13, 5)),
            "newest set of Staking",
            "until 1970-01-01",
        )
    ],
    (STAKING, "setVersion()"): [
        Mutation("hub", _stored(STAKING, "setVersion", 7, part=(0, 8)), "newest set of Staking", "version 7")
    ],
    (STAKING, "setWeight()"): [
        Mutation("hub", _stored(STAKING, "setWeight", 7, part=(19, 12)), "newest set of Staking", "weight 7")
    ],
    (STAKING, "validatorCount()"): [
        Mutation("hub", _stored(STAKING, "_validatorCount", 6, part=(0, 2)), "validators", "6")
    ],
    (STAKING, "key(address)"): [
        Mutation(
            "hub",
            _stored(STAKING, "_keys", 3, ("address", VALIDATORS[0].address), part=(0, 2)),
            "validators, their keys and own stakes",
            f"{VALIDATORS[0].address} is a key of 3",
        )
    ],
    (STAKING, "setHash(uint64)"): [
        Mutation("hub", _stored(STAKING, "setHash", 1, ("uint64", 1)), "hashes of sets", "1: 0x0000")
    ],
    (STAKING, "validator(uint256)"): [
        Mutation("hub", _validator(10**18, 0, (0, 12)), "seated stake", "1,000,000 ERA", follows=True),
        Mutation(
            "hub",
            _validator(number(_OTHER), 0, (12, 20)),
            "validators, their keys and own stakes",
            f"2 signs with {_OTHER}",
        ),
        Mutation(
            "hub",
            _validator(10**18, 2, (12, 12)),
            "validators, their keys and own stakes",
            "2 has 1 ERA of its",
        ),
        Mutation("hub", _validator(0, 2, (29, 1)), "who sits", "1, 2, 3, 4, 5", follows=True),
        Mutation(
            "hub",
            _validator(number(_OTHER), 3, (0, 20)),
            "validators, their keys and own stakes",
            f"2 is operated by {_OTHER}",
        ),
    ],
    (SLASHER, "owner()"): [
        Mutation("hub", _stored(SLASHER, "_owner", number(_OTHER), part=(0, 20)), "Slasher owner", _OTHER)
    ],
    (SLASHER, "pendingOwner()"): [
        Mutation(
            "hub", _owned(SLASHER, "transferOwnership(address)", _OTHER), "Slasher pending owner", _OTHER
        )
    ],
    (SLASHER, "setsPardonedThrough()"): [
        Mutation("hub", _stored(SLASHER, "setsPardonedThrough", 4, part=(0, 8)), "pardons", "sets through 4")
    ],
    (SLASHER, "pardonedThrough(uint256,uint256)"): [
        Mutation("hub", _pardon, "pardons", "hub to arcade through 9")
    ],
    (GUARDIAN, "council()"): [
        Mutation("arcade", _owned(GUARDIAN, "setCouncil(address)", _OTHER), "council", _OTHER)
    ],
    (GUARDIAN, "feeKeeper()"): [
        Mutation(
            "arcade",
            lambda on: on.act(COUNCIL.address, GUARDIAN, "setFeeKeeper(address)", _OTHER),
            "fee keeper",
            _OTHER,
        )
    ],
    (GUARDIAN, "isWatcher(address)"): [
        Mutation("arcade", _watcher(_OTHER, True), "other watchers", _OTHER),
        Mutation("arcade", _watcher(COUNCIL.address, False), f"watcher {COUNCIL.address}", "False"),
    ],
    (GUARDIAN, "referenceTerms(uint256)"): [
        Mutation("arcade", _keep_reference, "reference of the fee keeper to hub", "never set")
    ],
    (GOVERNOR, "name()"): [
        Mutation("hub", _stored(GOVERNOR, "_name", text("Gov")), "EraGovernor name", "'Gov'")
    ],
    (GOVERNOR, "proposalGuardian()"): [
        Mutation(
            "hub",
            _stored(GOVERNOR, "_proposalGuardian", number(_OTHER), part=(0, 20)),
            "proposal guardian",
            _OTHER,
        )
    ],
    (GOVERNOR, "proposalThreshold()"): [
        Mutation("hub", _stored(GOVERNOR, "_proposalThreshold", 10**18), "proposal threshold", "1")
    ],
    (GOVERNOR, "quorumNumerator()"): [Mutation("hub", _quorum, "quorum", "5 %")],
    (GOVERNOR, "timelock()"): [
        Mutation(
            "hub",
            _stored(GOVERNOR, "_timelock", number(_OTHER), part=(0, 20)),
            "EraGovernor timelock",
            _OTHER,
        )
    ],
    (GOVERNOR, "votingDelay()"): [
        Mutation("hub", _stored(GOVERNOR, "_votingDelay", DAY, part=(0, 6)), "voting delay", "1 day")
    ],
    (GOVERNOR, "votingPeriod()"): [
        Mutation("hub", _stored(GOVERNOR, "_votingPeriod", DAY, part=(6, 4)), "voting period", "1 day")
    ],
    (DECISION_OUTBOX, "gateway()"): [Mutation("hub", _other_outbox_gateway, "DecisionOutbox gateway", "0x")],
    (DECISION_OUTBOX, "isGateway(address)"): [
        Mutation("hub", _outbox_forgets, "gateways of DecisionOutbox", "none")
    ],
    (REMOTE_GOVERNOR, "guardian()"): [
        Mutation(
            "arcade",
            _stored(REMOTE_GOVERNOR, "guardian", number(_OTHER), part=(0, 20)),
            "decision guardian",
            _OTHER,
        )
    ],
    (REMOTE_GOVERNOR, "recovery()"): [
        Mutation(
            "arcade",
            _stored(REMOTE_GOVERNOR, "recovery", number(_OTHER), part=(0, 20)),
            "decision recovery",
            _OTHER,
        )
    ],
    (REMOTE_GOVERNOR, "isGateway(address)"): [
        Mutation("arcade", _other_decisions, "other gateways of decisions", "0x"),
        Mutation(
            "arcade", _stored(REMOTE_GOVERNOR, "_accepted", 0, part=(1, 4)), "decision gateway", "False"
        ),
    ],
    (GATEWAY, "announcedSet()"): [
        Mutation("arcade", _stored(GATEWAY, "announced", 7), "announced validator set", "0x"),
        Mutation(
            "arcade",
            _stored(GATEWAY, "installableFrom", 7, part=(0, 8)),
            "announced validator set",
            "from 1970",
        ),
    ],
    (GATEWAY, "guardian()"): [
        Mutation("perps", _owned(GATEWAY, SET_GUARDIAN.signature, _OTHER), "guardian", _OTHER)
    ],
    (GATEWAY, "owner()"): [
        Mutation("perps", _stored(GATEWAY, "_owner", number(_OTHER), part=(0, 20)), "Metalayer owner", _OTHER)
    ],
    (GATEWAY, "pendingOwner()"): [
        Mutation(
            "perps", _owned(GATEWAY, "transferOwnership(address)", _OTHER), "Metalayer pending owner", _OTHER
        )
    ],
    (GATEWAY, "recovery()"): [
        Mutation("perps", _stored(GATEWAY, "recovery", number(_OTHER), part=(8, 20)), "recovery", _OTHER)
    ],
    (GATEWAY, "validatorSetHash()"): [
        Mutation("perps", _stored(GATEWAY, "installed", 7), "installed validator set", "0x0000", follows=True)
    ],
    (GATEWAY, "closedSince(uint256)"): [
        Mutation("perps", _count_as_closed, "lane to hub", "closed since 2023-11-14")
    ],
    (GATEWAY, "pausedUntil(uint256)"): [Mutation("perps", _pause, "pause of hub", "until ")],
    (GATEWAY, "route(uint256)"): [
        Mutation("perps", _set_terms, "terms to hub", "gas 200001"),
        Mutation("perps", _close, "route to and from hub", "inbound only"),
        Mutation("perps", _open_beside, "other routes", "chain 77: outbound only"),
    ],
}
"""By contract and view. What the constructor fixed in the code is changed there: see the test."""
