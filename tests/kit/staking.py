"""ERA, SetBuilder and Staking on one chain, where an account plays the Slasher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet, compact
from metalayer.protocol.facts import SetFact, Tree
from tests.kit.chains import BoundChain
from tests.kit.evm import Contract, Receipt, deploy, events_of, now
from tests.kit.paper import DAY

ERA = 10**18
FUNDS = 20_000_000 * ERA
"""Of everybody who stakes."""
GATEWAY = "0x00000000000000000000000000000000006a7e0A"
"""In whose domain validators sign: nothing is there."""
HOUR = 3_600
MIN_OWN = 100_000 * ERA
SEATS = 5
LEVERAGE = 20
PERIOD = 3 * DAY
LIABILITY = 24 * DAY
SILENCE = 9 * DAY
TERM = 3 * DAY
LIFETIME = 10 * DAY
NOTICE = 7 * DAY
STREAM = 7 * DAY
WEEK = 7 * DAY
SETTLES = 28 * DAY
"""From the opening of a case to its settlement: the Slasher's rule."""
NONE, OPEN, LEFT, ENDED = range(4)
"""States of a validator."""

_POSSESSION = keccak(text="Possession(address operator,address signer)")


class ValidatorRecord(NamedTuple):
    """The Solidity struct `Validator`; `earned_per_unit` is its `index`."""

    stake: int
    signer: str
    earned_per_unit: int
    mark: int
    earnings: int
    own: int
    commission: int
    next_commission: int
    state: int
    seat: int
    open_cases: int
    operator: str
    next_commission_at: int
    frozen_since: int
    unseated_at: int
    slashable: int
    own_slashable: int
    alive_at: int
    loss: int
    own_loss: int
    registered_at: int


class RewardsRecord(NamedTuple):
    """The Solidity struct `Rewards`."""

    earned_per_unit: int
    streaming: int
    waiting: int
    accrued_at: int
    stream_end: int
    accounted: int


def signing_key(name: str | int) -> LocalAccount:
    """A validator's key, always the same for one name."""
    return Account.from_key(keccak(text=f"signing key {name}"))


def matures_at(period: int) -> int:
    """When what leaves with a period can be withdrawn (Unix time)."""
    return (period + 8) * PERIOD


def rebonds_at(period: int) -> int:
    """When what left with a period can be bonded again (Unix time)."""
    return (period + 2) * PERIOD


@dataclass(frozen=True)
class Bond:
    """The contracts, and who acts on them for everybody. Accounts that stake must be prepared once by `endow`."""

    era: Contract
    builder: Contract
    staking: Contract
    treasury: str
    slasher: str
    gateway: str
    """In whose domain validators sign."""

    @classmethod
    def found(
        cls,
        chain: BoundChain,
        *,
        treasury: str,
        slasher: str,
        deployer: str,
        gateway: str,
        minimum: int = MIN_OWN,
        seats: int = SEATS,
    ) -> Bond:
        """Deploys them. The treasury has the whole supply; ERA's bridge is no contract."""
        era = deploy(chain, "ERA", chain.chain_id, "0x" + "b1" * 20, treasury, [], sender=deployer)
        builder = deploy(chain, "SetBuilder", sender=deployer)
        domain = attestation_domain(chain.chain_id, gateway)
        arguments = (era.address, builder.address, slasher, treasury, domain, minimum, seats)
        staking = deploy(chain, "Staking", *arguments, sender=deployer)
        return cls(era, builder, staking, treasury, slasher, gateway)

    @property
    def chain(self) -> BoundChain:
        return self.staking.chain

    @property
    def now(self) -> int:
        """Of the newest block."""
        return now(self.chain)

    @property
    def period(self) -> int:
        return self.now // PERIOD

    @cached_property
    def seats(self) -> int:
        return int(self.staking.view("SEATS"))

    def travel(self, seconds: int) -> int:
        """Mines a block that many seconds later. Its time."""
        return self.reach(self.now + seconds)

    def reach(self, time: int) -> int:
        """Mines a block at that time (Unix time), and returns it."""
        self.chain.rpc("evm_setNextBlockTimestamp", [hex(time)])
        self.chain.rpc("evm_mine")
        return time

    # Accounts

    def endow(self, account: str, amount: int) -> str:
        """Gives an account ERA, which Staking may take. The account."""
        if amount:
            self.era.send("transfer", account, amount, sender=self.treasury)
        self.era.send("approve", self.staking.address, 2**256 - 1, sender=account)
        return account

    def impersonate(self, account: str) -> str:
        """Lets the node sign for an account that has no key here, or a contract. The account."""
        self.chain.rpc("anvil_impersonateAccount", [account])
        self.chain.rpc("anvil_setBalance", [account, hex(10**20)])
        return account

    def balance(self, account: str) -> int:
        return int(self.era.view("balanceOf", account))

    def votes(self, account: str) -> int:
        return int(self.era.view("getVotes", account))

    def held(self, account: str) -> int:
        """All stake of an account."""
        return int(self.staking.view("account", account)[0])

    def units(self, account: str, validator: int) -> int:
        """What an account delegated."""
        return int(self.staking.view("position", account, validator)[0])

    # Validators

    def possession(self, operator: str, key: LocalAccount, staking: Contract | None = None) -> bytes:
        """The key's compact signature that it belongs to the operator."""
        digest = possession_digest(staking or self.staking, operator, key.address)
        return compact(key.unsafe_sign_hash(digest))

    def registration(
        self, operator: str, own: int = MIN_OWN, commission: int = 0, key: LocalAccount | None = None
    ) -> tuple[Any, ...]:
        """Arguments of `register`. The key is that of the next id by default."""
        key = key or signing_key(self.staking.view("validatorCount") + 1)
        return key.address, commission, own, self.possession(operator, key)

    def register(self, operator: str, own: int = MIN_OWN, commission: int = 0) -> int:
        """A validator, signing with `signing_key(id)`. Its id."""
        arguments = self.registration(operator, own, commission)
        receipt = self.staking.send("register", *arguments, sender=operator)
        return int(receipt.named("Registered")[0][0])

    def seat(self, operator: str, *owns: int, commission: int = 0) -> list[int]:
        """Seated validators of one operator, with so much own stake each. Their ids."""
        ids = [self.register(operator, own, commission) for own in owns]
        for validator in ids:
            self.staking.send("join", validator, sender=operator)
        return ids

    def validator(self, validator: int) -> ValidatorRecord:
        return ValidatorRecord(*self.staking.view("validator", validator))

    @property
    def rewards(self) -> RewardsRecord:
        return RewardsRecord(*self.staking.view("rewards"))

    def reward(self, amount: int, *, at: int | None = None) -> Receipt:
        """The treasury sends ERA, which begins to stream."""
        self.era.send("transfer", self.staking.address, amount, sender=self.treasury)
        return self.staking.send("fund", sender=self.treasury, at=at)

    # Sets

    def snapshot(self, *, at: int | None = None) -> ValidatorSet:
        """Publishes a set. The set."""
        receipt = self.staking.send("snapshot", sender=self.treasury, at=at)
        ((version, expires, _, words),) = receipt.named("SetPublished")
        return set_of(version, expires, words)

    def attest(self, published: ValidatorSet, keys: Iterable[LocalAccount]) -> tuple[Any, ...]:
        """Arguments of `checkIn`: the set's fact, signed by these keys of its members."""
        fact = SetFact(published.version, published.hash)
        tree = Tree([fact, SetFact(published.version + 1, keccak(text="another fact"))])
        digest = Domain(self.chain.chain_id, self.gateway).digest(tree.root)
        signatures = {key.address: compact(key.unsafe_sign_hash(digest)) for key in keys}
        return Attestation(tree.root, published, signatures).fields, tree.proof(fact)

    # Cases

    def accuse(self, *validators: int, unseat: bool = True, at: int | None = None) -> int:
        """The Slasher opens a case against each. When the last was opened."""
        for validator in validators:
            self.staking.send("freeze", validator, unseat, sender=self.slasher, at=at)
        return self.now

    def settle(
        self, validator: int, reporter: str, *, at: int | None = None, before: int | None = None
    ) -> Receipt:
        """The Slasher settles a case, four weeks from now unless told otherwise. It counts who was accused before a
        time: all, by default.
        """
        at = self.now + SETTLES if at is None else at
        before = at if before is None else before
        return self.staking.send("settle", validator, reporter, before, sender=self.slasher, at=at)

    # What must always be true

    def check(self) -> None:
        """S1 to S3, of everybody who ever staked. AssertionError if one does not hold."""
        staking, happened = self.staking, events_of(self.staking)
        ids = range(1, staking.view("validatorCount") + 1)
        records = {id_: self.validator(id_) for id_ in ids}
        positions = {event.values[:2] for event in happened if event.name == "Delegated"}
        leaving = {event.values[:3] for event in happened if event.name == "Undelegated"}
        own_leaving = {event.values[:2] for event in happened if event.name == "OwnRemoved"}

        held: Counter[str] = Counter()
        bonded: Counter[int] = Counter()
        for id_, record in records.items():
            held[record.operator] += record.own
            bonded[id_] += record.own
        for id_, holder in positions:
            units = self.units(holder, id_)
            held[holder] += units
            bonded[id_] += units
        exits: Counter[tuple[int, int]] = Counter()
        for event in happened:
            if event.name in ("Undelegated", "Rebonded"):
                id_, _, period, amount, *_ = event.values
                exits[id_, period] += amount if event.name == "Undelegated" else -amount
        for id_, holder, period in leaving:
            held[holder] += staking.view("unbonding", holder, id_, period)
        for (id_, period), amount in exits.items():
            assert staking.view("exits", id_, period)[0] == amount, "S1: exits"
        for id_, period in own_leaving:
            held[records[id_].operator] += staking.view("exits", id_, period)[1]
        accounts = {holder: staking.view("account", holder) for holder in held}
        for holder, amount in held.items():
            assert accounts[holder][0] == amount, f"S1: {holder} holds {accounts[holder][0]}, not {amount}"
        surrogates = {surrogate for amount, surrogate in accounts.values() if amount}
        assert sum(map(self.balance, surrogates)) == sum(held.values()), "S1: surrogates"

        owed = sum(staking.view("claimable", holder, list(ids)) for holder in {who for _, who in positions})
        owed += sum(staking.view("earnings", id_) for id_ in ids)
        assert owed <= self.rewards.accounted <= self.balance(staking.address), "S2"

        seats = staking.view("seats")
        assert len(set(seats)) == len(seats) <= self.seats, "S3: seats"
        assert [records[id_].seat for id_ in seats] == list(range(1, len(seats) + 1)), "S3: seats"
        assert sum(record.seat != 0 for record in records.values()) == len(seats), "S3: seats"
        assert staking.view("seatedStake") == sum(records[id_].stake for id_ in seats), "S3: seated stake"
        assert {id_: record.stake for id_, record in records.items()} == dict(bonded), "S3: stake"


def attestation_domain(network_id: int, gateway: str) -> bytes:
    """The gateways' domain separator."""
    return bytes(Domain(network_id, gateway).signable(bytes(32)).header)


def possession_digest(staking: Contract, operator: str, signer: str) -> bytes:
    """What a validator's key signs when it is registered: EIP-712, written out here a second time."""
    domain = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(
                    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak(text="Metalayer Staking"),
                keccak(text="1"),
                staking.chain.chain_id,
                staking.address,
            ],
        )
    )
    body = keccak(encode(["bytes32", "address", "address"], [_POSSESSION, operator, signer]))
    return keccak(b"\x19\x01" + domain + body)


def set_of(version: int, expires: int, words: Iterable[bytes]) -> ValidatorSet:
    """A published set from the words of its event."""
    members = tuple((to_checksum_address(word[:20]), int.from_bytes(word[20:], "big")) for word in words)
    return ValidatorSet(version, expires, members)
