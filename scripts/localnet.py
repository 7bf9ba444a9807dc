"""The local chains: `ape run localnet up / down / status`."""

from metalayer.cli.localnet import cli as cli
