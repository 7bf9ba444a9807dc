"""What every command is: its errors are one line, its JSON diffs well."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from metalayer.errors import MetalayerError
from metalayer.network.values import printable

DIFFERS = 3
"""Exit status of what compares and found a difference, or something to do: 0 is none, 1 that it could not be found out.
"""
_T = TypeVar("_T")


class Command(click.Command):
    """A click command whose errors are one line on stderr: exit status 1, and 2 for wrong usage.

    Use it as `@click.command(cls=Command)`, or make the command below a `Group`.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        return _one_line(lambda: super(Command, self).make_context(*args, **kwargs))

    def invoke(self, ctx: click.Context) -> Any:
        return _one_line(lambda: super(Command, self).invoke(ctx))


class Group(click.Group):
    """`@click.group(cls=Group)`: the same for all commands below it."""

    command_class = Command
    group_class = type

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        return _one_line(lambda: super(Group, self).make_context(*args, **kwargs))

    def invoke(self, ctx: click.Context) -> Any:
        return _one_line(lambda: super(Group, self).invoke(ctx))


class DefaultGroup(Group):
    """A Group in which one command need not be named: `X ARGUMENTS` is `X DEFAULT ARGUMENTS`."""

    def __init__(self, *args: Any, default: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        is_ours = not args or args[0] in self.commands or args[0] in self.get_help_option_names(ctx)
        return super().parse_args(ctx, args if is_ours else [self.default, *args])


def _one_line(run: Callable[[], _T]) -> _T:
    try:
        return run()
    except click.UsageError as error:
        # Without its context it is shown without the usage of the command: `--help` is one word away.
        raise click.UsageError(printable(error.format_message())) from error
    except MetalayerError as error:
        raise click.ClickException(printable(str(error))) from error
    except OSError as error:
        # Files that a user names: everything else turns its errors into MetalayerErrors.
        raise click.ClickException(
            printable(f"{error.filename or 'the system'}: {error.strerror or error}")
        ) from error


def print_json(data: Any) -> None:
    """Sorted and indented, so that two outputs diff well."""
    click.echo(json.dumps(data, indent=2, sort_keys=True))
