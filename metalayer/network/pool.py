"""What was signed, handed to a chain's node and followed to its receipt.

Each transaction has its nonce for good. What is not mined is offered again, with that nonce and for more: at most one
version of it is ever executed, whatever a node forgets, says too late or says wrongly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_utils.address import to_checksum_address

from metalayer.errors import MetalayerError
from metalayer.network.bids import HEADER, Bid, Bidder, gwei
from metalayer.network.config import Chain
from metalayer.network.refusals import is_cheap, is_known, is_late, is_other
from metalayer.network.rpc import REQUEST_TIMEOUT, BadAnswer, Rpc, RpcError, Unreachable
from metalayer.network.transactions import Receipt, Sender, Signed, receipt_request
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Request, quantity

Keep = Callable[[Sequence[Signed]], None]
"""Is given what was signed, before any of it is sent."""

_FIRST_POLL = 0.004
SLOWEST_POLL = 0.25
_SENDING_PAUSES = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Seconds before each attempt to hand over a transaction."""
_EMPTY_GAS = 21_000


class NotMined(MetalayerError):
    """A transaction was sent and is not mined in time. It may be later; its nonce is used."""


class NonceTaken(MetalayerError):
    """Another transaction of the account was mined with the nonce: this one never will be."""


@dataclass(frozen=True)
class Patience:
    """Seconds: after `again` what is not mined is offered for more, after `most` nobody waits any longer."""

    again: float
    most: float

    @classmethod
    def of(cls, chain: Chain) -> Patience:
        """Of a chain, by the time of its blocks."""
        block_time = chain.preset.block_time
        most = max(120.0, 20 * block_time) + 3 * chain.confirmations * block_time
        return cls(max(10.0, 3 * block_time), most)


@dataclass
class _Flights:
    """What is followed together: versions by nonce, the cheapest first; and what was seen at their last offer."""

    versions: dict[int, list[Signed]]
    head: int = -1
    passed: set[int] = field(default_factory=set)
    trouble: str = ""
    is_mined: bool = False


class Pool(Rpc):
    """What is signed and not mined yet, of one chain. Safe to share between threads."""

    def __init__(self, chain: Chain, timeout: float = REQUEST_TIMEOUT) -> None:
        super().__init__(chain, timeout)
        self.patience = Patience.of(chain)
        self.confirmations = chain.confirmations
        """Blocks on top of what was sent before it counts as done."""
        self._bidder = Bidder(self, chain.max_gas_price)

    def broadcast(self, signed: Iterable[Signed]) -> None:
        """Sends signed transactions in their order. One that the node already has is not an error."""
        for transaction in signed:
            if refusal := self._refusal(transaction):
                raise refusal

    def settle(self, sender: Sender, signed: Sequence[Signed], keep: Keep | None = None) -> list[Receipt]:
        """Follows what was sent to its end, and offers it for more while it is not mined: the receipts by nonce.

        `signed` may have several versions of a nonce, the cheapest first. No fault of the node ends it before its time:
        what was sent was sent. What is mined counts when `confirmations` blocks are on top of it, and is followed on if
        a reorganisation takes it out before. Raises NotMined, or NonceTaken.
        """
        flights = _Flights({})
        for one in signed:
            flights.versions.setdefault(one.nonce, []).append(one)
        began = offered = time.monotonic()
        pause, is_sensible_until = _FIRST_POLL, began + self.patience.again
        while True:
            try:
                is_late = time.monotonic() - offered > self.patience.again
                # Before the receipts: they are of a chain that is at least as high.
                head = self.ask(quantity("eth_blockNumber")) if self.confirmations else 0
                found = self._found(flights.versions, thorough=is_late)
                flights.is_mined = len(found) == len(flights.versions)
                if flights.is_mined and self._is_deep(found, head):
                    return [found[nonce] for nonce in sorted(found)]
                if is_late and not flights.is_mined:
                    offered, pause = time.monotonic(), _FIRST_POLL
                    missing = [nonce for nonce in sorted(flights.versions) if nonce not in found]
                    self._refuse_taken(sender.address, flights, missing)
                    self._offer_again(sender, flights, missing, keep or nowhere)
            except NonceTaken:
                raise
            except BadAnswer as error:
                # One backend of a node may have its bad moment.
                if time.monotonic() > is_sensible_until:
                    raise
                flights.trouble = str(error)
            except MetalayerError as error:
                flights.trouble = str(error)
            else:
                is_sensible_until = time.monotonic() + self.patience.again
            if time.monotonic() - began > self.patience.most:
                raise NotMined(self._late(sender.address, flights))
            time.sleep(pause)
            pause = min(pause * 1.4, SLOWEST_POLL)

    def resume(self, sender: Sender, signed: Sequence[Signed], keep: Keep) -> list[Receipt]:
        """Hands over once more what an earlier process signed, and settles it. `keep` as in `submit`."""
        for one in signed:
            refusal = self._refusal(one, _SENDING_PAUSES)
            if refusal and not (is_late(refusal) or is_cheap(refusal) or is_other(refusal)):
                raise refusal
        return self.settle(sender, signed, keep)

    def receipts(self, hashes: Sequence[str]) -> list[Receipt]:
        """Receipts of all, in order, reverted ones too.

        NotMined if inclusion takes too long.
        """
        deadline = time.monotonic() + self.patience.most
        pause = _FIRST_POLL
        while True:
            # The last one is usually mined last: asking for the others before it is there would be wasted.
            if self.ask(receipt_request(hashes[-1])) is not None:
                found = self.batch(receipt_request(hash_) for hash_ in hashes)
                if all(found):
                    return found
            if time.monotonic() > deadline:
                late = f"was not mined within {self.patience.most:.0f} s"
                raise NotMined(f"{self.chain.name}: transaction {hashes[-1]} {late}")
            time.sleep(pause)
            pause = min(pause * 1.4, SLOWEST_POLL)

    def cancel(self, sender: Sender, nonces: Iterable[int]) -> None:
        """Takes the place of what is pending with these nonces with empty transactions of the sender to itself.

        Whichever is mined, the nonces are free of what was pending. NotMined if it is not in time.
        """
        fields = {nonce: self._fields(nonce, sender.address, _EMPTY_GAS) for nonce in nonces}
        if not fields:
            return
        bid = self._bidder.bid(self.ask(HEADER))
        empty = bid.fields() | {"value": 0, "data": "0x"}
        flights = _Flights({nonce: [Signed.by(sender, one | empty)] for nonce, one in fields.items()})
        for versions in flights.versions.values():
            self._replace_unknown(sender, versions)
        began = offered = time.monotonic()
        while (count := self._count(sender.address)) <= max(fields):
            now = time.monotonic()
            if now - began > self.patience.most:
                raise NotMined(self._late(sender.address, flights))
            if now - offered > self.patience.again:
                offered = now
                self._offer_again(sender, flights, [nonce for nonce in fields if nonce >= count], nowhere)
            time.sleep(SLOWEST_POLL)

    def _launch(self, sender: Sender, flights: Sequence[list[Signed]], keep: Keep) -> None:
        """Hands over the newest version of each, in order, dearer ones while the node finds it too cheap."""
        for versions in flights:
            while refusal := self._refusal(versions[-1], _SENDING_PAUSES):
                if is_late(refusal):
                    # It may have been taken and mined, and the answer lost: its receipt tells.
                    break
                if is_other(refusal):
                    raise NonceTaken(
                        f"{self.chain.name}: another transaction of {sender.address} is pending with nonce "
                        f"{versions[-1].nonce}: do two programs use the account?"
                    )
                cheap = is_cheap(refusal)
                again = (
                    self._dearer(sender, versions[-1], self._bidder.bid(self.ask(HEADER))) if cheap else None
                )
                if again is None:
                    raise RpcError(f"{refusal}{self._at_ceiling() if cheap else ''}", refusal.code)
                keep([again])
                versions.append(again)

    def _refusal(self, signed: Signed, pauses: Sequence[float] = (0.0,)) -> RpcError | None:
        """Why the node does not take a transaction. Unreachable, after so many attempts, if it does not say."""
        for attempt, pause in enumerate(pauses, 1):
            time.sleep(pause)
            try:
                self.rpc("eth_sendRawTransaction", to_hex(signed.raw))
                return None
            except RpcError as error:
                if is_known(error) or self.rpc("eth_getTransactionByHash", signed.hash) is not None:
                    return None
                return error
            except (Unreachable, BadAnswer) as error:
                if attempt == len(pauses):
                    unknown = f"whether transaction {signed.hash} was sent is not known"
                    raise Unreachable(f"{error}; {unknown}") from error
        return None

    def _replace_unknown(self, sender: Sender, versions: list[Signed]) -> None:
        """Offers a transaction in the place of one whose fee nobody here knows."""
        while refusal := self._refusal(versions[-1]):
            if is_late(refusal):
                return
            again = self._dearer(sender, versions[-1], None) if is_cheap(refusal) else None
            if again is None:
                raise NotMined(
                    f"{self.chain.name}: a transaction of {sender.address} is stuck with nonce {versions[-1].nonce}, "
                    f"and nothing takes its place for {gwei(Bid.of(versions[-1].fields()).most)} gwei a gas: {refusal}"
                )
            versions.append(again)

    def _offer_again(self, sender: Sender, flights: _Flights, missing: Iterable[int], keep: Keep) -> None:
        """Offers these for more, as far as the ceiling goes. `trouble` is what speaks against it, empty if nothing."""
        trouble, fresh = "", None
        header = self.ask(HEADER)
        # A higher fee starts no chain that stands still.
        stands, flights.head = header.number == flights.head, header.number
        try:
            fresh = self._bidder.bid(header)
        except MetalayerError as error:
            trouble = str(error)
        for nonce in missing:
            versions = flights.versions[nonce]
            if stands:
                trouble = f"there is no block after {header.number}"
            elif (again := self._dearer(sender, versions[-1], fresh)) is None:
                trouble = trouble or self._at_ceiling().strip("; ")
            else:
                keep([again])
                versions.append(again)
            for one in versions[-2:]:
                # The one before, too: a node that lost it takes it even if it refuses the dearer one.
                if refusal := self._refusal(one):
                    trouble = trouble or str(refusal)
        flights.trouble = trouble

    def _dearer(self, sender: Sender, signed: Signed, fresh: Bid | None) -> Signed | None:
        """The same transaction for more. None if that would be above the ceiling."""
        fields = signed.fields()
        bid = Bid.of(fields)
        raised = bid.raised(fresh or bid, self._bidder.ceiling)
        return None if raised is None else Signed.by(sender, fields | raised.fields())

    def _found(self, flights: Mapping[int, list[Signed]], thorough: bool) -> dict[int, Receipt]:
        """Receipts by nonce, all of one answer: a reorganisation may take one while the next is waited for."""
        last = max(flights)
        if not thorough:
            # Usually mined last: asking for the others before it is there would be wasted.
            receipts = self._versions({last: flights[last]})
            if len(flights) == 1 or not receipts:
                return receipts
        return self._versions(flights)

    def _versions(self, flights: Mapping[int, list[Signed]]) -> dict[int, Receipt]:
        every = [one for versions in flights.values() for one in versions]
        receipts = self.batch(receipt_request(one.hash) for one in every)
        return {one.nonce: found for one, found in zip(every, receipts, strict=True) if found is not None}

    def _is_deep(self, found: Mapping[int, Receipt], head: int) -> bool:
        return not self.confirmations or all(
            receipt["blockNumber"] + self.confirmations <= head for receipt in found.values()
        )

    def _refuse_taken(self, address: str, flights: _Flights, missing: Iterable[int]) -> None:
        """NonceTaken if the chain has passed a nonce without a receipt of any version, and had when this was asked
        before: a node may be late with its receipts.
        """
        count = self._count(address)
        passed = {nonce for nonce in missing if nonce < count}
        if certain := passed & flights.passed:
            nonce = min(certain)
            raise NonceTaken(
                f"{self.chain.name}: another transaction of {address} took nonce {nonce}: transaction "
                f"{flights.versions[nonce][-1].hash} will not be mined"
            )
        flights.passed = passed

    def _late(self, address: str, flights: _Flights) -> str:
        nonce, versions = min(flights.versions.items())
        if flights.is_mined:
            return (
                f"{self.chain.name}: transaction {versions[-1].hash} of {address} with nonce {nonce} is mined, but "
                f"{self.confirmations} blocks on top of it did not come within {self.patience.most:.0f} s "
                "(`confirmations` in networks.yaml)"
            )
        why = f": {flights.trouble.removeprefix(f'{self.chain.name}: ')}" if flights.trouble else ""
        return (
            f"{self.chain.name}: transaction {versions[-1].hash} of {address} with nonce {nonce} was not mined within "
            f"{self.patience.most:.0f} s for {gwei(Bid.of(versions[-1].fields()).most)} gwei a gas{why}"
        )

    def _at_ceiling(self) -> str:
        return f"; {gwei(self.chain.max_gas_price)} gwei is the ceiling (`max_gas_price` in networks.yaml)"

    def _fields(self, nonce: int, to: str | None, gas: int) -> dict[str, Any]:
        fields: dict[str, Any] = {"chainId": self.chain.chain_id, "nonce": nonce, "gas": gas}
        return fields if to is None else fields | {"to": to_checksum_address(to)}

    def _count(self, address: str) -> int:
        return self.ask(count_request(address, "latest"))


def nowhere(signed: Sequence[Signed]) -> None:
    pass


def count_request(address: str, tag: str) -> Request[int]:
    return quantity("eth_getTransactionCount", address, tag)
