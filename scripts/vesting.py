"""ERA that is locked since genesis: `ape run vesting show / release / delegate`."""

from metalayer.cli.vesting import cli as cli
