"""What is known of tokens: `ape run tokens [TOKEN]`."""

from metalayer.cli.tokens import cli as cli
