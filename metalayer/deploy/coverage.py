"""Every public view of every contract that is deployed: by which keys `check` asks it, or why it does not.

A test compares this with the ABIs, another with what `check` asks of a deployment; a third changes what each checked
view reads, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from metalayer.deploy.names import (
    AIRDROP,
    ANNEX,
    BRIDGE,
    BRIDGE_ANNEX,
    BRIDGED_TOKEN,
    DECISION_OUTBOX,
    ERA,
    ETHER_DOOR,
    EXPECT,
    FACTORY,
    FEE_COLLECTOR,
    GATEWAY,
    GOVERNOR,
    GUARDIAN,
    REMOTE_GOVERNOR,
    RESOLVER,
    SEND_DOOR,
    SET_BUILDER,
    SLASHER,
    SPOKE_VOTES,
    STAKING,
    TIMELOCK,
    TOKEN_METADATA,
    VESTING,
    VOTE_POOL,
    WRAPPED_ETHER,
)

CODE = "follows from the code, which is compared byte for byte, and from its arguments"
"""Of what answers the same whatever is in storage: constants, hashes, interfaces."""
HELD = "what accounts hold, allow, delegate and signed: theirs alone, and different after each block"
BOOKS = "accounts between chains: `ape metalayer tokens` compares them with each other"
LANES = "messages under way: `ape metalayer pending` and `message` follow them from end to end"
FEES = "what relayers earned and were paid: `ape metalayer relay status`"
PRICES = "a price, of terms that are compared"
DECIDED = "proposals, votes and decisions: `ape metalayer propose status` follows each"
STAKES = "stakes, exits and rewards of single accounts: `ape metalayer stake status`"
ACCUSED = "cases: `ape metalayer stake status` lists the open ones"
COOL_DOWN = "when somebody may do again what is in force no more; what is in force is compared"
VESTED = "of the time, and of what is compared; ether and tokens but ERA were never locked there"
CLAIMED = "who claimed; that what is left is still there is compared, by logs"
TRANSFERS = "single transfers: `ape metalayer transfer show` follows each"


@dataclass(frozen=True)
class Views:
    """Of one contract. checked: signature → keys, empty for what has none. unchecked: reason → signatures."""

    checked: Mapping[str, str] = field(default_factory=dict)
    unchecked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def all(self) -> dict[str, str]:
        """How each is checked, or why not, by signature."""
        reasons = {view: reason for reason, views in self.unchecked.items() for view in views}
        return {**self.checked, **reasons}


_FRONT = "(bytes32,uint256,uint256,address,address,uint128,uint32,uint16,uint40,uint40)"
_ORDER = "(address,uint256,address,uint256,address,uint40,uint32,uint16,uint64,uint24,bytes)"
_DECISION = "(bytes32,address[],uint256[],bytes[],bytes32[],bytes32,bytes32[])"
_ACCUSATION = "(uint256,uint8,uint256,uint256,uint256)"
_ROUTES = "each chain of deploy.yaml's routes"
_NAMED_ROUTES = "each chain of deploy.yaml's routes, and each that logs name"


def _fixed(*views: str) -> dict[str, str]:
    """Views without inputs that are checked."""
    return {f"{view}()": "" for view in views}


def _held(*more: str) -> tuple[str, ...]:
    """Of an ERC-20 with permits."""
    return ("allowance(address,address)", "balanceOf(address)", "nonces(address)", *more)


COVERAGE = {
    FACTORY: Views(
        {
            "controllerOf(address)": "the deployer's namespace",
            "approvedHash(address,bytes32)": "salts of the deployer's namespace for which code was ever approved",
        },
        {CODE: ("addressOf(address,bytes32)",)},
    ),
    TIMELOCK: Views(
        {
            "getMinDelay()": "",
            "hasRole(bytes32,address)": "every role and account that logs name, and everybody",
            "getRoleAdmin(bytes32)": "every role that logs name",
        },
        {
            CODE: (
                "CANCELLER_ROLE()",
                "DEFAULT_ADMIN_ROLE()",
                "EXECUTOR_ROLE()",
                "PROPOSER_ROLE()",
                "hashOperation(address,uint256,bytes,bytes32,bytes32)",
                "hashOperationBatch(address[],uint256[],bytes[],bytes32,bytes32)",
                "supportsInterface(bytes4)",
            ),
            DECIDED: (
                "getOperationState(bytes32)",
                "getTimestamp(bytes32)",
                "isOperation(bytes32)",
                "isOperationDone(bytes32)",
                "isOperationPending(bytes32)",
                "isOperationReady(bytes32)",
            ),
        },
    ),
    ERA: Views(
        {
            **_fixed("BRIDGE", "HUB_CHAIN_ID", "TREASURY", "name", "symbol"),
            "balanceOf(address)": "each vesting contract, and the airdrop: no less than what is left there",
            "totalSupply()": "on the hub; elsewhere it is what came: see `ape metalayer tokens`",
        },
        {
            CODE: (
                "CLOCK_MODE()",
                "DOMAIN_SEPARATOR()",
                "HUB_SUPPLY()",
                "clock()",
                "decimals()",
                "eip712Domain()",
                "supportsInterface(bytes4)",
            ),
            HELD: (
                "allowance(address,address)",
                "nonces(address)",
                "checkpoints(address,uint32)",
                "delegates(address)",
                "getPastTotalSupply(uint256)",
                "getPastVotes(address,uint256)",
                "getVotes(address)",
                "numCheckpoints(address)",
            ),
        },
    ),
    VESTING: Views(
        {
            **_fixed("ERA", "duration", "owner", "pendingOwner", "start"),
            "released(address)": "ERA, by logs",
        },
        {
            CODE: ("end()", "renounceOwnership()"),
            VESTED: (
                "releasable()",
                "releasable(address)",
                "released()",
                "vestedAmount(address,uint64)",
                "vestedAmount(uint64)",
            ),
        },
    ),
    AIRDROP: Views(_fixed("END", "ERA", "ROOT", "TREASURY"), {CLAIMED: ("isClaimed(address)",)}),
    BRIDGE_ANNEX: Views(),
    BRIDGE: Views(
        {
            **_fixed("ANNEX", "BRIDGED_TOKEN", "ERA", "GATEWAY", "HUB_CHAIN_ID", "METADATA"),
            "acceptedFrom(address)": "the gateway, and each that logs name",
            "gatewayOf(uint256)": _NAMED_ROUTES,
            "heldUntil(uint256)": f"{_NAMED_ROUTES}; when a hold may begin again is not compared",
            "homeOf(address)": "ERA, and each representation",
            "limitsOf(address,uint256)": "each that deploy.yaml names, and each that logs name; what is free of it is "
            "not compared",
            "localOf(uint256,address)": "ERA, tokens that deploy.yaml adopts, and each that has a representation",
            "waitingSince(bytes32)": "messages that deploy.yaml or logs call struck",
        },
        {
            CODE: (
                "ACCEPTANCE_DELAY()",
                "WAITING_TIME()",
                f"keyOf({_FRONT})",
                "representationOf(uint256,address)",
            ),
            BOOKS: (
                "outstanding(address,uint256)",
                "pastOutstanding(uint256,uint48)",
                "pastTotalOutstanding(uint48)",
                "totalOutstanding()",
            ),
            PRICES: (
                "quoteClaim(uint256)",
                "quoteForward(address,uint256,uint256,uint256)",
                "quoteSend(address,uint256,uint256,uint256)",
            ),
            TRANSFERS: (
                "claimantOf(bytes32,uint256)",
                "isDescribed(address,uint256)",
                "passage(bytes32)",
                "solverOf(bytes32)",
            ),
        },
    ),
    BRIDGED_TOKEN: Views(
        {
            "BRIDGE()": "of the code, and of each representation",
            "decimals()": "of the code, and of each token that deploy.yaml limits or adopts",
            "homeChain()": "of the code, and of each representation",
            "homeToken()": "of the code, and of each representation",
            "name()": "of the code: a representation has its token's",
            "symbol()": "the same",
            "totalSupply()": "of the code; of a representation it is what came: see `ape metalayer tokens`",
        },
        {
            CODE: ("supportsInterface(bytes4)",),
            "of permits: what follows from the name": ("DOMAIN_SEPARATOR()", "eip712Domain()"),
            HELD: _held(),
        },
    ),
    TOKEN_METADATA: Views(unchecked={CODE: ("read(address)",)}),
    WRAPPED_ETHER: Views(
        _fixed("name", "symbol"),
        {CODE: ("DOMAIN_SEPARATOR()", "decimals()", "eip712Domain()"), HELD: _held("totalSupply()")},
    ),
    ETHER_DOOR: Views(_fixed("BRIDGE", "WRAPPED_ETHER"), {CODE: ("BENEFICIARY_GAS()", "EXTRA_GAS()")}),
    SEND_DOOR: Views(_fixed("BRIDGE", "PERMIT2"), {CODE: (f"hashOf({_ORDER})",)}),
    RESOLVER: Views(
        _fixed("BRIDGE"), {CODE: ("CLAIM_TIME()", f"paidAt({_FRONT},uint256)"), PRICES: ("resolve(bytes)",)}
    ),
    SET_BUILDER: Views(unchecked={CODE: ("build(bytes32[],uint64,uint64)",)}),
    STAKING: Views(
        {
            **_fixed("ATTESTATION_DOMAIN", "ERA", "MIN_OWN", "SEATS", "SET_BUILDER", "SLASHER", "TREASURY"),
            **_fixed(
                "seatedStake", "seats", "setAt", "setExpires", "setVersion", "setWeight", "validatorCount"
            ),
            "key(address)": "every key that logs name; when one was retired is not compared",
            "setHash(uint64)": "every version that was published",
            "validator(uint256)": "every validator: operator, key, own stake, seat, and the stake of those who sit",
        },
        {
            CODE: (
                "BOUNTY_DIVISOR()",
                "CORRELATED_WEEKS()",
                "LIABILITY()",
                "LIFETIME()",
                "MAX_LEVERAGE()",
                "MIN_FRACTION()",
                "NOTICE()",
                "PERIOD()",
                "SILENCE()",
                "STREAM()",
                "TERM()",
                "UNBONDING_PERIODS()",
                "WEEK()",
                "domainSeparator()",
            ),
            STAKES: (
                "account(address)",
                "claimable(address,uint256[])",
                "earnings(uint256)",
                "exits(uint256,uint256)",
                "position(address,uint256)",
                "rewards()",
                "surrogateOf(address)",
                "unbonding(address,uint256,uint256)",
            ),
            ACCUSED: ("accusedIn(uint256)", "lastAccused(uint256)"),
            "the next set may be published before its time, after a slash: that set ends it": (
                "termEnded()",
            ),
            "`key` without keys that answer for nothing any more": ("validatorOf(address)",),
        },
    ),
    SLASHER: Views(
        {
            **_fixed(
                "ATTESTATION_DOMAIN", "GATEWAY", "STAKING", "owner", "pendingOwner", "setsPardonedThrough"
            ),
            "pardonedThrough(uint256,uint256)": "each lane of the network, and each that logs name",
        },
        {
            CODE: ("SETTLE_DELAY()", f"keyOf({_ACCUSATION})", "renounceOwnership()"),
            ACCUSED: ("caseOf(bytes32)", f"isPardoned({_ACCUSATION})"),
        },
    ),
    ANNEX: Views(
        _fixed("STAKING"),
        {
            CODE: (
                "ANNOUNCEMENT_DELAY()",
                "CLOSURE_DELAY()",
                "MAX_RESTART_STEP()",
                "MAX_VERSION_STEP()",
                "RECOVERY_DELAY()",
                "ROTATION_GRACE()",
            )
        },
    ),
    GUARDIAN: Views(
        {
            **_fixed("BRIDGE", "GATEWAY", "GOVERNOR", "council", "feeKeeper"),
            "isWatcher(address)": "each that deploy.yaml names, and each that logs name",
            "referenceTerms(uint256)": _ROUTES,
        },
        {
            CODE: ("FEE_FACTOR()", "RESTART_INTERVAL()", "WATCHER_PAUSE()"),
            COOL_DOWN: ("restartableFrom(uint256)",),
        },
    ),
    GOVERNOR: Views(
        {
            **_fixed("BRIDGE", "VOTE_POOL", "name", "proposalGuardian", "proposalThreshold"),
            **_fixed("quorumNumerator", "timelock", "token", "votingDelay", "votingPeriod"),
        },
        {
            CODE: (
                "BALLOT_TYPEHASH()",
                "CLOCK_MODE()",
                "COUNTING_MODE()",
                "EXTENDED_BALLOT_TYPEHASH()",
                "GRACE()",
                "MIN_VOTING_PERIOD()",
                "OBJECTION_PERIOD()",
                "OBJECTION_WINDOW()",
                "clock()",
                "eip712Domain()",
                "getProposalId(address[],uint256[],bytes[],bytes32)",
                "hashProposal(address[],uint256[],bytes[],bytes32)",
                "proposalNeedsQueuing(uint256)",
                "quorumDenominator()",
                "supportsInterface(bytes4)",
                "version()",
            ),
            HELD: (
                "getVotes(address,uint256)",
                "getVotesWithParams(address,uint256,bytes)",
                "nonces(address)",
                "nonces(address,uint192)",
            ),
            DECIDED: (
                "hasVoted(uint256,address)",
                "isProtected(uint256)",
                "objectionsFrom(uint256)",
                "proposalDeadline(uint256)",
                "proposalEta(uint256)",
                "proposalExpiry(uint256)",
                "proposalProposer(uint256)",
                "proposalSnapshot(uint256)",
                "proposalVotes(uint256)",
                "quorum(uint256)",
                "quorumNumerator(uint256)",
                "state(uint256)",
                "usedVotes(uint256,address)",
            ),
        },
    ),
    DECISION_OUTBOX: Views(
        {**_fixed("TIMELOCK", "gateway"), "isGateway(address)": "the gateway, and each that logs name"},
        {
            CODE: ("DECISION_LIFETIME()", "MAX_DECISION_LENGTH()", "RETURN_GAS_LIMIT()"),
            DECIDED: ("arriveBefore(uint256,bytes32)",),
            PRICES: (f"quote(uint256,{_DECISION},uint256)",),
        },
    ),
    REMOTE_GOVERNOR: Views(
        {
            **_fixed("HUB_CHAIN_ID", "TIMELOCK", "guardian", "recovery"),
            "isGateway(address)": "the gateway, and each that logs name",
        },
        {
            CODE: (
                "EXECUTION_GRACE()",
                "MAX_GATEWAYS()",
                "OFFICES_DELAY()",
                "POSTPONEMENT()",
                "PRECEDENT_TIME()",
            ),
            DECIDED: (
                "expiresAt(bytes32)",
                "isBroughtBy(bytes32,address)",
                "isPostponed(bytes32)",
                "isProtected(bytes32)",
                "readyAt(bytes32)",
                "stateOf(bytes32)",
            ),
        },
    ),
    VOTE_POOL: Views(
        _fixed("BRIDGE", "GATEWAY", "GOVERNOR"),
        {DECIDED: ("castOf(uint256,uint256)", "tally(uint256,uint256)")},
    ),
    SPOKE_VOTES: Views(
        _fixed("GATEWAY", "HUB_CHAIN_ID", "TOKEN"),
        {
            CODE: ("DOMAIN_SEPARATOR()", "RETURN_GAS_LIMIT()", "TALLY_GAS_LIMIT()", "eip712Domain()"),
            HELD: ("nonces(address)", "nonces(address,uint192)"),
            DECIDED: ("tally(uint256,uint48)", "usedVotes(uint256,uint48,address)"),
            PRICES: ("quoteTally()",),
        },
    ),
    EXPECT: Views(
        unchecked={
            CODE: (
                "code(address,bytes32)",
                "result(address,bytes,bytes32)",
                "word(address,bytes,uint256,bytes32)",
            )
        }
    ),
    GATEWAY: Views(
        {
            **_fixed("ANNEX", "COLLECTOR", "FEE_TOKEN", "NETWORK_ID", "announcedSet", "guardian", "owner"),
            **_fixed("pendingOwner", "recovery", "validatorSetHash"),
            "closedSince(uint256)": _ROUTES,
            "pausedUntil(uint256)": _NAMED_ROUTES,
            "route(uint256)": _NAMED_ROUTES,
        },
        {
            CODE: (
                "MAX_GAS_LIMIT()",
                "domainSeparator()",
                "renounceOwnership()",
                "supportsAttribute(bytes4)",
            ),
            HELD: ("allowance(address,address)", "credit(address)"),
            COOL_DOWN: ("pausableFrom(uint256)",),
            FEES: ("earnings(uint256,address)", "laneFees(uint256)", "paid(uint256,address)"),
            LANES: (
                "inboxLane(uint256)",
                "laneEpoch(uint256)",
                "messageStatus(bytes32)",
                "outboxLane(uint256)",
                "restartRecord(uint256,uint64)",
                "returnNotice(uint256,bytes32)",
                "storedHead(uint256,uint64)",
            ),
            PRICES: ("quote(uint256,uint256,uint256,uint256)",),
        },
    ),
    FEE_COLLECTOR: Views(
        _fixed("BRIDGE", "ERA", "GATEWAY", "HUB_CHAIN_ID", "STAKING"),
        {CODE: ("BOUNTY_PARTS()", "MIN_FEES()")},
    ),
}
"""By artifact. What BridgeAnnex and Annex keep is in the storage of the bridge and the gateway that call them."""


def unchecked() -> Iterator[tuple[str, str, str]]:
    """(contract, view, reason) of each that `check` does not ask."""
    for contract, views in COVERAGE.items():
        for reason, names in views.unchecked.items():
            for view in names:
                yield contract, view, reason
