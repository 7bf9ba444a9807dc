"""The airdrop: `ape run airdrop build / check / show / claim`."""

from metalayer.cli.airdrop import cli as cli
