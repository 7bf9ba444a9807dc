"""The ERA bond behind every signature: `ape run stake status / delegate / undelegate / claim / register / …`."""

from metalayer.cli.stake import cli as cli
