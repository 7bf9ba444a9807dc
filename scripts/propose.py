"""Proposals, from a file to their effects on every chain: `ape run propose build / submit / queue / execute / …`."""

from metalayer.cli.propose import cli as cli
