"""What deploy.yaml says of the bridge: limits, tokens of issuers, struck messages. All of it is the owner's to set,
which is a timelock: nothing of it is deployed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from metalayer.deploy.desired import Adoption, BridgeRules, Limit, Strike, Token
from metalayer.deploy.names import BRIDGE, BRIDGED_TOKEN, ERA
from metalayer.errors import MetalayerError
from metalayer.network.config import Chain, Network
from metalayer.network.inputs import Entry
from metalayer.network.values import Contract, Name, duration, hint, matching, whole
from metalayer.protocol.amounts import ERA_DECIMALS
from metalayer.protocol.dates import DAY
from metalayer.protocol.hex import from_hex
from metalayer.protocol.transfers import representation

_CAPACITY_BITS = 104


_Amount = Annotated[
    str,
    matching(
        r"(?:0|[1-9][0-9]{0,38}(?:_[0-9]{1,38}){0,12})(?:\.[0-9]{1,255})?",
        "an amount of tokens such as 1_000 or 0.5",
    ),
]


class KnownToken(Entry):
    """A token by its identity: where it is at home, and its address there. `adopted`: tokens of its issuer that stand
    for it, by chain.
    """

    home: Name
    address: Contract
    decimals: Annotated[int, whole(0, 255)]
    adopted: dict[Name, Contract] = Field(default_factory=dict)


class LimitEntry(Entry):
    """Limits of a token on one chain, for another. Amounts are whole tokens; the window is in seconds."""

    token: Name
    on: Name
    other: Annotated[Name, Field(alias="with")]
    out: _Amount
    in_: Annotated[_Amount, Field(alias="in")]
    window: Annotated[int, duration(1, 365 * DAY)]


class StrikeEntry(Entry):
    """A message that is never executed, because it was forged."""

    on: Name
    origin: Annotated[Name, Field(alias="from")]
    id: Annotated[str, matching(r"0x[0-9a-f]{64}", "a message's id, 0x and 64 digits in lower case")]
    because: Name


class BridgeEntry(Entry):
    """The block `bridge` of deploy.yaml."""

    tokens: dict[Name, KnownToken] = Field(default_factory=dict)
    limits: list[LimitEntry] = Field(default_factory=list)
    struck: list[StrikeEntry] = Field(default_factory=list)


def bridge_rules(
    entry: BridgeEntry, network: Network, addresses: Mapping[str, str], fault: Callable[..., MetalayerError]
) -> dict[str, BridgeRules]:
    """What should hold on each chain, by its name. MetalayerError for what no bridge would take.

    fault: what is wrong, and at which place of the file -> the error.
    """
    return _Reader(entry, network, addresses, fault).rules()


class _Reader:
    def __init__(
        self,
        entry: BridgeEntry,
        network: Network,
        addresses: Mapping[str, str],
        fault: Callable[..., MetalayerError],
    ) -> None:
        self.entry = entry
        self.network = network
        self.addresses = addresses
        self.fault = fault

    def rules(self) -> dict[str, BridgeRules]:
        tokens = {ERA: Token(ERA, self.network.hub.chain_id, self.addresses[ERA], ERA_DECIMALS)}
        adoptions: dict[str, list[Adoption]] = {name: [] for name in self.network.chains}
        for name, known in self.entry.tokens.items():
            token = tokens[name] = self._token(name, known, tokens)
            for chain, local in known.adopted.items():
                place = ("tokens", name, "adopted", chain)
                if self._chain(chain, *place).chain_id == token.home:
                    raise self._fault(f"{name} is at home there", *place)
                adoptions[chain].append(Adoption(token, local))
        limits = self._limits(tokens, adoptions)
        struck = self._struck()
        return {
            chain: BridgeRules(tuple(limits[chain]), tuple(adoptions[chain]), tuple(struck[chain]))
            for chain in self.network.chains
        }

    def _token(self, name: str, known: KnownToken, tokens: Mapping[str, Token]) -> Token:
        home = self._chain(known.home, "tokens", name, "home").chain_id
        if name in tokens:
            raise self._fault(f"{name} is known already", "tokens", name)
        for other in tokens.values():
            if (other.home, other.address) == (home, known.address):
                raise self._fault(f"this is {other.name}", "tokens", name, "address")
        return Token(name, home, known.address, known.decimals)

    def _limits(
        self, tokens: Mapping[str, Token], adoptions: Mapping[str, list[Adoption]]
    ) -> dict[str, list[Limit]]:
        limits: dict[str, list[Limit]] = {name: [] for name in self.network.chains}
        for position, one in enumerate(self.entry.limits):
            place = ("limits", str(position))
            if one.token not in tokens:
                raise self._fault(f"no such token{hint(one.token, tokens)}", *place, "token")
            token, chain = tokens[one.token], self._chain(one.on, *place, "on")
            other = self._chain(one.other, *place, "with")
            if chain == other:
                raise self._fault("expected two different chains", *place, "with")
            if token.home not in (chain.chain_id, other.chain_id):
                home = next(
                    known.name for known in self.network.chains.values() if known.chain_id == token.home
                )
                raise self._fault(
                    f"{token.name} comes to {chain.name} from its home: expected {home}", *place, "with"
                )
            if any(known.token == token and known.chain_id == other.chain_id for known in limits[chain.name]):
                raise self._fault("these limits are there twice", *place)
            out, in_ = (
                self._amount(text, token, *place, name) for name, text in (("out", one.out), ("in", one.in_))
            )
            local = self._local(token, chain, adoptions)
            limits[chain.name].append(Limit(token, local, other.chain_id, out, in_, one.window))
        return limits

    def _amount(self, text: str, token: Token, *place: str) -> int:
        amount = Fraction(text.replace("_", "")) * 10**token.decimals
        if amount.denominator != 1:
            raise self._fault(f"{token.name} has {token.decimals} decimals, found {text}", *place)
        if amount >= 1 << _CAPACITY_BITS:
            raise self._fault(f"expected less than 2^{_CAPACITY_BITS} of the smallest unit", *place)
        return int(amount)

    def _local(self, token: Token, chain: Chain, adoptions: Mapping[str, list[Adoption]]) -> str:
        """What stands for a token on a chain, or is going to."""
        if token.home == chain.chain_id or token.name == ERA:
            return token.address
        adopted = (one.local for one in adoptions[chain.name] if one.token == token)
        bridge, code = self.addresses[BRIDGE], self.addresses[BRIDGED_TOKEN]
        return next(adopted, representation(bridge, code, token.home, token.address))

    def _struck(self) -> dict[str, list[Strike]]:
        struck: dict[str, list[Strike]] = {name: [] for name in self.network.chains}
        for position, one in enumerate(self.entry.struck):
            place = ("struck", str(position))
            chain, origin = self._chain(one.on, *place, "on"), self._chain(one.origin, *place, "from")
            if chain == origin:
                raise self._fault("expected two different chains", *place, "from")
            strike = Strike(origin.chain_id, from_hex(one.id))
            if any(known.id == strike.id for known in struck[chain.name]):
                raise self._fault("this message is there twice", *place, "id")
            struck[chain.name].append(strike)
        return struck

    def _chain(self, name: str, *place: str) -> Chain:
        if name not in self.network.chains:
            raise self._fault(f"no such chain{hint(name, self.network.chains)}", *place)
        return self.network.chains[name]

    def _fault(self, said: str, *place: str) -> MetalayerError:
        return self.fault(said, "bridge", *place)
