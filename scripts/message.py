"""One message: `ape run message ID`."""

from metalayer.cli.message import cli as cli
