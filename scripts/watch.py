"""A watcher: `ape run watch`."""

from metalayer.cli.watch import cli as cli
