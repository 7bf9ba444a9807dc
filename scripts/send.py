"""Send a message: `ape run send DESTINATION RECIPIENT --text hello`."""

from metalayer.cli.send import cli as cli
