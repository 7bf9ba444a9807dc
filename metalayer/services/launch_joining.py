"""The proposal by which others open their lanes with a new chain: found, written, built and rehearsed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metalayer.deploy.drift import Mend
from metalayer.errors import MetalayerError
from metalayer.governance import reports
from metalayer.governance.built import BUILD_FILE, Built
from metalayer.governance.drafts import draft
from metalayer.governance.faults import Faults
from metalayer.governance.files import FILE, TEXT, proposals_dir, read_on
from metalayer.governance.motions import Desk
from metalayer.governance.names import Names
from metalayer.network.config import Chain, Network
from metalayer.network.inputs import parse
from metalayer.network.values import printable
from metalayer.protocol import bridge, gateway
from metalayer.protocol.amounts import GWEI, era
from metalayer.protocol.dates import span
from metalayer.services import simulate
from metalayer.services.deciding import Say
from metalayer.services.report import as_dict, write

_LANE_WRITES = ("Metalayer._routes", "Metalayer._inboxLanes")
_LIMIT_WRITES = ("TokenBridge._accounts", "TokenBridge._buckets")


@dataclass(frozen=True)
class Draft:
    """What a joining proposal's folder holds: proposal.yml and README.md."""

    folder: Path
    content: str
    text: str


def about(chain: Chain, mends: Mapping[str, Sequence[Mend]]) -> dict[str, list[Mend]]:
    """Of everything that only a vote can mend, what the joining of this chain is, by chain."""
    return {
        name: found
        for name, some in mends.items()
        if (found := [mend for mend in some if name != chain.name and _concerns(mend, chain.chain_id)])
    }


def _concerns(mend: Mend, chain_id: int) -> bool:
    return any(mend.arguments.get(name) == chain_id for name in ("chainId", "destination", "origin"))


def folders(name: str, root: Path | None = None) -> list[Path]:
    """Those of all proposals for a chain to join, the newest last."""
    root = root or proposals_dir()
    return sorted(root.glob(f"[0-9][0-9][0-9]-join-{_slug(name)}"))


def _slug(name: str) -> str:
    """A folder's name has no `_`."""
    return name.replace("_", "-").strip("-")


def drafted(
    chain: Chain, preset: str, mends: Mapping[str, Sequence[Mend]], names: Names, proposer: str
) -> Draft:
    """A new proposal, with the next number. Writes nothing."""
    root = proposals_dir()
    before = folders(chain.name)
    numbers = [int(one.name[:3]) for one in root.glob("[0-9][0-9][0-9]-*")]
    number = max(numbers, default=0) + 1
    if number > 999:
        raise MetalayerError("there is a proposal 999: move old ones away")
    title = f"Open routes to {chain.name}"
    folder = root / f"{number:03d}-join-{_slug(chain.name)}"
    return Draft(
        folder,
        _content(chain, mends, names, title, proposer),
        _text(chain, preset, mends, names.network, title, before[-1].name if before else ""),
    )


def keep(new: Draft) -> None:
    """Writes it. What was half written before is written again: its folder counts once proposal.yml is there."""
    new.folder.mkdir(parents=True, exist_ok=True)
    (new.folder / TEXT).write_text(new.text, encoding="utf-8")
    part = new.folder / f".{FILE}.new"
    part.write_text(new.content, encoding="utf-8")
    part.replace(new.folder / FILE)


def is_whole(folder: Path) -> bool:
    """False for a folder whose writing was interrupted."""
    return (folder / FILE).exists()


def _content(
    chain: Chain, mends: Mapping[str, Sequence[Mend]], names: Names, title: str, proposer: str
) -> str:
    name, others = chain.name, list(mends)
    hub = names.hub
    start = next((one for one in others if one != hub), hub)
    limited = [one for one in others if _limits_of(mends[one])]
    lanes = [one for one in others if _opens(mends[one])]
    lines = [
        f"# {name} has its entry in networks.yaml, and is deployed: it was born with its own routes.",
        draft(mends, names, title, proposer).rstrip("\n"),
        "",
    ]
    if lanes:
        on = ", ".join(lanes)
        lines += ["expect:", f'  - {{ on: "{on}", call: Metalayer.route({name}).outbound, is: false }}', ""]
    lines += ["then:", f"  - check: {{ with: {name} }}"]
    if hub in lanes:
        way = f"from {start} to {name}" + (" by hub" if start != hub else "")
        lines.append(f"  - transfer: 1 ERA {way}, and back")
    if lanes:
        lines.append(f'  - {{ on: "{on}", call: Metalayer.route({name}).inbound, is: true }}')
    lines += ["", "writes:"]
    for one in others:
        variables = (*(_LANE_WRITES if one in lanes else ()), *(_LIMIT_WRITES if one in limited else ()))
        lines.append(f"  {one}: [{', '.join(variables)}]")
    return "\n".join(lines) + "\n"


def _opens(mends: Iterable[Mend]) -> bool:
    return any(mend.function == gateway.SET_OPEN for mend in mends)


def _limits_of(mends: Iterable[Mend]) -> list[Mend]:
    return [mend for mend in mends if mend.function == bridge.SET_LIMITS]


def _text(
    chain: Chain,
    preset: str,
    mends: Mapping[str, Sequence[Mend]],
    network: Network,
    title: str,
    before: str,
) -> str:
    """README.md: what it does, and why each number is what it is."""
    name, fees, kind = chain.name, chain.preset.fees, chain.preset
    others = ", ".join(one for one in mends if _opens(mends[one])) or "nobody"
    said = f": {kind.about}" if kind.about else ""
    began = " It began as a fork of another chain, whose state it has." if chain.fork else ""
    final = kind.finality if isinstance(kind.finality, str) else f"{kind.finality} blocks"
    lines = [
        f"# {title}",
        "",
        f"{name} (chain id {chain.chain_id}) is a rollup of the kind `{preset}`{said}.{began}",
        "Its contracts stand at the addresses that they have on every chain, with the same code, which "
        "`ape metalayer check` compares; its timelock obeys this governor, and its gateway began with a validator set "
        "that Staking published.",
        "",
        f"With this proposal these chains take its messages, and send their own: {others}.",
        "",
        "Why these terms:",
        "",
        f"- Gas: a message may use {kind.max_gas_limit:,} gas there, {kind.default_gas_limit:,} if it names "
        f"nothing: what a delivery needs for that fits into half a block of {kind.gas_limit:,}.",
        f"- Fees, for a relayer's gas there: {era(fees.base * GWEI)} ERA for the passage of a message, "
        f"{era(fees.gas * GWEI)} per 1,000 gas, {era(fees.byte * GWEI)} per byte, and {fees.protocol_share / 100:g} % "
        "on top for those who stake.",
        f"- Finality: validators sign what is {final} old, with blocks every {kind.block_time:g} s.",
    ]
    for one, some in mends.items():
        for mend in _limits_of(some):
            out, into = mend.arguments["outCapacity"], mend.arguments["inCapacity"]
            lines.append(
                f"- Limits on {one}: {era(out)} ERA may leave for {name} at once, {era(into)} arrive from it, and what "
                f"was used grows back within {span(mend.arguments['window'])}: more than that waits for a day, in "
                "which the council can act. It bounds what a fault of a young chain costs."
            )
    if before:
        lines += ["", f"{before} asked for the same, and was not executed."]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Rehearsed:
    """A proposal that is built. report: what its simulation said; is_new: whether it was rehearsed just now."""

    built: Built
    report: Mapping[str, Any]
    is_new: bool


def rehearse(desk: Desk, names: Names, folder: Path, say: Say) -> Rehearsed:
    """Builds it and rehearses it, unless exactly these bytes were. Writes build.json and the report.

    MetalayerError with the first thing that is wrong if it does not pass.
    """
    live = desk.live
    proposal = read_on(folder, live.network)
    try:
        built = simulate.rebuild(live, proposal, _limits(folder))
        if kept := _kept(folder, built):
            return Rehearsed(built, kept, is_new=False)
        built.save(folder)
        outcome = simulate.simulate(live, proposal, built, say)
    except Faults as error:
        raise MetalayerError(printable(error.lines[0])) from error
    outcome.built.save(folder)
    write(outcome, folder)
    if outcome.faults:
        raise MetalayerError(
            f"the rehearsal of {folder.name} does not pass: {outcome.faults[0]} ({folder.name}/REPORT.md)"
        )
    return Rehearsed(outcome.built, as_dict(outcome), is_new=True)


def _limits(folder: Path) -> dict[bytes, int]:
    """Gas limits that a rehearsal measured. A report that is half written is made again."""
    try:
        return reports.gas_limits(folder)
    except MetalayerError:
        return {}


def _kept(folder: Path, built: Built) -> Mapping[str, Any] | None:
    """The report of a rehearsal of these bytes that passed, if build.json has them, too."""
    try:
        report = reports.read(folder)
        is_built = (folder / BUILD_FILE).exists() and Built.load(folder).hash == built.hash
    except MetalayerError:
        return None
    is_same = (
        report is not None and report.get("passed") is True and report["hash"] == f"0x{built.hash.hex()}"
    )
    return report if is_built and is_same else None


def well_formed(new: Draft) -> None:
    """MetalayerError if what was drafted is no YAML: a name of a chain or account that it cannot hold."""
    parse(new.content.encode(), f"{new.folder.name}/{FILE}")
