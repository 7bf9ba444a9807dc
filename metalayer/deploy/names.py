"""The contracts of a deployment by name."""

import re

FACTORY, ERA, BRIDGE = "Create3Factory", "ERA", "TokenBridge"
BRIDGE_ANNEX, BRIDGED_TOKEN, TOKEN_METADATA = "BridgeAnnex", "BridgedToken", "TokenMetadata"
WRAPPED_ETHER, ETHER_DOOR, SEND_DOOR, RESOLVER = "WrappedEther", "EtherDoor", "SendDoor", "TransferResolver"
SET_BUILDER, STAKING, SLASHER, FEE_COLLECTOR = "SetBuilder", "Staking", "Slasher", "FeeCollector"
ANNEX, GUARDIAN, GATEWAY = "Annex", "Guardian", "Metalayer"
TIMELOCK, GOVERNOR, EXPECT = "Timelock", "EraGovernor", "Expect"
DECISION_OUTBOX, REMOTE_GOVERNOR = "DecisionOutbox", "RemoteGovernor"
"""What the hub decides for other chains leaves the one and arrives at the other, at the same address."""
VOTE_POOL, SPOKE_VOTES = "HubVotePool", "SpokeVotes"
"""Likewise the votes of other chains, the other way round."""
VESTING, AIRDROP = "Vesting", "Airdrop"
"""Of the one there is a contract for each who has locked ERA."""
_NUMBERED = re.compile(rf"{VESTING}[A-Z][a-z]+[0-9]+")


def artifact_of(contract: str) -> str:
    """The contract whose code one of this name has: `Vesting` of `VestingTeam1`."""
    return VESTING if _NUMBERED.fullmatch(contract) else contract
