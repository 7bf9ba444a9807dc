"""Votes from every chain: ERA on two spokes, SpokeVotes there, and on the hub the pool and the governor that count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from metalayer.protocol.facts import RestartFact, Tree
from metalayer.protocol.message import NEVER_EXPIRES
from metalayer.protocol.votes import TALLY_GAS_LIMIT, Payload, Tally, ballot, nonce_key
from tests.kit.evm import Contract, Receipt, Revert, created_address, deploy, now
from tests.kit.governing import DELAY, MILLION, PERIOD, SETTINGS
from tests.kit.hops import Courier, deposit
from tests.kit.paper import DAY, PaperLane, Validators
from tests.kit.roles import BENEFICIARY, DEPOSITOR, GUARDIAN, PAYER, RELAYER, RIVAL, SENDER
from tests.kit.stack import Stack

SPOKES = ("arcade", "perps")
TEXT = "Let the recipient refuse"
SIGNER: LocalAccount = Account.from_key(keccak(text="who votes by signature"))
"""Votes on arcade, and sends nothing."""
VOTER, OTHER, PERPS_VOTER = DEPOSITOR.address, BENEFICIARY.address, PAYER.address
HUB_VOTER, PROPOSER = RIVAL.address, SENDER.address
SPOKE_VOTES = {
    "arcade": {VOTER: 5 * MILLION, OTHER: 3 * MILLION, SIGNER.address: MILLION},
    "perps": {PERPS_VOTER: 2 * MILLION},
}
"""Wei of ERA by chain and voter, on arcade 9 million. Each delegates to itself."""
HUB_VOTES = {PROPOSER: 2 * MILLION, HUB_VOTER: 60 * MILLION}
_FEES = 10**18
_PLACER = "0x00000000000000000000000000000000000A11cE"
"""Creates nothing else: what it creates has the same address on all chains."""


@dataclass(frozen=True)
class Poll:
    """A proposal about which all chains vote. Whatever is carried between the chains was signed by their validators."""

    stacks: dict[str, Stack]
    courier: Courier
    pool: Contract
    votes: dict[str, Contract]
    governor: Contract
    id: int = 0
    snapshot: int = 0

    @classmethod
    def found(cls, stacks: dict[str, Stack], validators: Validators, treasury: str) -> Poll:
        """The proposal is made, and its snapshot is a second ago on every chain."""
        courier = Courier(stacks, validators, RELAYER.address)
        hub = stacks["hub"]
        poll = cls._place(stacks, courier)
        for voter, amount in HUB_VOTES.items():
            hub.era.send("delegate", voter, sender=voter)
            hub.era.send("transfer", voter, amount, sender=treasury)
        hub.era.send("approve", hub.bridge.address, 2**256 - 1, sender=treasury)
        deposit(hub, treasury, 10 * _FEES)
        for name, voters in SPOKE_VOTES.items():
            for voter, amount in {**voters, RELAYER.address: _FEES}.items():
                poll.bring(name, voter, amount, treasury)
            deposit(stacks[name], RELAYER.address, _FEES)
            for voter in voters:
                poll.delegate(name, voter)
            spoke = stacks[name].gateway
            spoke.send("setAllowance", poll.pool.address, 2**256 - 1, sender=RELAYER.address)
        return poll.propose()

    @classmethod
    def _place(cls, stacks: dict[str, Stack], courier: Courier) -> Poll:
        hub_id = stacks["hub"].chain.chain_id
        address = created_address(_PLACER, 0)
        votes, contracts = {}, []
        for name, stack in stacks.items():
            stack.chain.rpc("anvil_impersonateAccount", [_PLACER])
            stack.chain.rpc("anvil_setBalance", [_PLACER, hex(10**20)])
            gateway, era, bridge = stack.gateway.address, stack.era.address, stack.bridge.address
            if name != "hub":
                votes[name] = deploy(stack.chain, "SpokeVotes", gateway, era, hub_id, sender=_PLACER)
                assert votes[name].address == address
                continue
            timelock, governor = (created_address(_PLACER, nonce) for nonce in (1, 2))
            contracts = [
                deploy(stack.chain, "HubVotePool", gateway, governor, bridge, sender=_PLACER),
                deploy(stack.chain, "Timelock", DELAY, governor, sender=_PLACER),
                deploy(
                    stack.chain,
                    "EraGovernor",
                    *(era, bridge, address, timelock, GUARDIAN.address, SETTINGS),
                    sender=_PLACER,
                ),
            ]
        pool, _, governor_ = contracts
        return cls(stacks, courier, pool, votes, governor_)

    def fork(self) -> Poll:
        """The same, for one test: what is on its way is another's."""
        return replace(self, courier=self.courier.fork())

    # What chains are told

    def bring(self, name: str, account: str, amount: int, payer: str) -> None:
        """ERA of the payer, from the hub."""
        hub = self.stacks["hub"]
        receipt = hub.bridge.send("send", hub.era.address, self.id_of(name), account, amount, sender=payer)
        self.courier.note("hub", receipt)
        self.courier.carry("hub", name)

    def delegate(self, name: str, voter: str) -> None:
        """To itself."""
        chain = self.stacks[name].chain
        chain.rpc("anvil_impersonateAccount", [voter])
        chain.rpc("anvil_setBalance", [voter, hex(10**20)])
        self.stacks[name].era.send("delegate", voter, sender=voter)

    def propose(self, text: str = TEXT) -> Poll:
        """A proposal, which every chain may vote about from now on."""
        poll = self.draft(text)
        poll.reach(poll.snapshot + 1)
        return poll

    def draft(self, text: str) -> Poll:
        """A proposal whose snapshot is two days ahead."""
        hub = self.stacks["hub"]
        # A proposer's votes are those of the second before.
        self.reach(now(hub.chain) + 1, "hub")
        recipient = hub.recipient
        action = ([recipient.address], [0], [recipient.encode("setBehaviour", 1)], text)
        receipt = self.governor.send("propose", *action, sender=PROPOSER)
        created = receipt.named("ProposalCreated")[0]
        return replace(self, id=created[0], snapshot=created[6])

    def reach(self, time: int, *names: str) -> None:
        """Mines a block at that time (Unix time) on these chains, all if not given, unless it is later there."""
        for name in names or self.stacks:
            chain = self.stacks[name].chain
            if now(chain) < time:
                chain.rpc("evm_setNextBlockTimestamp", [hex(time)])
                chain.rpc("evm_mine")

    # Votes

    def cast(self, name: str, voter: str, support: int, **more: Any) -> Receipt:
        return self.votes[name].send("castVote", self.id, self.snapshot, support, sender=voter, **more)

    def split(self, name: str, voter: str, *parts: int) -> Receipt:
        return self.votes[name].send("castFractionalVote", *self.ballot, Tally(*parts), sender=voter)

    def signed(
        self, vote: int | Tally, *, key: LocalAccount = SIGNER, nonce: int | None = None, **other: Any
    ) -> bytes:
        """Signature of the signer under its vote on arcade."""
        contract = self.votes["arcade"]
        if nonce is None:
            nonce = contract.view("nonces", SIGNER.address, nonce_key(self.id))
        fields = {
            "chain_id": contract.chain.chain_id,
            "contract": contract.address,
            "voter": SIGNER.address,
            "proposal": self.id,
            "snapshot": self.snapshot,
            **other,
        }
        return bytes(key.sign_message(ballot(vote=vote, nonce=nonce, **fields)).signature)

    @property
    def ballot(self) -> tuple[int, int]:
        return self.id, self.snapshot

    def send_tally(self, name: str) -> Receipt:
        """By the relayer, who pays."""
        receipt = self.votes[name].send("sendTally", *self.ballot, sender=RELAYER.address)
        self.courier.note(name, receipt)
        return receipt

    def bring_tally(self, name: str) -> Receipt:
        """The same, and delivers it on the hub."""
        self.send_tally(name)
        return self.courier.carry(name, "hub")

    def say(
        self, name: str, tally: Tally, snapshot: int | None = None, proposal: int | None = None
    ) -> Receipt:
        """A spoke that lies: whatever it says is signed and delivered. It sends nothing else any more."""
        lane, pool = self.courier.lane(name, "hub"), self.pool.address
        chosen = self.snapshot if snapshot is None else snapshot
        payload = Payload(self.id if proposal is None else proposal, chosen, tally, RELAYER.address).encoded
        lane.append(pool, pool, payload=payload, deliver_before=NEVER_EXPIRES, gas_limit=TALLY_GAS_LIMIT)
        arguments = self.courier.arguments(name, "hub")
        return self.stacks["hub"].gateway.send("deliver", *arguments, sender=RELAYER.address)

    def restart(self, name: str, start: int = 1_000) -> None:
        """The lane from a chain begins anew at that place, and the hub follows: what was said before may be a lie."""
        hub, origin, hub_id = self.stacks["hub"].gateway, self.id_of(name), self.courier.hub_id
        hub.send("pauseInbound", origin, DAY, sender=GUARDIAN.address)
        fact = RestartFact(origin, hub_id, start)
        tree = Tree([fact])
        attestation = self.courier.signers["hub"].sign(hub_id, hub.address, tree.root).fields
        hub.send("followRestart", attestation, origin, start, tree.proof(fact), sender=RELAYER.address)
        hub.send("unpauseInbound", origin, sender=GUARDIAN.address)
        self.courier.lanes[name, "hub"] = PaperLane(hub_id, origin, hub_id, start)

    def count(self, name: str, **more: Any) -> Receipt:
        """Casts a chain's votes."""
        return self.pool.send("cast", self.id, self.id_of(name), sender=RELAYER.address, **more)

    def refusal(self, name: str, **more: Any) -> Revert:
        """Why they are not cast."""
        return self.pool.revert("cast", self.id, self.id_of(name), sender=RELAYER.address, **more)

    # What was counted

    def id_of(self, name: str) -> int:
        return self.stacks[name].chain.chain_id

    def kept(self, name: str) -> Tally:
        """As it arrived."""
        return Tally(*self.pool.view("tally", self.id, self.id_of(name)))

    def counted(self, name: str) -> Tally:
        """As it was cast."""
        return Tally(*self.pool.view("castOf", self.id, self.id_of(name)))

    def held(self, name: str) -> int:
        """What was there at the snapshot, as the hub knows it."""
        return int(self.stacks["hub"].bridge.view("pastOutstanding", self.id_of(name), self.snapshot))

    @property
    def result(self) -> Tally:
        """Of the governor: all chains."""
        return Tally(*self.governor.view("proposalVotes", self.id))

    @cached_property
    def deadline(self) -> int:
        """Before anybody objected."""
        return self.snapshot + PERIOD
