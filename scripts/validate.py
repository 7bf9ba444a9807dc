"""A validator process: `ape run validate --key ACCOUNT`."""

from metalayer.cli.validate import cli as cli
