"""What `launch` would do, phase by phase, with nothing written, started or sent."""

from __future__ import annotations

from metalayer.deploy.contracts import contracts_of
from metalayer.deploy.probe import refuse_unfit
from metalayer.errors import MetalayerError
from metalayer.governance.progress import Progress
from metalayer.network import localnet
from metalayer.services import launch_words as words
from metalayer.services.launch_state import Launch, Launched, Phase

_LATER = "1 ERA goes there and comes back, once its lanes are open"


def plan(launch: Launch) -> Launched:
    """All phases. MetalayerError with what would stand in the way, as far as that can be known."""
    here = localnet.status(launch.alone)[0]
    if here.state == "foreign":
        raise MetalayerError(f"{launch.name}: {here.problem}")
    is_up = here.state == "up"
    if not is_up and not launch.entry.chain.is_local:
        launch.connection.height()
    phases = [_entry(launch), _node(launch, is_up), _probe(launch, is_up), _deploy(launch, is_up)]
    if launch.name not in launch.registry.chains:
        phases += [
            _unwritten(launch),
            Phase("vote", "to do", "holders vote"),
            Phase("transfer", "to do", _LATER),
        ]
    else:
        phases += [_proposal(launch), _vote(launch), _transfer(launch)]
    return Launched(launch.name, tuple(phases), None, ())


def _entry(launch: Launch) -> Phase:
    edits = launch.entry.edits
    if not edits:
        return Phase("entry", "already", f"{launch.name} is in networks.yaml")
    files = " and ".join(edit.path.name for edit in edits)
    lines = tuple(line for edit in edits for line in edit.lines)
    return Phase("entry", "to do", f"these lines into {files}", lines)


def _node(launch: Launch, is_up: bool) -> Phase:
    place = launch.entry.chain.place
    if is_up:
        return Phase("node", "already", f"it answers at {place}")
    return Phase("node", "to do", f"a local chain at {place}{', a fork' if launch.entry.chain.fork else ''}")


def _probe(launch: Launch, is_up: bool) -> Phase:
    if not is_up:
        return Phase("probe", "to do", "what it can do is asked once it runs")
    refuse_unfit(launch.connection)
    return Phase("probe", "already", "it has what the contracts need")


def _deploy(launch: Launch, is_up: bool) -> Phase:
    if not is_up:
        return Phase(
            "deploy", "to do", f"{launch.network.name}'s contracts, from {launch.deployer.intent.deployer}"
        )
    found = launch.deployer.plan(only={launch.name})
    steps = [one for one in found.chains[launch.name] if one.step.is_missing]
    if not steps:
        count = sum(1 for _ in contracts_of(found.resolved.chains[launch.name]))
        return Phase("deploy", "already", f"{count} contracts stand")
    gas = sum(one.gas for one in steps)
    who = launch.deployer.intent.deployer
    return Phase("deploy", "to do", f"{len(steps)} transactions of {who}, {gas:,} gas")


def _unwritten(launch: Launch) -> Phase:
    others = ", ".join(name for name in launch.network.chains if name in launch.registry.chains)
    return Phase(
        "proposal", "to do", f"the proposal by which {others} open their lanes, as far as deploy.yaml says"
    )


def _proposal(launch: Launch) -> Phase:
    if not launch.mends():
        return Phase("proposal", "already", "every lane that deploy.yaml names is open")
    progress = launch.proposal()
    if progress is None:
        return Phase("proposal", "to do", "it is written and rehearsed")
    if over := words.ended(progress):
        return Phase("proposal", "to do", f"{over}: the next one is written and rehearsed")
    return Phase("proposal", "already", f"{progress.motion.name} is built")


def _vote(launch: Launch) -> Phase:
    progress: Progress | None = launch.proposal()
    if not launch.mends():
        return Phase("vote", "already", "what it takes was executed on every chain")
    if progress is None or words.ended(progress):
        return Phase("vote", "to do", "holders vote")
    return Phase("vote", "to do", words.standing(progress))


def _transfer(launch: Launch) -> Phase:
    journey = launch.journey()
    if journey is not None and journey.done:
        return Phase("transfer", "already", "ERA went there and came back")
    return Phase("transfer", "to do", _LATER)
