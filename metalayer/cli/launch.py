"""Make a new rollup a member of the network: `ape metalayer launch NAME --preset game`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import (
    ACCOUNT,
    NAME,
    Parsed,
    confirm,
    gathered,
    json_option,
    timeout_option,
    whole,
    yes_option,
)
from metalayer.network.values import read_contract

if TYPE_CHECKING:
    from metalayer.network.entries import Fork
    from metalayer.services.launch_state import Hands, Launched, Phase

_TO_DO = 3


def _fork(text: str) -> Fork:
    from metalayer.network.entries import Fork
    from metalayer.network.values import Plain, read_whole

    # A password may have an `@`, too.
    url, at, block = text.rpartition("@")
    is_block = bool(at) and block.isascii() and block.isdecimal()
    number = read_whole(Plain(block), 0, (1 << 64) - 1) if is_block else None
    return Fork(url=url if is_block else text, block=number)


@dataclass(frozen=True)
class Entry:
    """What a new entry in networks.yaml says."""

    preset: str | None
    chain_id: int | None
    port: int | None
    url: str | None
    fork: Any
    wrapped_ether: str | None


@dataclass(frozen=True)
class Way:
    """How far it goes, and who acts."""

    plan: bool
    enact: bool
    account: str | None
    timeout: float
    yes: bool


@click.command(cls=Command)
@click.argument("name", type=NAME, required=False)
@gathered(
    "entry",
    Entry,
    click.option(
        "--preset", type=NAME, metavar="PRESET|FILE", help="What kind of chain it is: see --presets."
    ),
    click.option("--chain-id", type=whole(1, (1 << 64) - 1), help="Its chain id; the next one if left out."),
    click.option("--port", type=whole(1, 65_535), help="Port of a local chain; the next one if left out."),
    click.option("--url", type=NAME, metavar="URL", help="A node that runs elsewhere: nothing is started."),
    click.option(
        "--fork", type=Parsed("fork", _fork), metavar="URL[@BLOCK]", help="Begin with another chain's state."
    ),
    click.option(
        "--wrapped-ether",
        type=Parsed("address", read_contract),
        help="The token that its ether is wrapped into, for ever; one of ours if left out.",
    ),
)
@gathered(
    "way",
    Way,
    click.option(
        "--plan", is_flag=True, help="Only say what would be done. Exit status 3 if there is something."
    ),
    click.option("--enact", is_flag=True, help="On a local network: test accounts vote, and weeks pass."),
    click.option(
        "--account",
        type=ACCOUNT,
        help="Who proposes, and sends ERA there and back; TEST::3 on local networks.",
    ),
    timeout_option(900.0, "Seconds that each transfer has to arrive."),
    yes_option,
)
@click.option("--presets", is_flag=True, help="List the presets.")
@json_option
def cli(name: str | None, entry: Entry, way: Way, presets: bool, as_json: bool) -> None:
    """Launch NAME: a new rollup, from nothing to a member of the network that is deployed.

    Its entry goes into networks.yaml; its node is started, or asked; the contracts are deployed to it; the proposal by
    which all others open their lanes is written and rehearsed. Then holders vote, and the command says what to type.
    Once that is executed, 1 ERA goes there and comes back, and `check` compares everything. Whenever it stops, run it
    again: it goes on where it was, and the options are not needed any more.

    \b
      ape metalayer launch --presets
      ape metalayer launch chess --preset game --plan
      ape metalayer launch chess --preset game --enact
      ape metalayer launch mine --preset my_kind.yaml --fork https://rpc.example@21000000
      ape metalayer launch mine --preset social --url https://mine.example --account me
    """
    if presets:
        _presets(as_json)
        return
    if name is None:
        raise click.UsageError("expected the NAME of a chain, or --presets")
    if entry.port is not None and entry.url is not None:
        raise click.UsageError("expected either --port (a local chain) or --url (a node elsewhere)")
    # `ape run` imports every script even for --help.
    from metalayer.services.launch import run
    from metalayer.services.launch_entry import Wanted
    from metalayer.services.launch_plan import plan
    from metalayer.services.launch_state import Launch

    with _hands(way, as_json) as hands:
        launch = Launch(Wanted(name, **vars(entry)), hands)
        done = plan(launch) if way.plan else run(launch)
    if as_json:
        print_json(_as_dict(done))
    else:
        _show(done, way.plan)
    if way.plan and done.has_changes:
        raise click.exceptions.Exit(_TO_DO)


@contextmanager
def _hands(way: Way, as_json: bool) -> Iterator[Hands]:
    """Who acts and is told: a line on stdout for each phase, a spinner or a line on stderr for what happens in it."""
    from rich.console import Console
    from rich.text import Text

    from metalayer.network.config import load_network
    from metalayer.network.values import printable
    from metalayer.services.launch_state import Hands

    target = Console(stderr=True)
    spins = target.is_terminal and not as_json
    said = [""]

    def ask(question: str) -> None:
        confirm(load_network(), way.yes, question)

    with target.status("") if spins else _nothing() as status:

        def say(line: str) -> None:
            if line == said[0]:
                return
            said[0] = line
            if status is not None:
                status.update(Text(printable(line)))
            elif not as_json:
                click.echo(f"  {printable(line)}", err=True)

        def report(chain: str, what: str, left: int) -> None:
            if what not in ("compared", "done"):
                say(f"{chain}: {what}{f', {left} left' if left else ''}")

        def ended(phase: Phase) -> None:
            if not as_json:
                click.echo(_line(phase))
                for line in phase.lines:
                    click.echo(f"{'':<19}{printable(line)}")

        yield Hands(way.account, way.enact, ask, say, ended, report, way.timeout)


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


def _line(phase: Phase) -> str:
    from metalayer.network.values import printable

    return f"{phase.seconds:6.1f} s  {phase.name:<10}{printable(phase.what)}"


def _as_dict(done: Launched) -> dict[str, Any]:
    return {
        "name": done.name,
        "member": done.is_member,
        "changes": done.has_changes,
        "phases": [asdict(phase) for phase in done.phases],
        "picture": done.picture.as_dict() if done.picture else None,
        "next": list(done.following),
        "notes": list(done.notes),
    }


def _show(done: Launched, is_plan: bool) -> None:
    from metalayer.cli.display import console
    from metalayer.network.values import printable

    if is_plan:
        for phase in done.phases:
            click.echo(f"{phase.name:<10}{phase.state:<9}{printable(phase.what)}")
            for line in phase.lines:
                click.echo(f"{'':<19}{printable(line)}")
    if done.picture is not None:
        console().print(_tree(done))
    for note in done.notes:
        click.echo(f"note: {note}")
    if is_plan:
        click.echo("the same without `--plan` does that" if done.has_changes else "nothing to do")
    elif done.is_member:
        what = "is" if any(phase.state == "done" for phase in done.phases) else "is already"
        click.echo(f"{done.name} {what} a member of the network")
    else:
        click.echo("next:")
        for line in done.following:
            click.echo(f"  {line}")


def _tree(done: Launched) -> Any:
    """The picture."""
    from rich.text import Text
    from rich.tree import Tree

    from metalayer.protocol.amounts import era

    picture = done.picture
    assert picture is not None
    about = f": {picture.about}" if picture.about else ""
    fork = ", a fork" if picture.is_fork else ""
    tree = Tree(Text(f"{picture.name} in network {picture.network}", style="bold"))
    tree.add(Text(f"chain {picture.chain_id} at {picture.place}{fork}"))
    tree.add(Text(f"{picture.preset}{about}"))
    lanes = tree.add("lanes; the passage of a message there and back, in ERA")
    for lane in picture.lanes:
        arrow = {(True, True): "⇄", (True, False): "→", (False, True): "←"}.get((lane.out, lane.back), "╳")
        fees = " and ".join(era(fee) for fee in lane.base_fees)
        said = fees if lane.out and lane.back else "waits for the vote"
        lanes.add(Text(f"{picture.name} {arrow} {lane.other:<10} {said}"))
    contracts = tree.add(f"contracts, {len(picture.contracts)}")
    for name, address in picture.contracts.items():
        contracts.add(Text(f"{name:<17} {address}"))
    if picture.proposal is not None:
        name, id_, state = picture.proposal
        tree.add(Text(f"proposal {name}, {state}")).add(Text(f"0x{id_:064x}"))
    if picture.journey is not None:
        for leg in picture.journey.legs:
            took = f" in {leg.seconds:.1f} s" if leg.seconds is not None else ""
            there = f"arrived{took}" if leg.arrived else "under way"
            tree.add(Text(f"{era(leg.amount)} ERA {leg.origin} → {leg.destination}: {there}"))
    cost = picture.cost
    paid = "" if cost.paid is None else f", {cost.paid / 10**18:.6f} ether"
    tree.add(Text(f"deployed with {cost.transactions} transactions, {cost.gas:,} gas{paid}"))
    tree.add(Text(f"{sum(phase.seconds for phase in done.phases):.1f} s in this run"))
    return tree


def _presets(as_json: bool) -> None:
    from rich.text import Text
    from rich.tree import Tree

    from metalayer.cli.display import console
    from metalayer.network.config import load_network
    from metalayer.protocol.amounts import GWEI, era
    from metalayer.protocol.dates import span

    presets = load_network().presets
    if as_json:
        print_json(
            {
                name: one.model_dump(mode="json", by_alias=True, exclude_none=True)
                for name, one in presets.items()
            }
        )
        return
    for name, one in presets.items():
        final = (
            one.finality
            if isinstance(one.finality, str)
            else f"{one.finality} blocks".removesuffix("s" * (one.finality == 1))
        )
        fees, limits = one.fees, one.bridge
        tree = Tree(Text(f"{name}{f': {one.about}' if one.about else ''}"))
        tree.add(f"blocks of {one.gas_limit:,} gas every {one.block_time:g} s, final after {final}")
        tree.add(
            f"a message may use {one.max_gas_limit:,} gas there, {one.default_gas_limit:,} if it names nothing"
        )
        base, gas, byte = (era(fee * GWEI) for fee in (fees.base, fees.gas, fees.byte))
        tree.add(f"it pays {base} ERA, {gas} per 1,000 gas, {byte} per byte")
        if limits is not None:
            tree.add(
                f"at the hub {limits.out:,} ERA may leave for it at once, {limits.in_:,} arrive, within "
                f"{span(limits.window)}"
            )
        if one.example is not None:
            tree.add(Text(f"made for it: {one.example.contract}, {one.example.page}"))
        console().print(tree)
    click.echo("a preset of your own is a file with the same names: `--preset FILE`")
