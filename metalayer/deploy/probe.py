"""What a chain and its node can do, asked before a route to it opens.

What messages cannot do without is needed: `deploy` refuses a chain that lacks it, and `check` names it. All else is a
warning. Nothing is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.network.config import PERMIT2
from metalayer.network.connection import Connection
from metalayer.network.gas import delivery_gas, delivery_room, highest_gas_limit
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import BadAnswer, RpcError, WrongChain
from metalayer.protocol.create3 import ARACHNID
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.rpc import Request, block_request, code_request, logs_request, number, quantity

# Each returns a word that is 42: PUSH1 42, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN, and one opcode more.
_PLAIN = "602a60005260206000f3"
OPCODES = {
    "PUSH0 (EIP-3855)": "5f50" + _PLAIN,
    "TSTORE and TLOAD (EIP-1153)": "602a60015d60015c60005260206000f3",
    "MCOPY (EIP-5656)": "602a6000526020600060205e60206020f3",
}
"""Code that needs what the contracts need, by name. Blobs, BLOBBASEFEE and delegated accounts are not needed."""
_ALL = "5f50602a60015d60015c6000526020600060205e60206020f3"
_GAS_LEFT = "5a60005260206000f3"
_42 = (42).to_bytes(32, "big")

# A hash, v, r and s of the key 1, and its address.
_SIGNED = (
    "0xbde491a7299444399dcb7fdcfb3869f702a6507fda7e8df2a83b28ad824a5d17"
    "000000000000000000000000000000000000000000000000000000000000001b"
    "f6bc99dcca1148834dee99dc9af0d1b426cf5d813507a11342f6da895ed3ea77"
    "6452d5d3775626e7fe06c8174f49908273b43d2191a3c8134d0c6e9656ab20c8"
)
_SIGNER = "0x0000000000000000000000007e5f4552091a69125d5dfcb7b8c2659029395bdf"
_ECRECOVER = "0x" + "01".rjust(40, "0")
# Any account without code: a state override gives it some.
_SOMEWHERE = "0x" + "5a" * 20

_RANGES = (100_000, 10_000, 5_000, 2_000, 1_000, 500, 100, 10, 1)
_FEW_BLOCKS = 500
_BATCHES = (500, 100, 50, 20, 10)
_AHEAD_SECONDS = 60
_OLD_SECONDS = 600

_Way = Callable[[str], Request[bytes]]


@dataclass(frozen=True)
class Result:
    """One thing that was asked. `problem`: what is wrong with it, if anything. `needed`: no route opens with that."""

    subject: str
    found: str
    problem: str = ""
    needed: bool = False


@dataclass(frozen=True)
class Probe:
    """What was found out about one chain."""

    chain: str
    results: list[Result]

    @property
    def warnings(self) -> list[str]:
        """A line for each problem that does not keep the contracts from working."""
        return [f"{self.chain}: {one.problem}" for one in self.results if one.problem and not one.needed]

    def as_dict(self) -> list[dict[str, Any]]:
        return [asdict(result) for result in self.results]


def probe_all(connections: Mapping[str, Connection]) -> list[Probe]:
    """Every chain. MetalayerError only if one does not answer at all."""
    return in_parallel(lambda name: probe(connections[name]), connections)


def probe(connection: Connection) -> Probe:
    """All that is asked of one chain. MetalayerError only if its node does not answer."""
    results = essentials(connection)
    if not results[0].problem:
        parts = (("own tags", _finality), ("fees", _fees), ("rehearsals", _rehearsals))
        for subject, part in (*parts, ("logs", _logs), ("batches", _batches), ("clock", _clock)):
            try:
                results.append(part(connection))
            except (RpcError, BadAnswer) as error:
                results.append(Result(subject, "unknown", f"{subject}: {_said(connection, error)}"))
    return Probe(connection.name, results)


def refuse_unfit(connection: Connection) -> None:
    """MetalayerError, one line, if the contracts cannot work on this chain, or messages cannot be carried to it."""
    problems = unfit(connection)
    if problems:
        raise MetalayerError(f"{connection.name}: {'; '.join(one.problem for one in problems)}")


def unfit(connection: Connection) -> list[Result]:
    """What is needed and not there."""
    return [result for result in essentials(connection) if result.problem]


def essentials(connection: Connection) -> list[Result]:
    """What messages need, in one round trip for a chain that has it all."""
    chain = connection.chain
    final: int | MetalayerError
    try:
        block, ran, signer, final = connection.batch(
            [block_request(), _creation(_ALL), _recovery(), connection.final_request]
        )
        lacking = [] if (ran, signer) == (_42, _SIGNER) else list(_lacking(connection))
    except WrongChain as error:
        return [Result("chain id", "another", _said(connection, error), needed=True)]
    except (RpcError, BadAnswer):
        # One by one: which of them is it?
        block, lacking, final = connection.block(), list(_lacking(connection)), _final(connection)
    missing = f"it does not have {', '.join(lacking)}, which the contracts need" if lacking else ""
    return [
        Result("chain id", str(chain.chain_id), needed=True),
        Result("EVM", f"no {', no '.join(lacking)}" if lacking else "complete", missing, needed=True),
        _block_gas(chain.preset.max_gas_limit, block.gas_limit),
        _final_block(connection, block.number, final),
        *_named(connection),
    ]


def _named(connection: Connection) -> list[Result]:
    """The contracts of others that networks.yaml names: whatever uses them would trust an empty address for ever."""
    chain = connection.chain
    named = {
        "wrapped_ether": chain.wrapped_ether,
        "permit2": chain.permit2 if chain.permit2 != PERMIT2 else None,
    }
    places = {name: address for name, address in named.items() if address is not None}
    if not places:
        return []
    codes = connection.batch(code_request(address) for address in places.values())
    return [
        Result(
            name.replace("_", " "),
            address,
            "" if code else f"there is no code at {address} (`{name}` in networks.yaml)",
            needed=True,
        )
        for (name, address), code in zip(places.items(), codes, strict=True)
    ]


def _lacking(connection: Connection) -> Iterator[str]:
    way = _way(connection)
    for name, code in OPCODES.items():
        if not _runs(connection, way, code):
            yield name
    try:
        recovered = connection.ask(_recovery())
    except (RpcError, BadAnswer):
        recovered = ""
    if recovered != _SIGNER:
        yield "the precompile ecrecover"


def _runs(connection: Connection, way: _Way, code: str) -> bool:
    try:
        return connection.ask(way(code)) == _42
    except (RpcError, BadAnswer):
        # What is no fault of the opcode fails without it, too.
        return connection.ask(way(_PLAIN)) != _42


def _way(connection: Connection) -> _Way:
    """How this node runs code that is nowhere. MetalayerError if it does not."""
    said = ""
    for way in (_creation, _override):
        try:
            if connection.ask(way(_PLAIN)) == _42:
                return way
        except (RpcError, BadAnswer) as error:
            said = f": {_said(connection, error)}"
    raise MetalayerError(
        f"{connection.name}: what its EVM can do cannot be found out: its node runs code neither by an `eth_call` "
        f"without a recipient nor by a state override{said}"
    )


def _creation(code: str, gas: int | None = None) -> Request[bytes]:
    """As the code of a constructor."""
    message = {"data": f"0x{code}"} | ({} if gas is None else {"gas": hex(gas)})
    return Request("eth_call", (message, "latest"), from_hex)


def _override(code: str) -> Request[bytes]:
    """As if it stood somewhere."""
    overrides = {_SOMEWHERE: {"code": f"0x{code}"}}
    return Request("eth_call", ({"to": _SOMEWHERE, "data": "0x"}, "latest", overrides), from_hex)


def _recovery() -> Request[str]:
    return Request(
        "eth_call", ({"to": _ECRECOVER, "data": _SIGNED}, "latest"), lambda result: to_hex(from_hex(result))
    )


def _block_gas(gas_limit: int, block_gas: int) -> Result:
    needed, room = delivery_gas(gas_limit), delivery_room(block_gas)
    problem = (
        f"a message with {gas_limit} gas, max_gas_limit of its preset, needs {needed} gas to be delivered, and half a "
        f"block or one transaction has {room}: expected at most {highest_gas_limit(block_gas)}"
    )
    return Result("block gas", f"{block_gas:,}", problem if needed > room else "", needed=True)


def _final(connection: Connection) -> int | MetalayerError:
    try:
        return connection.finalized()
    except (RpcError, BadAnswer) as error:
        return error


def _final_block(connection: Connection, latest: int, final: int | MetalayerError) -> Result:
    """Without one, no message from this chain is ever carried."""
    finality = connection.chain.preset.finality
    if isinstance(final, MetalayerError):
        problem = f"finality: {_said(connection, final)}: expected a number of blocks in its preset"
        return Result("final block", "none", problem, needed=True)
    by = f", by `{finality}`" if isinstance(finality, str) else ""
    return Result("final block", f"newest - {max(0, latest - final)}{by}", needed=True)


def _finality(connection: Connection) -> Result:
    """What the chain itself calls final, next to what its preset does."""
    latest = connection.height()
    below: dict[str, int] = {}
    for tag in ("finalized", "safe"):
        try:
            below[tag] = max(0, latest - connection.block(tag).number)
        except (RpcError, BadAnswer):
            continue
    found = ", ".join(f"{tag} - {blocks}" for tag, blocks in below.items()) or "none"
    result = partial(Result, "own tags", found)
    final = connection.finalized()
    try:
        connection.ask(quantity("eth_getBalance", ARACHNID, hex(final), bits=256))
    except (RpcError, BadAnswer) as error:
        return result(
            f"relayers read the state of the final block, {latest - final} below the newest, and the node does not "
            f"have it ({_said(connection, error)}): take an archive node, or a lower finality"
        )
    depth = connection.chain.preset.finality
    # Local chains finalise nothing: their tags are made up.
    if connection.chain.is_local or not isinstance(depth, int) or depth >= below.get("finalized", 0):
        return result()
    return result(
        f"finality is {depth} blocks, and the chain itself calls final what is {below['finalized']} below the newest: "
        "it may be reorganised in between, which halts its lanes"
    )


def _fees(connection: Connection) -> Result:
    block = connection.ask(Request("eth_getBlockByNumber", ("latest", False), dict))
    result = partial(Result, "fees")
    if block.get("baseFeePerGas") is None:
        return result(
            "no base fee", "its blocks have no base fee (EIP-1559), and all transactions are sent with one"
        )
    base = f"{number(block['baseFeePerGas'], 128) / 1e9:g} gwei"
    try:
        tip = connection.ask(quantity("eth_maxPriorityFeePerGas", bits=128))
    except (RpcError, BadAnswer) as error:
        return result(base, f"its node suggests no fees ({_said(connection, error)})")
    return result(f"{base}, tip {tip / 1e9:g}")


def _rehearsals(connection: Connection) -> Result:
    """A delivery is run by `eth_call` with the gas with which it is sent: many nodes give a call less."""
    needed = delivery_gas(connection.chain.preset.max_gas_limit)
    left = int.from_bytes(connection.ask(_creation(_GAS_LEFT, needed)), "big")
    # Less what the transaction costs before its first opcode.
    less = needed - left > 100_000
    problem = f"a call gets {left} gas of {needed}, which the largest delivery needs: rehearsals of it fail"
    return Result("rehearsals", f"{left:,} gas", problem if less else "")


def _logs(connection: Connection) -> Result:
    """The longest range of blocks whose logs the node gives at once, of some that are usual limits."""
    height = connection.height()
    said = ""
    for blocks in (min(height + 1, _RANGES[0]), *(each for each in _RANGES[1:] if each <= height)):
        request = logs_request(ARACHNID, [], height - blocks + 1, height)
        try:
            # As it is: `ask` makes smaller ones of what a node refuses.
            connection.rpc(request.method, *request.params)
        except RpcError as error:
            said = said or _said(connection, error)
            continue
        problem = f"logs of only {blocks} blocks at once: reading what happened takes many requests"
        few = blocks <= height and blocks < _FEW_BLOCKS
        return Result("logs", f"{blocks:,} blocks" if blocks <= height else "all", problem if few else "")
    return Result("logs", "none", f"its node gives no logs: {said}")


def _batches(connection: Connection) -> Result:
    """The most requests that the node answers in one body, of some that are usual limits."""
    for size in _BATCHES:
        if connection.takes_batch(size):
            return Result("batches", str(size))
    return Result(
        "batches", "1", f"its node answers no batch of {_BATCHES[-1]} requests: everything takes longer"
    )


def _clock(connection: Connection) -> Result:
    age = int(time.time()) - connection.block().time
    result = partial(Result, "clock")
    if age < -_AHEAD_SECONDS:
        return result(f"{-age} s ahead", f"its newest block is {-age} s ahead of this machine's clock")
    if age > _OLD_SECONDS + 10 * connection.chain.preset.block_time:
        return result(f"{age} s behind", f"its newest block is {age} s old: does it still make blocks?")
    return result("right")


def _said(connection: Connection, error: MetalayerError) -> str:
    """Without the name of the chain, which comes first anyway."""
    return str(error).removeprefix(f"{connection.name}: ")
