"""Gas of staking: whole transactions, measured on contracts of its own on one chain.

32 seats are taken, rewards stream, and whoever acts did so before: what is written for the first time is said in the
name of a figure. All stake and all liquid ERA of those who act are votes of one delegatee.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

import rlp
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from benchmarks.crowd import Crowd, account
from benchmarks.meter import RUNS, Meter, Report, gas_used
from metalayer.assets.tokens import APPROVE, TRANSFER
from metalayer.deploy.artifacts import load_artifacts
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.protocol import slasher, staking
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import HUB_SUPPLY
from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet, compact
from metalayer.protocol.facts import Fact, LaneFact, SetFact, SignedFact, Tree, signed_facts
from metalayer.protocol.slasher import Accusation, Kind

SEATS = 32
CROWD = 1_000
"""Delegators of the one validator that has many."""

MOST = {
    "claim": 117_000,
    "delegate_first": 130_000,
    "delegate_more": 97_000,
    "settle_1": 185_000,
    "settle_1000": 185_000,
    "snapshot_32": 285_000,
    "undelegate_first": 130_000,
    "undelegate_merged": 79_000,
    "withdraw": 58_000,
}
"""What the design allows, in gas."""

_ERA = 10**18
_MIN_OWN = 100_000 * _ERA
_AMOUNT = 1_000 * _ERA
_REWARD = 70_000 * _ERA
_COMMISSION = 500
_BRIDGE = "0x" + "b1" * 20
# Facts under one root, as many as there are lanes between four chains.
_FACTS = 12

_DELEGATE_VOTES = Function("delegate(address)")
_SIGNED = "(bytes32,bytes32[],(bytes32,bytes32))"
_EQUIVOCATION = Function(f"laneEquivocation((uint256,uint256,uint256,bytes32),{_SIGNED},bytes32,{_SIGNED})")


class StakingBenchmark:
    """Measures on a chain that mines a block per transaction, which nobody else uses meanwhile: its clock goes months
    ahead.

    `crowd` is how many delegators the last slashed validator has; 0: that figure is left out.
    """

    def __init__(
        self,
        connection: Connection,
        registry: Registry,
        report: Report,
        runs: int = RUNS,
        crowd: int = CROWD,
    ) -> None:
        self._meter = Meter(connection, report, runs=runs)
        self._connection = connection
        self._size = crowd
        self._domain = Domain(registry.network_id, registry.address("Metalayer"))
        self._keys: dict[str, LocalAccount] = {}
        self._names = itertools.count(1)
        self._places = itertools.count(1)
        # Each validator stakes more than the one before.
        self._stakes = itertools.count(1)
        self._treasury, self._bank = account("treasury"), account("bank")
        self._deploy(registry.address("Metalayer"))
        self._crowd = Crowd(connection, self._era, self._staking, self._bank)
        self._open_bank()
        self._operator = self._actor("operator", 1_000 * _MIN_OWN)
        self._holder = self._actor("holder", _MIN_OWN)
        # Without ERA: they only begin to have some.
        self._reporter, self._keeper = self._meter.account("reporter"), self._meter.account("keeper")
        for _ in range(SEATS):
            self._join(self._register(_MIN_OWN + next(self._stakes) * _ERA)[0])

    def run(self) -> dict[str, int]:
        """Gas by name."""
        figures = self._meter.medians("staking: register, join", self._registered)
        figures |= self._meter.medians("staking: snapshot", self._published)
        figures |= self._checked_in()
        figures |= self._delegated()
        figures |= self._left()
        figures |= self._slashed()
        return dict(sorted(figures.items()))

    # What is measured

    def _registered(self) -> dict[str, int]:
        """A validator takes the seat of the one with the least stake."""
        self._reward()
        added, register = self._register(_MIN_OWN + next(self._stakes) * _ERA)
        return {"register": register, "join_evicting": self._join(added)}

    def _published(self) -> dict[str, int]:
        return {"snapshot_32": self._snapshot()[1]}

    def _checked_in(self) -> dict[str, int]:
        published, _ = self._snapshot()

        def once() -> dict[str, int]:
            fact = SetFact(published.version, published.hash)
            return {
                f"check_in_{count}": self._send(
                    self._keeper, staking.CHECK_IN, *self._attested(published, fact, count)
                )
                for count in (1, SEATS)
            }

        return self._meter.medians("staking: check-in", once)

    def _delegated(self) -> dict[str, int]:
        validator = self._seated()[0]
        self._reward()
        for _ in range(2):
            self._send(self._holder, staking.DELEGATE, validator, _AMOUNT)

        def delegate() -> dict[str, int]:
            new = self._actor(f"holder {next(self._names)}", 2 * _AMOUNT)
            elsewhere = account(f"delegatee {next(self._names)}")
            other = self._actor(f"holder {next(self._names)}", 2 * _AMOUNT, elsewhere)
            return {
                "delegate_first": self._send(new, staking.DELEGATE, validator, _AMOUNT),
                "delegate_first_new_surrogate": self._send(other, staking.DELEGATE, validator, _AMOUNT),
                "delegate_more": self._send(self._holder, staking.DELEGATE, validator, _ERA),
            }

        def claim() -> dict[str, int]:
            return {
                "claim": self._claim(validator),
                "delegate_more_after_claim": self._send(self._holder, staking.DELEGATE, validator, _ERA),
            }

        figures = self._meter.medians("staking: delegate", delegate)
        return figures | self._meter.medians("staking: claim", claim)

    def _left(self) -> dict[str, int]:
        """Rewards were claimed before the first exit of a period: what it collects finds an empty word."""
        validator = self._seated()[0]
        periods: list[int] = []

        def leave() -> dict[str, int]:
            self._meter.reach((self._meter.now // staking.PERIOD + 1) * staking.PERIOD)
            self._reward()
            self._claim(validator)
            periods.append(self._meter.now // staking.PERIOD)
            undelegate = staking.UNDELEGATE, validator, _ERA
            return {
                f"undelegate_{name}": self._send(self._holder, *undelegate) for name in ("first", "merged")
            }

        figures = self._meter.medians("staking: undelegate", leave)
        self._meter.reach(staking.matures_at(periods[-1]))
        self._reward()
        mature = iter(periods)

        def withdraw() -> dict[str, int]:
            return {
                "withdraw": self._send(self._keeper, staking.WITHDRAW, self._holder, validator, next(mature))
            }

        return figures | self._meter.medians("staking: withdraw", withdraw)

    def _claim(self, validator: int) -> int:
        """To an account whose delegatee gets votes."""
        return self._send(self._holder, staking.CLAIM, [validator], self._holder)

    def _slashed(self) -> dict[str, int]:
        """One validator after the other, each more than four weeks after the one before: they do not count together."""
        self._send(self._operator, staking.LEAVE, self._seated()[0])

        def slash(name: str, crowd: Sequence[str] = ()) -> dict[str, int]:
            accused, _ = self._register(_MIN_OWN)
            join = self._join(accused)
            self._crowd.send(self._coming_and_leaving([self._holder, *crowd], accused))
            self._snapshot()
            accusation, accuse = self._accuse(accused)
            self._snapshot()
            self._meter.wait(slasher.SETTLE_DELAY)
            self._reward()
            settle = self._transact(self._keeper, self._slasher, slasher.SETTLE.encode(accusation.fields))
            self._meter.wait(2 * staking.WEEK)
            return {"accuse": accuse, "join": join, name: settle}

        figures = self._meter.medians("staking: accuse, settle", lambda: slash("settle_1"))
        if self._size:
            holders = [account(f"delegator {place}") for place in range(self._size)]
            self._crowd.fund(holders, _AMOUNT)
            name = f"settle_{self._size}"
            # The holder is one of them.
            figures[name] = slash(name, holders[1:])[name]
        # Everybody else's votes are another one's.
        self._transact(self._reporter, self._era, _DELEGATE_VOTES.encode(account("delegatee 0")))
        moved = self._meter.medians("staking: settle", lambda: slash("settle_votes_move"))
        return figures | {"settle_votes_move": moved["settle_votes_move"]}

    # What it takes

    def _deploy(self, gateway: str) -> None:
        found = load_artifacts(["ERA", "SetBuilder", "Staking", "Slasher"])
        meter, chain_id = self._meter, self._connection.chain.chain_id
        domain = bytes(self._domain.signable(bytes(32)).header)

        def deploy(name: str, types: Sequence[str] = (), *values: Any) -> str:
            return meter.deploy(found[name].creation, types, values)

        types = ["uint256", "address", "address", "(address,uint256)[]"]
        # The treasury has some ERA, and no votes.
        allocations = [(self._bank, HUB_SUPPLY - _ERA)]
        self._era = deploy("ERA", types, chain_id, _BRIDGE, self._treasury, allocations)
        builder = deploy("SetBuilder")
        # Staking is told where the Slasher will be.
        nonce = int(self._connection.rpc("eth_getTransactionCount", meter.sender, "latest"), 16) + 1
        created = keccak(rlp.encode([to_canonical_address(meter.sender), nonce]))[12:]
        self._slasher = to_checksum_address(created)
        types = ["address", "address", "address", "address", "bytes32", "uint256", "uint256"]
        values = [self._era, builder, self._slasher, self._treasury, domain, _MIN_OWN, SEATS]
        self._staking = deploy("Staking", types, *values)
        types = ["bytes32", "address", "address", "address"]
        if deploy("Slasher", types, domain, gateway, self._staking, meter.sender) != self._slasher:
            raise AssertionError("the Slasher is where nobody expects it")

    def _open_bank(self) -> None:
        self._meter.account("bank")
        self._transact(self._bank, self._era, _DELEGATE_VOTES.encode(account("delegatee")))

    def _actor(self, name: str, amount: int, delegatee: str | None = None) -> str:
        """An account with ERA, which Staking may take. `delegatee` has its votes: the common one by default."""
        address = self._meter.account(name)
        self._transact(self._bank, self._era, TRANSFER.encode(address, amount))
        self._transact(address, self._era, APPROVE.encode(self._staking, 2**256 - 1))
        self._transact(address, self._era, _DELEGATE_VOTES.encode(delegatee or account("delegatee")))
        return address

    def _register(self, own: int) -> tuple[int, int]:
        """A validator of the operator: its id, and gas."""
        id_ = self._view(staking.VALIDATOR_COUNT) + 1
        key: LocalAccount = Account.from_key(keccak(text=f"signing key {id_}"))
        self._keys[key.address] = key
        message = staking.possession(
            self._connection.chain.chain_id, self._staking, self._operator, key.address
        )
        possession = compact(key.sign_message(message))
        arguments = key.address, _COMMISSION, own, possession
        return id_, self._send(self._operator, staking.REGISTER, *arguments)

    def _join(self, validator: int) -> int:
        return self._send(self._operator, staking.JOIN, validator)

    def _seated(self) -> tuple[int, ...]:
        found: tuple[int, ...] = self._view(staking.TAKEN_SEATS)
        return found

    def _reward(self) -> None:
        """ERA that begins to stream, or will when the present stream has ended; and a block for it to do so."""
        self._transact(self._bank, self._era, TRANSFER.encode(self._staking, _REWARD))
        for _ in range(2):
            self._send(self._keeper, staking.FUND)

    def _snapshot(self) -> tuple[ValidatorSet, int]:
        """A term later: the set, and gas."""
        self._meter.wait(staking.TERM)
        receipt = self._meter.transact(self._staking, staking.SNAPSHOT.encode(), sender=self._keeper)
        return staking.SET_PUBLISHED.found_in(receipt["logs"], self._staking)[0], gas_used(receipt)

    def _coming_and_leaving(self, holders: Sequence[str], validator: int) -> Iterator[tuple[str, str, bytes]]:
        """Each delegates; half of it begins to leave."""
        for holder in holders:
            yield holder, self._staking, staking.DELEGATE.encode(validator, 2 * _ERA)
            yield holder, self._staking, staking.UNDELEGATE.encode(validator, _ERA)

    def _accuse(self, validator: int) -> tuple[Accusation, int]:
        """By two heads at one place: what the case is about, and gas."""
        key = self._keys[self._view(staking.VALIDATOR, validator).signer]
        origin, destination, nonce = 902, self._connection.chain.chain_id, next(self._places)
        one, other = (LaneFact(origin, destination, nonce, os.urandom(32)) for _ in range(2))

        def sign(fact: Fact) -> SignedFact:
            facts = [fact, *_others()]
            return signed_facts(facts, self._sign(key, Tree(facts).root))[0]

        said, contrary = sign(one), sign(other)
        data = _EQUIVOCATION.encode(said.statement, said.fields, other.head, contrary.fields)
        about = Accusation(validator, Kind.LANE_EQUIVOCATION, origin, destination, nonce)
        return about, self._transact(self._reporter, self._slasher, data)

    def _attested(self, published: ValidatorSet, fact: Fact, count: int) -> tuple[Attestation, list[bytes]]:
        """A fact signed by so many of a set's members, and its proof."""
        tree = Tree([fact, *_others()])
        signers = [signer for signer, _ in published.members][:count]
        signatures = {signer: self._sign(self._keys[signer], tree.root) for signer in signers}
        return Attestation(tree.root, published, signatures), list(tree.proof(fact))

    def _sign(self, key: LocalAccount, root: bytes) -> bytes:
        return compact(key.unsafe_sign_hash(self._domain.digest(root)))

    def _send(self, sender: str, function: Function, *values: Any) -> int:
        return self._transact(sender, self._staking, function.encode(*values))

    def _transact(self, sender: str, to: str, data: bytes) -> int:
        return gas_used(self._meter.transact(to, data, sender=sender))

    def _view(self, function: Function, *values: Any) -> Any:
        return self._connection.view(self._staking, function, *values)


def _others() -> Iterator[LaneFact]:
    """Facts that are signed beside one."""
    return (LaneFact(902, 903, nonce, os.urandom(32)) for nonce in range(1, _FACTS))
