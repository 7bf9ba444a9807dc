"""networks.yaml as it is written: its entries, and what each may hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from metalayer.network.addresses import MOST, is_repeated, read_address, read_addresses
from metalayer.network.gas import delivery_gas, delivery_room, highest_gas_limit
from metalayer.network.inputs import Entry, wrong
from metalayer.network.values import (
    Contract,
    Name,
    Reads,
    decimal,
    duration,
    found,
    matching,
    number_schema,
    read_whole,
    whole,
)
from metalayer.protocol.dates import DAY

# 40 bits are what the contracts keep of each.
_Fee = Annotated[int, whole(0, (1 << 40) - 1)]
_Gas = Annotated[int, whole(1, 1 << 40)]

FINALITY_TAGS = {"finalized": 64, "safe": 32}
"""Block tags that say what is final, and about how many blocks below the newest they stand: Ethereum's epochs."""


def read_finality(value: Any) -> int | str:
    """A block's tag, or a number of blocks below the newest. ValueError with what is expected otherwise."""
    if value in FINALITY_TAGS:
        return str(value)
    try:
        return read_whole(value, 0, 1_000_000)
    except ValueError as error:
        raise ValueError(
            f"expected `finalized`, `safe` or a number of blocks from 0 to 1000000, found {found(value)}"
        ) from error


_URL_SCHEMA = {"type": "string", "pattern": r"^(https?://.|\$\{[A-Za-z_][A-Za-z0-9_]*\})"}
_Url = Annotated[str, Reads(read_address, _URL_SCHEMA)]
_Urls = Annotated[
    list[str],
    Reads(
        read_addresses,
        {"anyOf": [_URL_SCHEMA, {"type": "array", "items": _URL_SCHEMA, "minItems": 1, "maxItems": MOST}]},
    ),
]

Finality = Annotated[
    int | str,
    Reads(
        read_finality,
        {"anyOf": [{"enum": list(FINALITY_TAGS)}, *number_schema("integer", 0, 1_000_000)["anyOf"]]},
    ),
]


class Fees(Entry):
    """What messages towards a kind of chain pay, and, with `gas`, what returns to it. Gwei of ERA; basis points."""

    base: _Fee
    """For the passage of a message, in gwei of ERA."""
    gas: _Fee
    """For each 1,000 gas that a message may use there, or use here when it comes back, in gwei of ERA."""
    byte: _Fee
    """For each byte of payload, in gwei of ERA."""
    protocol_share: Annotated[int, whole(0, 10_000)]
    """On top, in basis points (1/100 of a percent)."""


class BridgeLimits(Entry):
    """What a new chain's joining sets at the hub, of ERA with such a chain: whole ERA that may leave, and arrive, at
    once; what was used grows back within `window` (seconds).
    """

    out: Annotated[int, whole(1, 10**9)]
    in_: Annotated[int, Field(alias="in"), whole(1, 10**9)]
    window: Annotated[int, duration(1, 365 * DAY)]


class Example(Entry):
    """A contract in contracts/examples that is made for such a chain, and its page."""

    contract: Name
    page: Name


class Preset(Entry):
    """What a kind of chain is like. Seconds, gas, wei, blocks; see networks.yaml."""

    about: Name | None = None
    """A line for whoever chooses."""
    block_time: Annotated[float, decimal(0.01, 3_600)]
    """Seconds."""
    gas_limit: _Gas
    """Gas of a block."""
    base_fee: Annotated[int, whole(0, 10**18)]
    """Wei for each gas of the first block; EIP-1559 changes it from there."""
    finality: Finality
    """`finalized` or `safe`, as the chain itself calls such blocks, or a number of blocks below the newest one."""
    default_gas_limit: _Gas
    """Gas of a message towards such a chain that names none."""
    max_gas_limit: _Gas
    """Most gas of a message towards such a chain: half a block and 16,777,216, less the overhead."""
    default_return_gas_limit: Annotated[int, whole(0, 15_000_000)]
    """Gas with which the sender of a message from such a chain is called when it comes back."""
    fees: Fees
    """What messages towards such a chain pay."""
    bridge: BridgeLimits | None = None
    """Limits for ERA that `ape metalayer launch` proposes for such a chain."""
    example: Example | None = None
    """What is made for such a chain."""

    @model_validator(mode="after")
    def _limits_fit(self) -> Preset:
        needed, room = delivery_gas(self.max_gas_limit), delivery_room(self.gas_limit)
        if needed > room:
            raise wrong(
                "max_gas_limit",
                f"a message with {self.max_gas_limit} gas could not be delivered, which needs {needed} gas: half a "
                f"block or one transaction have {room}: expected at most {highest_gas_limit(self.gas_limit)}",
            )
        if self.default_gas_limit > self.max_gas_limit:
            raise wrong("default_gas_limit", f"expected at most max_gas_limit, {self.max_gas_limit}")
        return self

    @property
    def finality_depth(self) -> int:
        """Blocks that are mined on top of one until it is final; about so many if the chain's own tag says what is."""
        return self.finality if isinstance(self.finality, int) else FINALITY_TAGS[self.finality]


class Fork(Entry):
    """Start from another chain's state: its RPC address and, if given, the block."""

    url: Annotated[_Url, Field(repr=False)]
    """Address of a node of the other chain. `${NAME}` in it stands for a variable of the environment."""
    block: Annotated[int, whole(0, (1 << 64) - 1)] | None = None
    """Number of the block; the newest one if it is left out."""


class ChainEntry(Entry):
    """One chain. It has a `port` if it runs here, or the `url` of its node."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["port"]}, {"required": ["url"]}]})

    chain_id: Annotated[int, whole(1, (1 << 64) - 1)]
    """No other chain of the network has it."""
    preset: Name
    """Name of one of the `presets`."""
    port: Annotated[int, whole(1, 65_535)] | None = None
    """Where `localnet up` starts it, on this machine."""
    url: _Urls | None = None
    """Address of its node, or up to ten: the first one that answers, and is not behind, is asked. `${NAME}` in one
    stands for a variable of the environment.
    """
    confirmations: Annotated[int, whole(0, 1_000)] | None = None
    """Blocks on top of what commands send before it counts as done: 2 for a chain with a `url`, else none."""
    nodes: Annotated[list[_Url], Field(min_length=1, max_length=100)] | None = None
    """Those that a validator of yours reads the chain through. `${NAME}` as in `url`."""
    agree: Annotated[int, whole(1, 100)] | None = None
    """How many of `nodes` have to say the same before it signs; more than half if it is left out."""
    fork: Fork | None = None
    """Start it from another chain's state."""
    max_gas_price: Annotated[int, whole(1, 1 << 60)] | None = None
    """Wei for each gas that no transaction offers more than: by default 100 times the base fee, at least 10 gwei."""
    wrapped_ether: Contract | None = None
    """The token that its ether is wrapped into (WETH9), trusted and for ever. Without it `deploy` brings one."""
    permit2: Contract | None = None
    """Where Permit2 is, if not at the address that it has on most chains."""

    @model_validator(mode="after")
    def _has_a_place(self) -> ChainEntry:
        if (self.port is None) == (self.url is None):
            raise ValueError("give either a port (a local chain) or a url (a node elsewhere)")
        return self

    @model_validator(mode="after")
    def _nodes_can_agree(self) -> ChainEntry:
        nodes = self.nodes or []
        if is_repeated(nodes):
            raise wrong("nodes", "one of them is there twice")
        if self.agree is not None and not len(nodes) // 2 < self.agree <= len(nodes):
            # Half of them or fewer could be right about two different things.
            raise wrong("agree", f"expected more than half of the {len(nodes)} nodes, and no more than all")
        return self


class _NetworkEntry(Entry):
    """What the network is called, and which chain is its hub."""

    # A folder has this name.
    name: Annotated[
        str,
        matching(
            r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}",
            "up to 64 letters, digits, `_`, `.` and `-`, a letter or a digit first",
        ),
    ]
    hub: Name
    """The chain where ERA is locked; its chain id is the network's."""


class NetworksFile(Entry):
    """All of networks.yaml."""

    network: _NetworkEntry
    presets: dict[Name, Preset]
    """Kinds of chains, by name."""
    chains: dict[
        Annotated[
            str,
            # `default` means every chain in deploy.yaml.
            matching(
                r"(?!default$)[a-z][a-z0-9_]{0,31}",
                "up to 32 lower-case letters, digits and `_`, a letter first, and not `default`",
            ),
        ],
        ChainEntry,
    ]
    """By name. An account, a command and a proposal call them so."""
