"""How a validator's key stands with Staking: whose it is, which keys it follows, what it is accused of."""

from __future__ import annotations

from dataclasses import dataclass

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.nodes import Nodes
from metalayer.protocol import slasher, staking
from metalayer.protocol.dates import utc
from metalayer.protocol.rpc import block_request, word
from metalayer.protocol.slasher import ABOUT, SETTLE_DELAY, Accusation, CaseState
from metalayer.protocol.staking import LIABILITY, ValidatorState


@dataclass(frozen=True)
class Charged:
    """An open case against the validator. `opened_at`: Unix seconds."""

    accusation: Accusation
    opened_at: int
    pardoned: bool

    @property
    def line(self) -> str:
        """What it is about, until when something can be done, and what."""
        about = self.accusation
        said = f"case 0x{about.key.hex()}, {ABOUT[about.kind]}: {about.place()}"
        if self.pardoned:
            return f"{said}: it was pardoned, anyone may dismiss it (`ape metalayer relay once`)"
        until = utc(self.opened_at + SETTLE_DELAY)
        if about.kind.pardonable:
            return f"{said}: settled from {until} on; until then the owner of the Slasher may pardon it"
        return f"{said}: settled from {until} on; nobody can pardon it"


@dataclass(frozen=True)
class Standing:
    """What Staking says of a key. `validator`: 0 if it is nobody's. `retired_at`: 0 while it is the validator's own.
    `elders`: the keys that the validator had before it, the latest first, and whether they still answer.
    """

    key: str
    validator: int
    retired_at: int = 0
    is_seated: bool = False
    state: ValidatorState = ValidatorState.NONE
    elders: tuple[tuple[str, bool], ...] = ()
    cases: tuple[Charged, ...] = ()

    @property
    def conviction(self) -> str:
        """The case that nobody can pardon: it contradicted itself. Empty if there is none that is open."""
        cases = self.cases if self.state is not ValidatorState.ENDED else ()
        return next((self._accused(one) for one in cases if not one.accusation.kind.pardonable), "")

    def _accused(self, case: Charged) -> str:
        return f"validator {self.validator} is accused: {case.line} (docs/incidents.md)"

    @property
    def warnings(self) -> list[str]:
        """A line for each thing that its operator should know."""
        if not self.validator:
            return [f"{self.key} is no validator's key (`ape metalayer stake register`)"]
        name = f"validator {self.validator}"
        found = []
        if self.state is ValidatorState.ENDED:
            found.append(f"{name} was slashed: it is in no set any more (`ape metalayer stake status`)")
        elif self.retired_at:
            found.append(
                f"{self.key} was replaced as the key of {name}: it answers until {utc(self.retired_at + LIABILITY)}; "
                "stop it when no chain has a set with it"
            )
        elif not self.is_seated:
            found.append(f"{name} has no seat: the next set is without it (`ape metalayer stake join`)")
        if self.state is not ValidatorState.ENDED:
            found += [self._accused(one) for one in self.cases]
        return found


def read_standing(mesh: Mesh, key: str) -> Standing:
    """As enough of the hub's nodes say. MetalayerError if too few do."""
    if mesh.hub is None:
        raise MetalayerError("nothing is deployed to the hub")
    return Nodes.of(mesh.hub).agreed(lambda node: _read(node, mesh.staking, key))


def _read(node: Connection, address: str, key: str) -> Standing:
    whose, accuser, block = node.batch(
        [staking.KEY.request(address, key), staking.SLASHER.request(address), block_request()]
    )
    id_ = whose.validator
    if not id_:
        return Standing(key, 0)
    rotations, known = node.batch(
        [staking.KEY_ROTATED.history(address, word(id_)), staking.VALIDATOR.request(address, id_)]
    )
    # A key is a validator's once: what was retired before this key came is older.
    retired = [retired for (_, retired, _), _ in rotations]
    older = retired[: retired.index(key)] if key in retired else retired
    keys = node.batch(staking.KEY.request(address, one) for one in older)
    elders = [
        (one, block.time < found.retired_at + LIABILITY) for one, found in zip(older, keys, strict=True)
    ]
    return Standing(
        key,
        id_,
        whose.retired_at,
        bool(known.seat),
        known.state,
        tuple(reversed(elders)),
        open_cases(node, accuser, id_) if known.open_cases else (),
    )


def open_cases(node: Connection, accuser: str, id_: int) -> tuple[Charged, ...]:
    """Those against a validator, as a node of the hub says. accuser: address of the Slasher."""
    opened = [
        event.accusation for event, _ in node.ask(slasher.CASE_OPENED.history(accuser, None, word(id_)))
    ]
    answers = node.batch(
        [
            *(slasher.CASE_OF.request(accuser, one.key) for one in opened),
            *(slasher.IS_PARDONED.request(accuser, one) for one in opened),
        ]
    )
    return tuple(
        Charged(one, case.opened_at, is_pardoned)
        for one, case, is_pardoned in zip(opened, answers[: len(opened)], answers[len(opened) :], strict=True)
        if case.state is CaseState.OPEN
    )
