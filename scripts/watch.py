"""A reporter: `ape run watch`."""

from metalayer.cli.watch import cli as cli
