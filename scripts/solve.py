"""A solver: `ape run solve once / watch / status`."""

from metalayer.cli.solve import cli as cli
