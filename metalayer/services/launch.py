"""`ape metalayer launch`: a new rollup, from nothing to a member of a deployed network.

Every phase first asks files and chains how far it is: there is no record of its own, and running it again goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from metalayer.deploy.probe import probe
from metalayer.errors import MetalayerError
from metalayer.governance import reports
from metalayer.governance.built import Built
from metalayer.governance.files import TEXT
from metalayer.governance.progress import Progress
from metalayer.network import localnet
from metalayer.network.locks import exclusive
from metalayer.network.registry import records_dir
from metalayer.services import clock, launch_local, launch_picture, launch_words
from metalayer.services import launch_joining as joining
from metalayer.services.launch_state import Launch, Launched, Phase, State

_POLL_SECONDS = 0.5
_RESTART = (
    "validators, relayers, solvers and reporters read networks.yaml when they start: restart those that run"
)


def run(launch: Launch) -> Launched:
    """Everything that can be done now. MetalayerError with the first thing that stands in the way."""
    network = launch.network
    with exclusive(
        records_dir(network) / "launch.lock", f"a launch in network '{network.name}' is already running"
    ):
        launch.refuse_strangers()
        phases: list[Phase] = []
        for step in _STEPS:
            began = time.monotonic()
            phases.append(replace(step(launch), seconds=round(time.monotonic() - began, 1)))
            launch.hands.ended(phases[-1])
            if phases[-1].state == "waits":
                break
        picture = launch_picture.draw(launch.desk.live, launch.entry, launch.proposal(), launch.journey())
        return Launched(launch.name, tuple(phases), picture, tuple(launch.following), tuple(launch.notes))


def _entry(launch: Launch) -> Phase:
    """networks.yaml, and deploy.yaml where the preset has limits."""
    edits = launch.entry.edits
    if not edits:
        return Phase("entry", "already", f"{launch.name} is in networks.yaml")
    launch.entry.write()
    files = " and ".join(edit.path.name for edit in edits)
    return Phase("entry", "done", f"written to {files}", tuple(line for edit in edits for line in edit.lines))


def _node(launch: Launch) -> Phase:
    chain, here = launch.entry.chain, localnet.status(launch.alone)[0]
    if here.state == "foreign":
        raise MetalayerError(f"{launch.name}: {here.problem}")
    if here.state == "up" or not chain.is_local:
        height = launch.connection.height()
        state: State = "already"
        what = f"it answers at {chain.place}, block {height}"
    else:
        localnet.up(launch.alone, say=launch.hands.say)
        state, what = "done", f"started at {chain.place}"
    if launch.network.is_local:
        others = [one for name, one in launch.connections.items() if name in launch.registry.chains]
        if moved := launch_local.keep_time(others, launch.connection):
            state, what = "done", f"{what}, and {moved}"
    return Phase("node", state, what)


def _probe(launch: Launch) -> Phase:
    found = probe(launch.connection)
    if faults := [one.problem for one in found.results if one.needed and one.problem]:
        raise MetalayerError(f"{launch.name}: {'; '.join(faults)}")
    # Whoever let time pass knows that a local clock is ahead.
    told = [one for one in found.results if not (one.subject == "clock" and launch.network.is_local)]
    warnings = tuple(one.problem for one in told if one.problem)
    noted = f"; warnings: {len(warnings)}" if warnings else ""
    return Phase("probe", "already", f"it has what the contracts need{noted}", warnings)


def _deploy(launch: Launch) -> Phase:
    sent = 0

    def report(chain: str, what: str, left: int) -> None:
        nonlocal sent
        sent += left if what == "compared" else 0
        launch.hands.report(chain, what, left)

    is_local = launch.network.is_local
    if not is_local and launch.deployer.plan(only={launch.name}).has_changes:
        launch.hands.confirm(f"Deploy to {launch.name}?")
    launch.registry = launch.deployer.apply(report, only={launch.name})
    count = len(launch.registry.chain(launch.name).contracts)
    if not sent:
        return Phase("deploy", "already", f"{count} contracts stand")
    launch.notes.append(_RESTART if is_local else f"{_RESTART}, with its entry in their networks.yaml")
    return Phase("deploy", "done", f"{count} contracts stand, after {sent} transactions")


def _proposal(launch: Launch) -> Phase:
    mends = launch.mends()
    if not mends:
        return Phase("proposal", "already", "every lane that deploy.yaml names is open")
    _refuse_unreached(launch, mends)
    progress = launch.proposal()
    vote = progress.vote if progress is not None else None
    over = launch_words.ended(progress) if progress is not None else ""
    if progress is not None and vote is not None and not over:
        state = vote.state.name.lower()
        return Phase("proposal", "already", f"{progress.motion.name} is proposed, and {state}")
    folder = launch.folder()
    written: tuple[str, ...] = ()
    if over and launch.named() is None:
        raise MetalayerError(
            f"{over}: `ape metalayer launch {launch.name} --account ACCOUNT` writes the next one, "
            "for ACCOUNT to propose"
        )
    if folder is None or over:
        new = joining.drafted(launch.entry.chain, launch.entry.preset, mends, launch.names, launch.account())
        joining.keep(new)
        folder, written = new.folder, (f"written: proposals/{new.folder.name}",)
    _await_final(launch)
    rehearsed = joining.rehearse(launch.desk, launch.names, folder, launch.hands.say)
    what = f"{folder.name} is built, and its rehearsal passes"
    if over:
        what = f"{over}; {what}: say in its {TEXT} what is different now, and propose it"
    if rehearsed.is_new:
        return Phase("proposal", "done", what, (*written, *launch_words.report_lines(rehearsed.report)))
    return Phase("proposal", "already", what)


def _await_final(launch: Launch) -> None:
    """A rehearsal begins from final blocks. MetalayerError if they do not come in time."""
    if launch.network.is_local:
        clock.finalize(launch.connections.values())
    wanted = launch_picture.deployed_in(launch.network, launch.name)
    deadline = time.monotonic() + launch.hands.timeout
    while (missing := wanted - launch.connection.finalized()) > 0:
        launch.hands.say(f"waiting for {missing} blocks of {launch.name} to be final")
        if time.monotonic() > deadline:
            raise MetalayerError(
                f"{launch.name}: block {wanted}, of its deployment, is not final yet: run it again later"
            )
        time.sleep(_POLL_SECONDS)


def _refuse_unreached(launch: Launch, chains: Iterable[str]) -> None:
    """MetalayerError if a chain whose decision this needs is no member itself."""
    for name in chains:
        if name == launch.network.hub.name:
            continue
        if not launch_picture.is_open(launch.desk.live, launch.hub, launch.connections[name]):
            raise MetalayerError(
                f"{name} would have to open its lane to {launch.name}, and is no member yet: "
                f"`ape metalayer launch {name}` first"
            )


def _vote(launch: Launch) -> Phase:
    if not launch.mends():
        return Phase("vote", "already", "what it takes was executed on every chain")
    progress, folder = launch.proposal(), launch.folder()
    if progress is None or folder is None:
        raise MetalayerError(f"the proposal of {launch.name} is gone: run it again")
    if not launch.hands.enacts:
        launch.following += _next_of(launch, progress)
        return Phase("vote", "waits", launch_words.standing(progress))
    built, simulated = Built.load(folder), reports.simulated(folder)
    done = launch_local.enact(launch.desk, built, simulated, launch.account(), launch.hands.say)
    launch.look_again()
    chains = ", ".join((launch.network.hub.name, *(step.carried.chain for step in done.steps)))
    return Phase("vote", "done", f"{done.motion.name} is executed on {chains}")


def _next_of(launch: Launch, progress: Progress) -> Iterator[str]:
    yield from launch_words.next_steps(launch.desk, progress, launch.named())
    if launch.network.is_local:
        yield f"or all of it at once, with test accounts: ape metalayer launch {launch.name} --enact"
    else:
        yield f"ape metalayer launch {launch.name} --account ACCOUNT   (now and then: it says what it waits for)"


def _transfer(launch: Launch) -> Phase:
    if launch.named() is None:
        launch.following.append(
            f"ape metalayer launch {launch.name} --account ACCOUNT   (1 ERA of ACCOUNT goes there and comes back)"
        )
        return Phase(
            "transfer", "waits", "its lanes are open; nobody was named whose ERA goes there and back"
        )
    traveller = launch.traveller()
    if traveller.found(launch.name).done:
        return Phase("transfer", "already", "ERA went there and came back")
    if stale := launch_words.stale(launch.desk.live):
        launch.following += [
            f"restart {stale}: they read networks.yaml and the registry when they start",
            f"then run `ape metalayer launch {launch.name}` again",
        ]
        return Phase("transfer", "waits", f"{stale} began before {launch.name} was there")
    with launch_local.carrying(launch.desk.live, launch.exchange, launch.hands.say):
        journey = traveller.go(launch.name, launch.exchange)
    launch.travelled = journey
    seconds = " and ".join(f"{leg.seconds:.1f} s" for leg in journey.legs if leg.seconds is not None)
    return Phase("transfer", "done", f"1 ERA went there and came back, in {seconds}")


def _check(launch: Launch) -> Phase:
    drift, count = launch_picture.compare(launch.network)
    own = [one for one in drift if launch_picture.concerns(one, launch.name)]
    if own:
        first, more = own[0], f" (and {len(own) - 1} more)" if len(own) > 1 else ""
        raise MetalayerError(
            f"{first.chain}: {first.subject} is {first.found}, expected {first.expected}{more}: "
            f"{'; '.join(first.advice.splitlines()) or '`ape metalayer check` shows all'}"
        )
    if drift:
        said = f"nothing about {launch.name} differs; {len(drift)} other values do: `ape metalayer check`"
        return Phase("check", "already", said)
    return Phase("check", "already", f"clean: {count} values are as deploy.yaml says")


_STEPS: tuple[Callable[[Launch], Phase], ...] = (
    _entry,
    _node,
    _probe,
    _deploy,
    _proposal,
    _vote,
    _transfer,
    _check,
)
