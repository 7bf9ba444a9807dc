"""Proposals: `ape metalayer propose build / submit / queue / execute / status / send / cancel / …`."""

from __future__ import annotations

import click

from metalayer.cli import propose_acts, propose_build, propose_keep, propose_rehearse, propose_status
from metalayer.cli.command import Group


@click.group(cls=Group)
def cli() -> None:
    """What the holders of ERA decide, from a file to its effects on every chain.

    A proposal is a folder: `proposals/001-fees/proposal.yml` says what is called on which chain, and README.md beside
    it why: that is the text which is voted on. Other chains get decisions, which a message brings and anyone executes
    after two more days. PROPOSAL is the number or the name of the folder, or the id that it has on chain.

    \b
      ape metalayer propose build 1      every byte, checked against the ABIs
      ape metalayer propose simulate 1   on forks of all chains
      ape metalayer propose submit 1     two days later voting begins, for ten days
      ape metalayer propose queue 1
      ape metalayer propose execute 1    two days later, on the hub; then on every other chain
      ape metalayer propose status 1
      ape metalayer propose keep         whatever is due, of all proposals
    """


for command in (
    *propose_build.COMMANDS,
    *propose_rehearse.COMMANDS,
    *propose_status.COMMANDS,
    *propose_acts.COMMANDS,
    *propose_keep.COMMANDS,
):
    cli.add_command(command)
