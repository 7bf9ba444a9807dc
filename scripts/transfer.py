"""Move any token between chains: `ape run transfer TOKEN AMOUNT --from CHAIN --to CHAIN`."""

from metalayer.cli.transfer import cli as cli
