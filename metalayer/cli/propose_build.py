"""`ape metalayer propose build`, and the file that mends what differs from deploy.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import ACCOUNT, NAME, json_option
from metalayer.cli.propose_shared import built_now, opened, telling_faults, which

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from metalayer.governance.build import Built


@click.command(cls=Command)
@which
@json_option
@telling_faults
def build(which: str, as_json: bool) -> None:
    """Check PROPOSAL against the ABIs and the chains, and write build.json beside it: every byte that is voted on.

    All faults of the file are told at once, each with its line. Nothing is sent. What is for another chain becomes a
    decision, or several if it does not fit into one message, each the precedent of the next. The gas for their arrival
    is what the simulation measured, an estimate before that, and half as much again.

    \b
      ape metalayer propose build 1
      ape metalayer propose build 001-fees --json
    """
    from metalayer.cli.display import console, waiting
    from metalayer.governance.building import keep
    from metalayer.governance.files import find, read_on

    desk, names = opened()
    proposal = read_on(find(which), desk.live.network)
    with waiting("reading the code of what is called", quiet=as_json):
        built = built_now(desk, names, proposal)
    path = keep(desk, built, proposal.folder)
    if as_json:
        print_json(built.as_dict())
        return
    for part in _tables(built, desk.hub.name):
        console().print(part)
    for warning in built.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{built.title}: id {built.id}")
    click.echo(
        f"written to {path.parent.name}/{path.name}; next: `ape metalayer propose simulate {built.name[:3]}`"
    )


def _tables(built: Built, hub: str) -> Iterator[Table]:
    from metalayer.cli.display import table

    rows = [
        (chain, str(action.line), action.words)
        for chain, actions in built.actions_by_chain(hub).items()
        for action in actions
    ]
    yield table("What it does", ("chain", "#line", "call"), rows)
    decided = [
        (one.chain, "0x" + one.id.hex(), f"{len(one.decision.encoded):,}", f"{one.gas_limit:,}")
        for one in built.decisions
    ]
    if decided:
        yield table("Decisions for other chains", ("chain", "id", "#bytes", "#gas to arrive"), decided)


@click.command(cls=Command, name="from-drift")
@click.argument("name", type=NAME, required=False)
@click.option("--proposer", type=ACCOUNT, default="TEST::2", show_default=True, help="Who will propose it.")
@json_option
def from_drift(name: str | None, proposer: str, as_json: bool) -> None:
    """Write the proposal that makes the chains what deploy.yaml says, where only a vote can.

    It gets the next number, and NAME (such as new-council); `settings` if none is given. Its README.md is a draft: say
    why. Nothing is written if nothing differs.

    \b
      ape metalayer propose from-drift new-council
    """
    from metalayer.cli.display import waiting
    from metalayer.governance.drafts import from_drift as draft
    from metalayer.governance.drafts import mends

    desk, names = opened()
    with waiting("comparing the chains with deploy.yaml", quiet=as_json):
        found = mends(desk)
    if not any(found.values()):
        if as_json:
            print_json({"folder": None, "mends": {}})
        else:
            click.echo("nothing that a vote can change differs from deploy.yaml")
        return
    folder = draft(found, names, name or "settings", proposer)
    if as_json:
        calls = {chain: [mend.as_dict() for mend in some] for chain, some in found.items() if some}
        print_json({"folder": folder.name, "mends": calls})
        return
    for some in found.values():
        for mend in some:
            click.echo(str(mend))
    click.echo(
        f"written to proposals/{folder.name}: say why in README.md, then "
        f"`ape metalayer propose build {folder.name[:3]}`"
    )


COMMANDS = (build, from_drift)
