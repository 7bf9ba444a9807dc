"""Votes with ERA, on whichever chain it is: `ape run vote cast / delegate / status`."""

from metalayer.cli.vote import cli as cli
