"""Compare the chains with deploy.yaml: `ape run check`."""

from metalayer.cli.check import cli as cli
