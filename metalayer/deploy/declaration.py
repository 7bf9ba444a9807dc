"""What is said about a contract that is deployed, and what follows from it and the ABI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from eth_abi.abi import encode
from eth_utils.abi import get_aligned_abi_inputs
from eth_utils.crypto import keccak
from pydantic.alias_generators import to_snake

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.desired import ZERO_ADDRESS, Desired
from metalayer.errors import MetalayerError
from metalayer.protocol.abi import Function
from metalayer.protocol.hex import to_hex

_OWNER = Function("owner()", "address")
_PENDING_OWNER = Function("pendingOwner()", "address")

Kind = Literal["create", "bond", "publish", "start", "configure", "hand over"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Kinds of steps in their order: each begins when those before it are done."""


@dataclass(frozen=True)
class Step:
    """One transaction. Steps of one kind may share a block. `waits`: what others have to do first; empty if nothing."""

    name: str
    kind: Kind
    sender: str
    to: str
    data: bytes
    arguments: dict[str, Any]
    address: str
    is_done: bool
    waits: str = ""

    @property
    def is_missing(self) -> bool:
        """True if it can and should be sent."""
        return not self.is_done and not self.waits


@dataclass(frozen=True)
class Change:
    """The transaction that makes a view return what is expected. `arguments` by the names of the ABI, in their order,
    structs as dictionaries.

    Of an owner it is no step but something to vote on: an owner is a timelock, which signs nothing. constructed: the
    constructor has done it already; it is missing only where somebody changed it since.
    """

    step: str
    sender: str
    function: Function
    arguments: dict[str, Any]
    kind: Kind = "configure"
    constructed: bool = True

    @property
    def data(self) -> bytes:
        """Calldata."""
        return self.function.encode(*(_words(value) for value in self.arguments.values()))

    @property
    def shown_arguments(self) -> dict[str, Any]:
        """As plan and journal show them: bytes as hex."""
        return {name: _shown(value) for name, value in self.arguments.items()}


@dataclass(frozen=True)
class View:
    """What a call of a contract should return. `subject` is its name in `check`, where `words` shows its values.

    change: what brings it about. refusal: what `plan` and `apply` call it when they refuse to go on, because it is
    neither `expected` nor `initial` and no step mends that. Without either only `check` looks at it.
    """

    subject: str
    function: Function
    expected: Any
    inputs: tuple[Any, ...] = ()
    words: Callable[[Any], str] = str
    change: Change | None = None
    refusal: str = ""
    initial: Any = None


@dataclass(frozen=True)
class Declaration:
    """One contract: its constructor's arguments by name (structs as dictionaries), and its views.

    placed_by: the CREATE3 factory, or, for that factory itself, the CREATE2 proxy that most chains have. kind: of the
    step that creates it; "start" for what is only known when Staking has published a validator set, and for what
    needs a gateway. calls: contracts that its constructor calls. place: what its salt is made of; two contracts that
    stand on different chains share an address by sharing it. Its name by default. unless: where a chain has its own.
    of: the contract that it is one of, where several exist.
    """

    name: str
    arguments: Callable[[Desired], dict[str, Any]] = lambda desired: {}
    views: Callable[[Desired], Iterable[View]] = lambda desired: ()
    where: Literal["every chain", "hub", "spokes"] = "every chain"
    placed_by: Literal["factory", "proxy"] = "factory"
    kind: Literal["create", "start"] = "create"
    calls: tuple[str, ...] = ()
    place: str = ""
    unless: Callable[[Desired], bool] = lambda desired: False
    of: str = ""

    @property
    def artifact(self) -> str:
        """The contract whose code it has: by default its name."""
        return self.of or self.name

    @property
    def salt(self) -> bytes:
        """Within the deployer's namespace of the factory, or the proxy's."""
        return keccak(text=self.place or self.name) if self.placed_by == "factory" else bytes(32)

    def belongs_to(self, desired: Desired) -> bool:
        """True if it should stand on this chain, as far as that is known."""
        if (self.kind == "start" and desired.validator_set is None) or self.unless(desired):
            return False
        return self.where == "every chain" or (self.where == "hub") == desired.is_hub

    def init_code(self, desired: Desired, artifact: Artifact) -> bytes:
        """Creation code and encoded arguments. MetalayerError if the constructor takes others than are declared."""
        constructors = [item for item in artifact.abi if item["type"] == "constructor"]
        constructor: Any = constructors[0] if constructors else {"type": "constructor", "inputs": []}
        values, names = self.arguments(desired), [entry["name"] for entry in constructor["inputs"]]
        if set(values) != set(names):
            raise MetalayerError(
                f"the constructor of {self.name} takes ({', '.join(names)}), declared are ({', '.join(values)})"
            )
        return artifact.creation + encode(*get_aligned_abi_inputs(constructor, values))

    def shown_arguments(self, desired: Desired) -> dict[str, Any]:
        """The constructor's arguments as registry and plan show them: bytes as hex."""
        return {name: _shown(value) for name, value in self.arguments(desired).items()}

    def all_views(self, desired: Desired, artifact: Artifact) -> list[View]:
        """The declared ones, and each argument that the contract keeps as a constant: `networkId`, `NETWORK_ID()`."""
        outputs = {
            item["name"]: [output["type"] for output in item["outputs"]]
            for item in artifact.abi
            if item["type"] == "function" and not item["inputs"]
        }
        views = list(self.views(desired))
        for argument, value in self.arguments(desired).items():
            constant = to_snake(argument).upper()
            if constant in outputs:
                function = Function(f"{constant}()", ",".join(outputs[constant]))
                subject = f"{self.name} {constant}"
                views.append(View(subject, function, value, words=lambda found: str(_shown(found))))
        return views


def ownership(contract: str, owner: str) -> Iterator[View]:
    """Who owns a contract, and that nobody waits to."""
    yield View(f"{contract} owner", _OWNER, owner, refusal=f"the owner of {contract}")
    yield View(
        f"{contract} pending owner",
        _PENDING_OWNER,
        ZERO_ADDRESS,
        words=lambda found: "none" if found == ZERO_ADDRESS else found,
    )


def _words(value: Any) -> Any:
    """As `Function.encode` takes it."""
    return tuple(_words(entry) for entry in value.values()) if isinstance(value, dict) else value


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return to_hex(value)
    if isinstance(value, dict):
        return {name: _shown(entry) for name, entry in value.items()}
    return [_shown(entry) for entry in value] if isinstance(value, list) else value
