"""Prepaid ERA for messages: `ape run credit show / deposit / withdraw / quote`."""

from metalayer.cli.credit import cli as cli
