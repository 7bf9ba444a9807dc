"""Every command under one name: `ape metalayer COMMAND`, wherever this is installed."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = (
    "airdrop",
    "check",
    "claim",
    "credit",
    "deploy",
    "launch",
    "localnet",
    "message",
    "pending",
    "propose",
    "relay",
    "send",
    "solve",
    "stake",
    "tokens",
    "transfer",
    "validate",
    "vesting",
    "vote",
    "watch",
)


class _Commands(click.Group):
    """Imports a command when it is asked for: Ape loads this group whenever it lists its own commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"metalayer.cli.{name}").cli
        return command


@click.group(cls=_Commands)
def cli() -> None:
    """The Metalayer: run it in the folder with networks.yaml."""
