"""`genesis` of deploy.yaml: who has ERA from the hub's first block on, what of it is locked, and the airdrop.

Locked ERA lies in a contract of its own per beneficiary, the airdrop's in another: ERA mints to both, at addresses that
are known before. A wallet's address follows from share and beneficiary, so the order in the file does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

from eth_utils.crypto import keccak

from metalayer.deploy.declaration import Declaration, View
from metalayer.deploy.desired import ZERO_ADDRESS, Desired, Drop, Genesis, Wallet
from metalayer.deploy.names import AIRDROP, ERA, FACTORY, VESTING
from metalayer.errors import MetalayerError
from metalayer.network.inputs import Entry
from metalayer.network.values import Account, Name, Reads, duration, found, matching, whole
from metalayer.protocol import vesting
from metalayer.protocol.amounts import HUB_SUPPLY
from metalayer.protocol.create3 import create3_address
from metalayer.protocol.dates import DAY, utc
from metalayer.protocol.hex import from_hex

_ERA = 10**18
_MOST_ERA = HUB_SUPPLY // _ERA
_MOST_TIME = 20 * 365 * DAY
_DATE = {"type": "string", "pattern": "^2[01][0-9]{2}-[01][0-9]-[0-3][0-9]$"}

Amount = Annotated[int, whole(1, _MOST_ERA)]


def read_date(value: Any) -> int:
    """Unix time of a date's midnight, UTC. ValueError with what is expected otherwise."""
    try:
        moment = datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        moment = datetime.min.replace(tzinfo=UTC)
    if not isinstance(value, str) or not 2020 <= moment.year < 2200 or f"{moment:%Y-%m-%d}" != value:
        raise ValueError(f"expected a date such as 2026-12-01, from 2020 on, found {found(value)}")
    return int(moment.timestamp())


class Schedule(Entry):
    """When what is locked vests, in seconds."""

    cliff: Annotated[int, duration(0, _MOST_TIME)]
    """From the start: nothing vests, and it counts for nothing."""
    linear: Annotated[int, duration(DAY, _MOST_TIME)]
    """From then on: an equal part each second."""


class Treasury(Entry):
    """What the hub's timelock has."""

    amount: Amount
    """ERA. What slashes take, and what nobody claims of the airdrop, comes to it."""


class Share(Entry):
    """What holders have: at once, or as it vests."""

    amount: Amount
    """ERA: what all holders have together."""
    holders: dict[Account, Amount]
    """ERA by account."""
    vesting: Schedule | None = None
    """Locked in a contract for each holder, which votes with it from the first day on. At once if left out."""


class Airdrop(Entry):
    """What the accounts of a tree may claim."""

    amount: Amount
    """ERA: what all leaves of the tree have together."""
    root: Annotated[str, matching(r"0x[0-9a-f]{64}", "the root of a tree, 0x and 64 hexadecimal digits")]
    """Of the tree: what counts. `ape metalayer airdrop build` prints it."""
    lasts: Annotated[int, duration(DAY, _MOST_TIME)]
    """Seconds from the start. Then the rest is the treasury's."""
    tree: Name | None = None
    """Where its file is, from the workspace on: what `airdrop` commands read if they are given none."""


class Shares(Entry):
    """Of the supply, in whole ERA: together exactly 1,000,000,000."""

    investors: Share
    treasury: Treasury
    foundation: Share
    team: Share
    research: Share
    """And development. Founders have their own stake out of it."""
    airdrop: Airdrop


class Beginning(Entry):
    """Who has ERA from the hub's first block on."""

    start: Annotated[int, Reads(read_date, _DATE)]
    """A date, such as 2026-12-01: vesting and the airdrop count from its midnight, UTC."""
    shares: Shares
    """All of the supply."""

    @property
    def held(self) -> dict[str, Share]:
        """The shares that have holders, by name."""
        return {name: share for name, share in self.shares if isinstance(share, Share)}

    def unlocked(self, account: str) -> int:
        """Whole ERA that an account, as the file names it, has at once."""
        return sum(share.holders.get(account, 0) for share in self.held.values() if share.vesting is None)


Fault = Callable[..., MetalayerError]
"""Called with what is wrong and the place in the file."""


class Minted(NamedTuple):
    """What ERA mints on the hub, in wei by address, but for the treasury's; what of it is locked or to be claimed; and
    the addresses of the wallets that it is locked in, by their names.
    """

    allocations: Mapping[str, int]
    genesis: Genesis
    wallets: Mapping[str, str]


def minted(
    beginning: Beginning,
    addresses: Mapping[str, str],
    deployer: str,
    address: Callable[..., str],
    fault: Fault,
) -> Minted:
    """Everything that follows from `genesis`.

    addresses: of the deployment's contracts. address: account name and place in the file -> address. MetalayerError,
    with its place, if sums are not exact, or a holder cannot be one.
    """
    _refuse_sums(beginning, fault)
    contracts = {account: name for name, account in addresses.items()}
    allocations: dict[str, int] = {}
    wallets: list[Wallet] = []
    for share_name, share in beginning.held.items():
        known: set[str] = set()
        for name, amount in share.holders.items():
            place = ("genesis", "shares", share_name, "holders", name)
            account = address(name, *place)
            if account in known:
                raise fault(f"{account} is there twice", *place)
            if account == ZERO_ADDRESS or account in contracts:
                what = contracts.get(account, "the zero address")
                raise fault(f"expected somebody who can use it, found {what}", *place)
            known.add(account)
            if share.vesting is None:
                allocations[account] = allocations.get(account, 0) + amount * _ERA
            else:
                begins = beginning.start + share.vesting.cliff
                wallets.append(
                    Wallet(share_name, account, amount * _ERA, begins, share.vesting.linear, rank=0)
                )
    drop = beginning.shares.airdrop
    allocations[addresses[AIRDROP]] = drop.amount * _ERA
    ranked = _ranked(wallets)
    genesis = Genesis(
        start=beginning.start,
        wallets=ranked,
        drop=Drop(from_hex(drop.root), drop.amount * _ERA, beginning.start + drop.lasts),
    )
    placed = {
        wallet.name: create3_address(addresses[FACTORY], deployer, keccak(text=wallet.place))
        for wallet in ranked
    }
    allocations |= {placed[wallet.name]: wallet.amount for wallet in ranked}
    return Minted(allocations, genesis, placed)


def _refuse_sums(beginning: Beginning, fault: Fault) -> None:
    total = sum(share.amount for _, share in beginning.shares)
    if total != _MOST_ERA:
        raise fault(f"expected {_MOST_ERA:,} ERA together, found {total:,}", "genesis", "shares")
    for name, share in beginning.held.items():
        total = sum(share.holders.values())
        if total != share.amount:
            raise fault(
                f"expected `amount`, {share.amount:,} ERA, together, found {total:,}",
                *("genesis", "shares", name, "holders"),
            )


def _ranked(wallets: list[Wallet]) -> tuple[Wallet, ...]:
    """By share and address, numbered within each share: so their names do not depend on the file's order either."""
    by_share: dict[str, list[Wallet]] = {}
    for wallet in sorted(wallets, key=lambda wallet: (wallet.share, wallet.beneficiary.lower())):
        numbered = by_share.setdefault(wallet.share, [])
        numbered.append(wallet._replace(rank=len(numbered) + 1))
    return tuple(wallet for numbered in by_share.values() for wallet in numbered)


def wallet_declarations(desired: Desired) -> Iterator[Declaration]:
    """One for each wallet."""
    for wallet in desired.genesis.wallets:
        yield _declaration(wallet)


def _declaration(wallet: Wallet) -> Declaration:
    def arguments(desired: Desired) -> dict[str, Any]:
        return {
            "era": desired.addresses[ERA],
            "beneficiary": wallet.beneficiary,
            "startTimestamp": wallet.start,
            "durationSeconds": wallet.duration,
        }

    def views(desired: Desired) -> Iterator[View]:
        yield View(f"{wallet.name} start", vesting.START, wallet.start)
        yield View(f"{wallet.name} duration", vesting.DURATION, wallet.duration)

    return Declaration(wallet.name, arguments, views, where="hub", place=wallet.place, of=VESTING)


def airdrop_arguments(desired: Desired) -> dict[str, Any]:
    """Of the constructor."""
    drop = desired.genesis.drop
    assert drop is not None, "without one the contract belongs to no chain"
    return {
        "era": desired.addresses[ERA],
        "treasury": desired.treasury,
        "root": drop.root,
        "end": drop.end,
    }


def late(genesis: Genesis, now: int) -> str:
    """What is wrong with a start that has passed while nothing is deployed; empty if nothing. now: Unix time."""
    if genesis.drop is not None and genesis.drop.end <= now:
        ended = utc(genesis.drop.end)[:10]
        return f"nobody could claim the airdrop, which ends on {ended}: write a later `genesis.start`"
    if 0 < genesis.start <= now:
        return f"`genesis.start` is past, {utc(genesis.start)[:10]}: vesting and the airdrop count from it"
    return ""


def has_no_airdrop(desired: Desired) -> bool:
    """True of the networks of tests that leave it out."""
    return desired.genesis.drop is None
