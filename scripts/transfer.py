"""Move ERA between chains: `ape run transfer AMOUNT --from CHAIN --to CHAIN`."""

from metalayer.cli.transfer import cli as cli
