"""A relayer: `ape run relay once / watch / status / retry / restart / rotate`."""

from metalayer.cli.relay import cli as cli
