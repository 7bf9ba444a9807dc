"""Who holds the offices of a Guardian that tests deploy, and the terms that it guards."""

from tests.kit.roles import BENEFICIARY, GUARDIAN, PAYER, RIVAL

# Default, maximum and return gas limit; base, gas, byte and return fee (gwei of ERA); protocol share.
TERMS = (200_000, 10_000_000, 100_000, 5_000_001, 20_007, 1_001, 8_000, 1_000)
COUNCIL, KEEPER = GUARDIAN.address, PAYER.address
WATCHER, OTHER_WATCHER = RIVAL.address, BENEFICIARY.address
