"""ERA that is locked since genesis: whose it is, what is vested, who votes with it; and what beneficiaries do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from metalayer.assets.tokens import BALANCE_OF, DELEGATES
from metalayer.deploy.names import VESTING, artifact_of
from metalayer.errors import MetalayerError
from metalayer.network.live import Live
from metalayer.network.transactions import Receipt, Sender, Transaction
from metalayer.protocol import vesting
from metalayer.protocol.dates import utc
from metalayer.protocol.rpc import block_request

_ZERO = "0x" + "00" * 20
_SHARE = re.compile(rf"{VESTING}([A-Z][a-z]+)[0-9]+")
# Twice what each uses when all that it writes is new, vote checkpoints among it.
_RELEASE_GAS = 400_000
_DELEGATE_GAS = 300_000
_HANDING_GAS = 100_000


@dataclass(frozen=True)
class Wallet:
    """One contract with locked ERA as it is at `now`, Unix time by the hub. Amounts are wei of ERA.

    held: what is in it. vested: of all that ever was, released or not. pending: to whom it was offered. delegate: who
    votes with what is in it, and `account_delegate` with what the beneficiary has outside.
    """

    name: str
    address: str
    beneficiary: str
    pending: str
    held: int
    released: int
    start: int
    duration: int
    delegate: str
    account_delegate: str
    now: int

    @property
    def share(self) -> str:
        """Of the supply, as deploy.yaml calls it."""
        match = _SHARE.fullmatch(self.name)
        return match[1].lower() if match else ""

    @property
    def total(self) -> int:
        return self.held + self.released

    @property
    def vested(self) -> int:
        return vesting.vested(self.total, self.start, self.duration, self.now)

    @property
    def locked(self) -> int:
        return self.total - self.vested

    @property
    def releasable(self) -> int:
        return self.vested - self.released

    def as_dict(self) -> dict[str, Any]:
        """For --json: wei as strings."""
        return {
            "wallet": self.name,
            "address": self.address,
            "share": self.share,
            "beneficiary": self.beneficiary,
            "offered_to": None if self.pending == _ZERO else self.pending,
            "delegate": None if self.delegate == _ZERO else self.delegate,
            "account_delegate": None if self.account_delegate == _ZERO else self.account_delegate,
            "start": self.start,
            "end": self.start + self.duration,
            **{
                name: str(getattr(self, name))
                for name in ("total", "locked", "vested", "released", "releasable")
            },
        }


def read_wallets(live: Live) -> list[Wallet]:
    """All of them, in three round trips."""
    hub = live.connection(live.network.hub.name)
    contracts = live.registry.chain(hub.name).contracts
    addresses = {name: contracts[name].address for name in sorted(contracts) if artifact_of(name) == VESTING}
    token = live.registry.address("ERA")
    block, *answers = hub.batch(
        [
            block_request(),
            *(
                request
                for address in addresses.values()
                for request in (
                    vesting.OWNER.request(address),
                    vesting.PENDING_OWNER.request(address),
                    BALANCE_OF.request(token, address),
                    vesting.RELEASED.request(address, token),
                    vesting.START.request(address),
                    vesting.DURATION.request(address),
                    DELEGATES.request(token, address),
                )
            ),
        ]
    )
    rows = list(zip(*[iter(answers)] * 7, strict=True))
    own = hub.batch(DELEGATES.request(token, row[0]) for row in rows)
    found: list[list[Any]] = [
        [*contract, *row, delegate, block.time]
        for contract, row, delegate in zip(addresses.items(), rows, own, strict=True)
    ]
    return [Wallet(*values) for values in found]


def chosen(wallets: Sequence[Wallet], wanted: str, address_of: Callable[[str], str]) -> list[Wallet]:
    """The one of this name, or those of a beneficiary. MetalayerError if there is none."""
    if named := [one for one in wallets if one.name == wanted]:
        return named
    address = address_of(wanted)
    if owned := [one for one in wallets if one.beneficiary == address]:
        return owned
    raise MetalayerError(
        f"{wanted} is the beneficiary of no locked ERA: `ape metalayer vesting show` lists all"
    )


def due(wallets: Sequence[Wallet]) -> list[Wallet]:
    """Those of which something is vested and not released. MetalayerError if there is none."""
    found = [wallet for wallet in wallets if wallet.releasable]
    if not found:
        first, now = min(wallet.start for wallet in wallets), wallets[0].now
        when = f"before {utc(first)}" if now < first else "that is not released"
        raise MetalayerError(f"nothing is vested {when}")
    return found


def release(live: Live, sender: Sender, wallets: Sequence[Wallet]) -> list[Receipt]:
    """Sends their beneficiaries what is vested."""
    data = vesting.RELEASE.encode(live.registry.address("ERA"))
    return _send(live, sender, [Transaction(wallet.address, data, _RELEASE_GAS) for wallet in wallets])


def refuse_strangers(wallets: Sequence[Wallet], account: str, does: str) -> None:
    """MetalayerError unless an account is the beneficiary of all of them. does: what others may not, as a verb."""
    for wallet in wallets:
        if wallet.beneficiary != account:
            raise MetalayerError(
                f"the beneficiary of {wallet.name} is {wallet.beneficiary}, not {account}: it alone {does}"
            )


def to_offer(wallets: Sequence[Wallet], successor: str) -> list[Wallet]:
    """Those that are not offered to somebody, or with the zero address to nobody, yet. MetalayerError if there is none,
    or if they are that account's already.
    """
    for wallet in wallets:
        if wallet.beneficiary == successor:
            raise MetalayerError(f"{successor} is the beneficiary of {wallet.name} already")
    if found := [wallet for wallet in wallets if wallet.pending != successor]:
        return found
    names = ", ".join(wallet.name for wallet in wallets)
    whom = "nobody" if successor == _ZERO else f"{successor}, which has to accept,"
    raise MetalayerError(f"{names}: offered to {whom} already")


def offered(wallets: Sequence[Wallet], account: str, name: str | None = None) -> list[Wallet]:
    """Those that an account may accept, or the one of this name. MetalayerError if there is none."""
    listing = "`ape metalayer vesting show` says what is offered to whom"
    if name is not None and name not in {wallet.name for wallet in wallets}:
        raise MetalayerError(f"there is no {name}: {listing}")
    known = [wallet for wallet in wallets if name in (None, wallet.name)]
    if found := [wallet for wallet in known if wallet.pending == account]:
        return found
    raise MetalayerError(
        f"{name or 'no locked ERA'} is {'not ' if name else ''}offered to {account}: {listing}"
    )


def offer(live: Live, sender: Sender, wallets: Sequence[Wallet], successor: str) -> list[Receipt]:
    """Offers wallets of the sender to somebody, who has to accept; with the zero address, takes that back."""
    data = vesting.OFFER.encode(successor)
    return _send(live, sender, [Transaction(wallet.address, data, _HANDING_GAS) for wallet in wallets])


def accept(live: Live, sender: Sender, wallets: Sequence[Wallet]) -> list[Receipt]:
    """Makes the sender the beneficiary of wallets that are offered to it, for good."""
    data = vesting.ACCEPT.encode()
    return _send(live, sender, [Transaction(wallet.address, data, _HANDING_GAS) for wallet in wallets])


def delegate(live: Live, sender: Sender, wallets: Sequence[Wallet], delegatee: str) -> list[Receipt]:
    """Has somebody, or nobody, vote with what is in wallets of the sender."""
    data = vesting.DELEGATE.encode(delegatee)
    return _send(live, sender, [Transaction(wallet.address, data, _DELEGATE_GAS) for wallet in wallets])


def advice(wallet: Wallet, delegatee: str, hub: str) -> str:
    """What a beneficiary should do on the hub so that its votes stay together; empty if nothing."""
    if wallet.account_delegate == delegatee or delegatee == _ZERO:
        return ""
    votes = "nobody" if wallet.account_delegate == _ZERO else wallet.account_delegate
    return (
        f"what is released votes as {wallet.beneficiary} itself delegates, now {votes}: "
        f"`ape metalayer vote delegate {delegatee} --chain {hub}` keeps it together"
    )


def _send(live: Live, sender: Sender, transactions: Sequence[Transaction]) -> list[Receipt]:
    return live.connection(live.network.hub.name).send_many(sender, transactions)
