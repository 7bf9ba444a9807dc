"""Tokens as any ERC-20: what an account has, what it lets others take; and which token is meant by what people say.

A token's identity is its home, the chain on which it was made, and its address there. Its name and symbol are what it
says of itself, which anybody can say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from eth_account.messages import SignableMessage, encode_typed_data

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import Registry
from metalayer.network.signers import typed_address
from metalayer.network.values import printable
from metalayer.protocol import amounts, bridge
from metalayer.protocol.abi import Function
from metalayer.protocol.rpc import Request, code_request

BALANCE_OF = Function("balanceOf(address)", "uint256", int)
TOTAL_SUPPLY = Function("totalSupply()", "uint256", int)
ALLOWANCE = Function("allowance(address,address)", "uint256", int)
TRANSFER = Function("transfer(address,uint256)", "bool")
APPROVE = Function("approve(address,uint256)", "bool")
NONCES = Function("nonces(address)", "uint256", int)
DELEGATES = Function("delegates(address)", "address", str)
"""Who has the votes of what an account holds; zero: nobody."""
DELEGATE = Function("delegate(address)")
VOTES = Function("getVotes(address)", "uint256", int)
PAST_VOTES = Function("getPastVotes(address,uint256)", "uint256", int)

ETHER = "ETH"
"""What people call a chain's own ether: the bridge moves its wrapped form."""
_WRAPPED_ETHER = Function("WRAPPED_ETHER()", "address", str)


class Said(NamedTuple):
    """What a token says of itself, in characters that change nothing on a terminal."""

    decimals: int
    name: str
    symbol: str

    @classmethod
    def of(cls, decimals: int, name: bytes, symbol: bytes) -> Said:
        """From the answer of TokenMetadata: bytes, because not all that tokens say is UTF-8."""
        return cls(decimals, *(printable(text.decode(errors="replace")) for text in (name, symbol)))


READ_METADATA = Function("read(address)", "uint8,bytes,bytes", Said.of)


@dataclass(frozen=True)
class Home:
    """By which a token is known everywhere: the chain on which it was made, and its address there."""

    chain_id: int
    address: str


@dataclass(frozen=True)
class Token:
    """A token on one chain: its address there, its home, and what it says of itself.

    `is_ether`: it was asked for as ether, and is the wrapped form.
    """

    chain: str
    address: str
    home: Home
    name: str
    symbol: str
    decimals: int
    is_ether: bool = False

    def text(self, amount: int) -> str:
        """An amount in its smallest unit, for people."""
        return f"{amounts.shown(amount, self.decimals)} {self.symbol}"

    def parse(self, text: str) -> int:
        """An amount that a person typed, in its smallest unit. MetalayerError unless it is positive and exact."""
        return amounts.parse(text, self.decimals, self.symbol)


@dataclass(frozen=True)
class KnownToken:
    """A token that was ever meant to move: where it is from, what it says of itself, and its address by chain, at home
    and where something stands for it.
    """

    home: Home
    said: Said
    places: dict[str, str] = field(default_factory=dict)


def balance(connection: Connection, registry: Registry, account: str) -> int:
    """ERA (wei) of an account on one chain, without its credit in the gateway."""
    return connection.view(registry.address("ERA"), BALANCE_OF, account)


def refuse_lost(registry: Registry, account: str, *tokens: str) -> None:
    """MetalayerError for the zero address, the network's own contracts and these tokens: nobody could ever move it from
    there.
    """
    refused = {"0x" + "00" * 20: "the zero address", **dict.fromkeys(tokens, "the token")}
    refused |= {registry.address(name): f"the {name}" for name in ("Metalayer", "TokenBridge", "ERA")}
    for address, what in refused.items():
        if account.lower() == address.lower():
            moved = "ERA" if set(tokens) <= {registry.address("ERA")} else "what is"
            raise MetalayerError(f"the recipient {account} is {what}: {moved} sent there would be lost")


def permit(
    chain_id: int, token: str, grant: tuple[str, str, int, int, int], name: str = "ERA", version: str = "1"
) -> SignableMessage:
    """What an owner of a token signs so that a spender may take some: EIP-2612. grant: owner, spender, amount, the
    owner's nonce, and until when (Unix seconds); name and version: of the token's domain (EIP-712).
    """
    names = ("owner", "spender", "value", "nonce", "deadline")
    types = ("address", "address", "uint256", "uint256", "uint256")
    return encode_typed_data(
        domain_data={"name": name, "version": version, "chainId": chain_id, "verifyingContract": token},
        message_types={"Permit": [{"name": n, "type": t} for n, t in zip(names, types, strict=True)]},
        message_data=dict(zip(names, grant, strict=True)),
    )


def metadata(registry: Registry, token: str) -> Request[Said]:
    """What a token says of itself, in bounds, whatever it does."""
    return READ_METADATA.request(registry.address("TokenMetadata"), token)


def read(live: Live, connection: Connection, address: str) -> Token:
    """The token at an address. MetalayerError if there is no contract."""
    registry = live.registry
    code, said, home = connection.batch(
        [
            code_request(address),
            metadata(registry, address),
            bridge.HOME_OF.request(registry.address("TokenBridge"), address),
        ]
    )
    if not code:
        raise MetalayerError(f"there is no token {address} on {connection.name}: {_elsewhere(live, address)}")
    is_at_home = home.chain_id == 0
    return Token(
        connection.name,
        address,
        Home(connection.chain_id, address) if is_at_home else Home(home.chain_id, home.token),
        said.name,
        said.symbol,
        said.decimals,
    )


def resolve(live: Live, connection: Connection, text: str) -> Token:
    """The token of a chain that people mean by ERA, ETH, an address there, a symbol that one known token has, or such a
    symbol with its home behind it: USDC@hub.

    MetalayerError with what would be understood if there is none, or more than one.
    """
    if text == "ERA":
        return read(live, connection, live.registry.address("ERA"))
    if text == ETHER:
        return replace(read(live, connection, wrapped_ether(live, connection)), is_ether=True)
    if address := typed_address(text):
        return read(live, connection, address)
    known = [token for token in all_known(live) if connection.name in token.places]
    found = chosen(live, known, text, f"on {connection.name}")
    token = read(live, connection, found.places[connection.name])
    return replace(token, is_ether=text.startswith(f"{ETHER}@"))


def chosen(live: Live, known: Sequence[KnownToken], text: str, where: str) -> KnownToken:
    """The one token among these that is meant by an address of it, a symbol, or a symbol and its home.

    MetalayerError with what would be understood if it is none of them, or more than one.
    """
    symbol, _, home = text.partition("@")
    home_id = live.network.chain(home).chain_id if home else None
    if symbol == ETHER and home_id is not None:
        ether = Home(home_id, wrapped_ether(live, live.connection(home_id)))
        found = [token for token in known if token.home == ether]
    elif address := typed_address(text):
        found = [token for token in known if address in token.places.values()]
    else:
        found = [
            token for token in known if token.said.symbol == symbol and home_id in (None, token.home.chain_id)
        ]
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(
            f"{token.said.symbol}@{chain_name(live, token.home.chain_id)} {token.home.address}"
            for token in found
        )
        raise MetalayerError(
            f"{len(found)} tokens {where} are meant by {printable(text)}: expected one of {choices}"
        )
    symbols = dict.fromkeys(token.said.symbol for token in known)
    raise MetalayerError(
        f"no known token '{printable(text)}' {where}: expected {ETHER}, an address, or one of {', '.join(symbols)}"
    )


def all_known(live: Live) -> list[KnownToken]:
    """ERA, every chain's wrapped ether, and whatever was described to a chain, or has something that stands for it
    there: ERA first, then by home and address.
    """
    address, era = live.registry.address("TokenBridge"), live.registry.address("ERA")
    connections = live.mesh.connections

    def look(connection: Connection) -> tuple[set[str], list[bridge.StandIn], str]:
        described, created, adopted = connection.batch(
            event.history(address)
            for event in (bridge.TOKEN_DESCRIBED, bridge.REPRESENTATION_CREATED, bridge.TOKEN_ADOPTED)
        )
        own = {event.token for event, _ in described}
        return own, [event for event, _ in [*created, *adopted]], wrapped_ether(live, connection)

    found = in_parallel(look, connections.values())
    places: dict[Home, dict[str, str]] = {}
    for name, (own, _, ether) in zip(connections, found, strict=True):
        for token in own | {ether}:
            places.setdefault(Home(connections[name].chain_id, token), {})[name] = token
    for name, (_, stand_ins, _) in zip(connections, found, strict=True):
        for stand_in in stand_ins:
            home = Home(stand_in.home_chain, stand_in.token)
            places.setdefault(home, _at(live, home))[name] = stand_in.local
    first = Home(live.network.hub.chain_id, era)
    places[first] = dict.fromkeys(connections, era)
    homes = sorted(places, key=lambda home: (home != first, home.chain_id, int(home.address, 16)))
    return [
        KnownToken(home, said, places[home])
        for home, said in zip(homes, _said(live, homes, places), strict=True)
    ]


def wrapped_ether(live: Live, connection: Connection) -> str:
    """Address of a chain's wrapped ether."""
    return connection.view(live.registry.address("EtherDoor"), _WRAPPED_ETHER)


def chain_name(live: Live, chain_id: int) -> str:
    """How people call a chain; its id if it is none of the network's."""
    there = live.mesh.by_id.get(chain_id)
    return str(chain_id) if there is None else there.name


def _at(live: Live, home: Home) -> dict[str, str]:
    there = live.mesh.by_id.get(home.chain_id)
    return {} if there is None else {there.name: home.address}


def _said(live: Live, homes: list[Home], places: dict[Home, dict[str, str]]) -> list[Said]:
    """At home if that chain is known, else what stands for it first."""
    asked: dict[str, list[Home]] = {}
    for home in homes:
        at_home = live.mesh.by_id.get(home.chain_id)
        asked.setdefault(at_home.name if at_home else next(iter(places[home])), []).append(home)

    def ask(name: str) -> list[Any]:
        return live.mesh.connections[name].batch(
            metadata(live.registry, places[home][name]) for home in asked[name]
        )

    answers = dict(zip(asked, in_parallel(ask, asked), strict=True))
    said = {home: one for name, some in asked.items() for home, one in zip(some, answers[name], strict=True)}
    return [said[home] for home in homes]


def _elsewhere(live: Live, address: str) -> str:
    """Where a token of that address is, for who named another chain."""
    others = list(live.mesh.connections.values())
    codes = in_parallel(lambda one: one.ask(code_request(address)), others)
    names = [one.name for one, code in zip(others, codes, strict=True) if code]
    if not names:
        return "expected the address of a token there, ERA, ETH or a known symbol"
    return f"it is on {', '.join(names)}; expected the address of what stands for it there: `ape metalayer tokens`"
