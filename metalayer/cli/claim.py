"""Claim what an account has in the airdrop: `ape metalayer claim`, which is `ape metalayer airdrop claim`."""

from metalayer.cli.airdrop import claim as cli

__all__ = ("cli",)
