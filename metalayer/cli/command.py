"""What every command is: its errors are one line, its JSON diffs well."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from metalayer.errors import MetalayerError


class Command(click.Command):
    """A click command whose MetalayerErrors become one line on stderr and exit status 1.

    Use it as `@click.command(cls=Command)`, or make the command below a `Group`.
    """

    def invoke(self, ctx: click.Context) -> Any:
        return _invoke(super().invoke, ctx)


class Group(click.Group):
    """`@click.group(cls=Group)`: the same for all commands below it."""

    command_class = Command
    group_class = type

    def invoke(self, ctx: click.Context) -> Any:
        return _invoke(super().invoke, ctx)


def _invoke(invoke: Callable[[click.Context], Any], ctx: click.Context) -> Any:
    try:
        return invoke(ctx)
    except MetalayerError as error:
        raise click.ClickException(" ".join(str(error).split())) from error
    except OSError as error:
        # Files that a user names: everything else turns its errors into MetalayerErrors.
        raise click.ClickException(f"{error.filename or 'the system'}: {error.strerror or error}") from error


def print_json(data: Any) -> None:
    """Sorted and indented, so that two outputs diff well."""
    click.echo(json.dumps(data, indent=2, sort_keys=True))
