"""Deploy the network: `ape run deploy plan / apply / status / export`."""

from metalayer.cli.deploy import cli as cli
