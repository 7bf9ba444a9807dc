"""Make a new rollup a member of the network: `ape run launch`."""

from metalayer.cli.launch import cli as cli
