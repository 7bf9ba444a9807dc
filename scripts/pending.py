"""What an account sent and is not mined: `ape run pending`."""

from metalayer.cli.pending import cli as cli
