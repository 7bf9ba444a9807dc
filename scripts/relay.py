"""A relayer: `ape run relay once / watch / status / restart / rotate`."""

from metalayer.cli.relay import cli as cli
