"""REPORT.md and report.json: what a rehearsal says to whoever votes. The same whenever the file, the chains' blocks and
the code are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from metalayer.governance.built import Action
from metalayer.governance.reports import REPORT_FILE
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.protocol import decisions
from metalayer.protocol.amounts import era
from metalayer.protocol.dates import DAY, span, utc
from metalayer.protocol.decisions import OFFICES_DELAY, POSTPONEMENT
from metalayer.protocol.governor import OBJECTION_PERIOD
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH
from metalayer.services.acting import Acted
from metalayer.services.conflicts import Order
from metalayer.services.deciding import Arrival
from metalayer.services.events import described
from metalayer.services.simulate import Outcome

REPORT_TEXT = "REPORT.md"
_ROUND = 1_000
_DECIDING = (
    "DecisionOutbox.Decided(",
    "EraGovernor.ProposalExecuted(",
    "RemoteGovernor.DecisionExecuted(",
    "Timelock.CallExecuted(",
)
_MOMENTS = ("At", "Before", "From", "Since", "Until")
# A smaller number of seconds is a duration.
_OLDEST = 1_000_000_000


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """All of it. Gas of deliveries is rounded up to full thousands: it depends on signatures."""
    built, found = outcome.built, outcome.findings.found
    hub = outcome.findings.names.hub
    return {
        "passed": not outcome.faults,
        "faults": outcome.faults,
        "name": built.name,
        "title": built.title,
        "network": built.network,
        "proposal": str(built.id),
        "hash": to_hex(built.hash),
        "descriptionHash": to_hex(built.proposal.description_hash),
        "decisions": [
            {"chain": one.chain, "id": to_hex(one.id), "gasLimit": one.gas_limit} for one in built.decisions
        ],
        "blocks": {
            name: {"number": block.number, "hash": block.hash, "time": utc(block.time)}
            for name, block in outcome.blocks.items()
        },
        "actions": {
            chain: [{"line": one.line, "words": one.words} for one in actions]
            for chain, actions in built.actions_by_chain(hub).items()
        },
        "cancelled": {
            f"{chain}/{to_hex(id_)}": [to_hex(one) for one in arrival.cancelled]
            for (chain, id_), arrival in found.arrivals.items()
            if arrival.cancelled
        },
        "timeline": list(_timeline(outcome)),
        "calls": _calls(outcome),
        "changes": {
            chain: [
                {
                    "path": one.path,
                    "before": _value(one.path, one.before),
                    "after": _value(one.path, one.after),
                }
                for one in changes
            ]
            for chain, changes in outcome.findings.changes.items()
        },
        "events": {chain: _events(outcome, chain, done) for chain, done in found.executions.items()},
        "gas": {to_hex(id_): arrival.gas for (_, id_), arrival in found.arrivals.items()},
        "costs": [*_transactions(outcome), *map(_arrival, found.arrivals.values())],
        "warnings": [*outcome.warnings, *map(_shared, filter(lambda one: one.both, outcome.orders))],
        "order": list(map(order_of, outcome.orders)),
        "then": [{"what": one.what, "problem": one.problem} for one in outcome.results],
        "tried": found.tried,
        "assumed": [*_always(outcome), *found.assumed],
    }


def order_of(one: Order) -> dict[str, Any]:
    """Of another live proposal."""
    return {
        "proposal": str(one.other.id),
        "title": one.other.title,
        "state": one.other.state,
        "equal": one.is_equal,
        "both": list(one.both),
        "differing": list(one.differing),
        "problems": list(one.problems),
    }


def write(outcome: Outcome, folder: Path) -> Path:
    """Both files into the proposal's folder. Path of the text."""
    data = as_dict(outcome)
    (folder / REPORT_FILE).write_text(
        json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    path = folder / REPORT_TEXT
    path.write_text(text(data), encoding="utf-8")
    return path


def text(data: dict[str, Any]) -> str:
    """The eleven sections, from `as_dict`."""
    parts = [f"# {data['title']}: rehearsal", *_verdict(data), "## 2. What it does", *_does(data)]
    parts += [
        "## 3. When",
        "If it is proposed when the rehearsal begins.",
        _table(("what", "at the earliest", "with objections", "and postponed"), data["timeline"]),
    ]
    parts += ["## 4. Calls", "```", *data["calls"], "```", "## 5. What changes", *_changes(data)]
    parts += ["## 6. Events", *_by_chain(data["events"])]
    parts += [
        "## 7. Gas, fees, sizes",
        _table(("what", "gas", "limit", "used", "bytes", "fee (ERA)"), data["costs"]),
    ]
    parts += ["## 8. Warnings", _list(data["warnings"])]
    parts += ["## 9. Order", *_order(data["order"])]
    said = [f"{'**no**' if one['problem'] else 'yes'}: {_told(one)}" for one in data["then"]]
    parts += ["## 10. Afterwards", _list([*said, *(f"yes: {one}" for one in data["tried"])])]
    parts += ["## 11. What was assumed", _list(data["assumed"])]
    # Lines of a listing follow each other.
    whole = "\n\n".join(parts)
    return whole.replace("```\n\n", "```\n").replace("\n\n```", "\n```").replace("\n\n  ", "\n  ") + "\n"


def _verdict(data: dict[str, Any]) -> Iterator[str]:
    yield "## 1. Verdict"
    yield "**It passes.**" if data["passed"] else "**It does not pass.**\n\n" + _list(data["faults"])
    rows = [("proposal", data["proposal"]), ("hash", data["hash"]), ("text", data["descriptionHash"])]
    rows += [(f"decision for {one['chain']}", one["id"]) for one in data["decisions"]]
    rows += [
        (f"{chain} from", f"block {one['number']}, {one['hash']}, {one['time']}")
        for chain, one in data["blocks"].items()
    ]
    yield _table(("", ""), rows)


def _does(data: dict[str, Any]) -> Iterator[str]:
    for chain, actions in data["actions"].items():
        yield f"**{chain}**"
        yield _list([f"{one['words']} (line {one['line']})" for one in actions])
    ended = [f"{which.partition('/')[0]}: {id_}" for which, ids in data["cancelled"].items() for id_ in ids]
    if ended:
        yield "**Decisions that end when these arrive**"
        yield _list(ended)


def _changes(data: dict[str, Any]) -> Iterator[str]:
    for chain, changes in data["changes"].items():
        yield f"**{chain}**"
        rows = [(f"`{one['path']}`", one["before"], one["after"]) for one in changes]
        yield _table(("what", "before", "after"), rows) if rows else "Nothing."
    if not data["changes"]:
        yield "Nothing was executed."


def _by_chain(lines: dict[str, list[str]]) -> Iterator[str]:
    for chain, some in lines.items():
        yield f"**{chain}**"
        yield _list([f"`{one}`" for one in some])
    if not lines:
        yield "None."


def _order(orders: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not orders:
        yield "No other proposal is live."
    for one in orders:
        equal = "the order does not matter" if one["equal"] else "**the order matters**"
        yield f"**{one['title']}** ({one['state']}, {one['proposal']}): {equal}."
        lines = [*(f"both write {path}" for path in one["both"]), *one["differing"], *one["problems"]]
        if lines:
            yield _list(lines)


def _told(one: dict[str, str]) -> str:
    return f"{one['what']}: {one['problem']}" if one["problem"] else one["what"]


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "None."


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


# What is said, as far as the rehearsal came


def _timeline(outcome: Outcome) -> Iterator[tuple[str, str, str, str]]:
    """Dates if it is proposed when the rehearsal began."""
    found = outcome.findings.found
    times = found.times
    named = (
        ("proposed", "proposed", False),
        ("snapshot", "voting begins, with the votes of this moment", False),
        ("deadline", "voting ends", True),
        ("executed", "executed on the hub", True),
    )
    for name, what, later in named:
        if name in times:
            with_objections = times[name] + (OBJECTION_PERIOD if later else 0)
            yield what, utc(times[name]), utc(with_objections), utc(with_objections)
    for (chain, _), arrival in found.arrivals.items():
        at = times["executed"] + arrival.ready_at - arrival.at
        objected = at + OBJECTION_PERIOD
        is_protected = arrival.ready_at - arrival.at >= OFFICES_DELAY
        latest = objected if is_protected else objected + POSTPONEMENT
        yield f"executed on {chain}", utc(at), utc(objected), utc(latest)


def _calls(outcome: Outcome) -> list[str]:
    built, hub = outcome.built, outcome.findings.names.hub
    lines = [f"{hub}: EraGovernor.execute → Timelock.executeBatch"]
    lines += _tree(outcome, hub, 0, built.actions)
    for one in built.decisions:
        lines.append(f"{one.chain}: RemoteGovernor.execute({to_hex(one.id)}) → Timelock.executeBatch")
        lines += _tree(outcome, one.chain, built.decisions_on(one.chain).index(one), one.actions)
    return lines


def _tree(outcome: Outcome, chain: str, place: int, actions: Sequence[Action]) -> Iterator[str]:
    """The calls of a chain's execution of that number, with their gas if it was executed."""
    found = outcome.findings.found
    executed = found.executions.get(chain, [])[place : place + 1]
    spent = [gas for done in executed for gas in found.spent[done.hash]]
    carried = {
        decisions.DECIDE.encode(one.chain_id, one.decision, one.gas_limit): one
        for one in outcome.built.decisions
    }
    for number, action in enumerate(actions, 1):
        gas = f"  [{spent[number - 1]:,} gas]" if number <= len(spent) else ""
        yield f"  {number}. {action.words}{gas}"
        if (one := carried.get(action.calldata)) is not None:
            size = len(one.decision.encoded)
            yield f"     → message of {size:,} bytes → {one.chain}: RemoteGovernor → Timelock.scheduleBatch"


def _events(outcome: Outcome, chain: str, executions: Sequence[Acted]) -> list[str]:
    """All but those which only say that it was decided."""
    names = outcome.findings.names
    lines = [described(log, names, chain) for done in executions for log in done.receipt["logs"]]
    return [line for line in lines if not line.startswith(_DECIDING)]


def _value(path: str, value: str) -> str:
    """Seconds with their date, where the name says that they are a moment."""
    if path.partition("[")[0].endswith(_MOMENTS) and value.isdecimal() and int(value) > _OLDEST:
        return f"{value} ({utc(int(value))})"
    return value


def _transactions(outcome: Outcome) -> Iterator[tuple[str, str, str, str, str, str]]:
    for what, done in outcome.findings.found.transactions.items():
        yield what, f"{done.gas:,}", f"{MAX_TRANSACTION_GAS:,}", _share(done.gas, MAX_TRANSACTION_GAS), "", ""


def _arrival(arrival: Arrival) -> tuple[str, str, str, str, str, str]:
    one, size = arrival.decision, len(arrival.decision.decision.encoded)
    delivery = -(-arrival.delivery // _ROUND) * _ROUND
    return (
        f"arrival on {one.chain} (its delivery: {delivery:,})",
        f"{arrival.gas:,}",
        f"{one.gas_limit:,}",
        _share(arrival.gas, one.gas_limit),
        f"{size:,} of {MAX_PAYLOAD_LENGTH:,}",
        era(arrival.fee),
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"


def _shared(one: Order) -> str:
    return f"proposal {one.other.id} ({one.other.title}) writes {', '.join(one.both)} too: see 9"


def _always(outcome: Outcome) -> list[str]:
    chains = ", ".join(outcome.blocks)
    return [
        f"{chains} are forks from the blocks of section 1; their clocks begin at {utc(outcome.start)} and move in "
        f"steps of {span(DAY)} at most",
        "on each, four keys of the rehearsal are the validator set: one word, validatorSetHash, was written",
        "whoever acts has the ether that it takes",
    ]
