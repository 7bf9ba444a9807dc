"""Claim what an account has in the airdrop: `ape run claim`."""

from metalayer.cli.claim import cli as cli
