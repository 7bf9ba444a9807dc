"""What transactions offer for a gas: from what the node says, never above a chain's ceiling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from metalayer.errors import MetalayerError
from metalayer.network.rpc import BadAnswer, Rpc, RpcError
from metalayer.protocol.rpc import Request, number, quantity

_WEI_BITS = 128
# The base fee rises by an eighth each block (EIP-1559): twice of it holds for six full blocks.
_BASE_FEE_MULTIPLE = 2
_HISTORY_BLOCKS = 10
_NO_SUCH_METHOD = -32_601


@dataclass(frozen=True)
class Bid:
    """Wei for each gas: at most `most`, of which `tip` goes to whoever builds the block.

    `tip` None: on a chain without EIP-1559, where all of `most` is paid.
    """

    most: int
    tip: int | None

    def fields(self) -> dict[str, int]:
        """Of a transaction: of type 2 (EIP-1559), or one without a type (EIP-155)."""
        if self.tip is None:
            return {"gasPrice": self.most}
        return {"type": 2, "maxFeePerGas": self.most, "maxPriorityFeePerGas": self.tip}

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Bid:
        """What a transaction with these fields offers."""
        if "gasPrice" in fields:
            return cls(fields["gasPrice"], None)
        return cls(fields["maxFeePerGas"], fields["maxPriorityFeePerGas"])

    def raised(self, fresh: Bid, ceiling: int) -> Bid | None:
        """What takes its place in a node's pool: an eighth more of both, or what is asked for now if that is more.

        Nodes want a tenth. None if it would be above the ceiling.
        """
        most = max(_eighth_more(self.most), min(fresh.most, ceiling))
        if most > ceiling:
            return None
        if self.tip is None:
            return Bid(most, None)
        return Bid(most, min(most, max(_eighth_more(self.tip), fresh.tip or 0)))


class Bidder:
    """What to offer on one chain now. Remembers which of the ways to learn the tip its node has."""

    def __init__(self, rpc: Rpc, ceiling: int) -> None:
        """ceiling: in wei for each gas."""
        self._rpc = rpc
        self.ceiling = ceiling
        self._ways = [
            quantity("eth_maxPriorityFeePerGas", bits=_WEI_BITS),
            Request("eth_feeHistory", (hex(_HISTORY_BLOCKS), "latest", [50]), _usual_tip),
        ]

    def bid(self, header: Header) -> Bid:
        """Twice the base fee and the tip that the node suggests, as far as the ceiling goes.

        MetalayerError, one line, if a gas costs more than the ceiling.
        """
        base_fee = header.base_fee
        if base_fee is None:
            price = self._price()
            self._refuse_dear(price, "gas price")
            return Bid(price, None)
        self._refuse_dear(base_fee, "base fee")
        tip = self._tip(base_fee)
        most = min(self.ceiling, _BASE_FEE_MULTIPLE * base_fee + tip)
        return Bid(most, min(tip, most - base_fee))

    def _tip(self, base_fee: int) -> int:
        for way in tuple(self._ways):
            try:
                return self._rpc.ask(way)
            except RpcError as error:
                if error.code == _NO_SUCH_METHOD:
                    self._ways.remove(way)
            except BadAnswer:
                self._ways.remove(way)
        return max(0, self._price() - base_fee)

    def _price(self) -> int:
        return self._rpc.ask(quantity("eth_gasPrice", bits=_WEI_BITS))

    def _refuse_dear(self, price: int, what: str) -> None:
        if price > self.ceiling:
            raise MetalayerError(
                f"{self._rpc.chain.name}: the {what} is {gwei(price)} gwei, above the ceiling of "
                f"{gwei(self.ceiling)} (`max_gas_price` in networks.yaml)"
            )


def gwei(wei: int) -> str:
    """Wei as gwei, as people read it."""
    return f"{wei / 10**9:,.9f}".rstrip("0").rstrip(".")


class Header(NamedTuple):
    """What bids depend on, of the latest block. Wei, or None on a chain without EIP-1559; gas."""

    number: int
    base_fee: int | None
    gas_limit: int


HEADER = Request(
    "eth_getBlockByNumber",
    ("latest", False),
    lambda block: Header(
        number(block["number"]),
        None if block.get("baseFeePerGas") is None else number(block["baseFeePerGas"], _WEI_BITS),
        number(block["gasLimit"]),
    ),
)


def _usual_tip(history: Any) -> int:
    """The middle one of the tips of blocks that had transactions, 0 if none had."""
    blocks = zip(history["reward"] or [], history["gasUsedRatio"], strict=False)
    tips = sorted(number(rewards[0], _WEI_BITS) for rewards, used in blocks if used)
    return tips[len(tips) // 2] if tips else 0


def _eighth_more(amount: int) -> int:
    return amount + amount // 8 + 1
