"""A hub and two spokes with everything that votes need, and nothing that costs: who has how much ERA is exact."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cached_property

from eth_account.signers.local import LocalAccount

from metalayer.deploy import names
from tests.kit.bridging import PARTS, deploy_bridge, vary
from tests.kit.chains import BoundChain
from tests.kit.evm import ZERO_ADDRESS, Contract, code_of, created_address, deploy, init_code, now, recode
from tests.kit.founding import Founding
from tests.kit.governing import DELAY, SETTINGS
from tests.kit.hops import Courier
from tests.kit.paper import DAY, Validators
from tests.kit.roles import GUARDIAN, OWNER, RELAYER, SECOND_DEPLOYER
from tests.kit.stack import CHAINS, Stack
from tests.kit.staking import signing_key
from tests.kit.transfer_bugs import TransferBug
from tests.stateful.holdings import HUB, SPOKES, UNIT, Holdings
from tests.stateful.trial import FREE_ROUTE

KEYS: list[LocalAccount] = [signing_key(f"voter {i}") for i in range(6)]
VOTERS = [key.address for key in KEYS]
"""The first proposes, and keeps on the hub what that takes; the last one has nothing but what others delegate."""
HOLDERS, PROPOSER = VOTERS[1:5], VOTERS[0]
SHARES = {HUB: (45, 10, 5, 0), "arcade": (0, 18, 6, 6), "perps": (0, 2, 4, 2)}
"""Pieces of each holder. Forty are a quorum."""
BEGINS_HOURS = 3
"""Until the first step: what builds the chains is over by then, whatever their clocks say."""
BRIDGE = "bridge"
"""Holds what was given to it."""
_TREASURY = signing_key("treasury of the electorate").address
_OTHERS = 10**18
_DEPLOYER = signing_key("deployer of the electorate").address


@dataclass(frozen=True)
class Electorate:
    """The contracts, and ERA on every chain. Everybody delegates to itself everywhere."""

    stacks: dict[str, Stack]
    courier: Courier
    pool: Contract
    spoke_votes: dict[str, Contract]
    timelock: Contract
    governor: Contract
    target: Contract
    """What proposals call. Its code may change."""
    code: bytes
    """That it has at first."""
    begins: int
    """A full hour, ahead of all clocks."""
    holdings: Holdings
    other: Contract
    """Another token of the hub, of which its owner has half on each spoke."""
    rich: str = _TREASURY
    """That owner."""

    @classmethod
    def found(cls, chains: dict[str, BoundChain]) -> Electorate:
        hub_id = chains[HUB].chain_id
        begins = (max(now(chains[name]) for name in CHAINS) // 3_600 + BEGINS_HOURS) * 3_600
        validators = Validators([1] * 5, expires=min(now(chains[name]) for name in CHAINS) + 29 * DAY)
        gateway = created_address(_DEPLOYER, 2)
        bridge, votes, timelock, governor = (created_address(_DEPLOYER, n + PARTS) for n in range(3, 7))
        stacks, spoke_votes, hub = {}, {}, []
        allocations = [(PROPOSER, 2 * UNIT)]
        allocations += [
            (who, UNIT * sum(shares[i] for shares in SHARES.values())) for i, who in enumerate(HOLDERS)
        ]
        for name in CHAINS:
            chain = chains[name]
            for who in (_DEPLOYER, _TREASURY, *VOTERS):
                chain.rpc("anvil_impersonateAccount", [who])
                chain.rpc("anvil_setBalance", [who, hex(10**20)])
            era = deploy(chain, "ERA", hub_id, bridge, _TREASURY, allocations, sender=_DEPLOYER)
            annex = deploy(chain, "Annex", hub_id, ZERO_ADDRESS, sender=_DEPLOYER)
            founding = Founding(
                chain=chain,
                network_id=hub_id,
                era=era.address,
                annex=annex.address,
                owner=OWNER.address,
                guardian=GUARDIAN.address,
                recovery=GUARDIAN.address,
                collector=GUARDIAN.address,
                validator_set=validators.argument,
                deployer=_DEPLOYER,
                routes={chains[other].chain_id: FREE_ROUTE for other in CHAINS if other != name},
            )
            contracts = {
                names.ERA: era,
                names.GATEWAY: founding.deploy(),
                names.BRIDGE: deploy_bridge(chain, gateway, era.address, hub_id, sender=_DEPLOYER),
            }
            if name == HUB:
                offices = (era.address, bridge, votes, timelock, GUARDIAN.address, SETTINGS)
                hub = [
                    deploy(chain, "HubVotePool", gateway, governor, bridge, sender=_DEPLOYER),
                    deploy(chain, "Timelock", DELAY, governor, sender=_DEPLOYER),
                    deploy(chain, "EraGovernor", *offices, sender=_DEPLOYER),
                ]
            else:
                spoke_votes[name] = deploy(
                    chain, "SpokeVotes", gateway, era.address, hub_id, sender=_DEPLOYER
                )
            target = deploy(chain, "ScriptedRecipient", sender=SECOND_DEPLOYER.address)
            stacks[name] = Stack(chain, contracts, target)
        courier = Courier(stacks, validators, RELAYER.address)
        target = stacks[HUB].recipient
        pool, lock, elected = hub
        assert (pool.address, lock.address, elected.address) == (votes, timelock, governor)
        electorate = cls(
            stacks,
            courier,
            pool,
            spoke_votes,
            lock,
            elected,
            target,
            code_of(target.chain, target.address),
            begins,
            Holdings(VOTERS),
            deploy(chains[HUB], "PlainToken", _TREASURY, 2 * _OTHERS, sender=_TREASURY),
        )
        electorate._spread()
        return electorate

    def _spread(self) -> None:
        """By the bridge itself."""
        hub, number = self.stacks[HUB], 2
        for stack in self.stacks.values():
            for who in VOTERS:
                stack.era.send("delegate", who, sender=who)
            for who in HOLDERS:
                stack.era.send("approve", stack.bridge.address, 2**256 - 1, sender=who)
        self.holdings.put(HUB, range(2), PROPOSER, 0)
        for name, shares in SHARES.items():
            for who, share in zip(HOLDERS, shares, strict=True):
                units = range(number, number + share)
                number += share
                if share and name != HUB:
                    arguments = (hub.era.address, self.id_of(name), who, share * UNIT)
                    self.courier.note(HUB, hub.bridge.send("send", *arguments, sender=who))
                    self.holdings.lend(name, units, 0)
                self.holdings.put(name, units, who, 0)
        self.other.send("approve", hub.bridge.address, 2**256 - 1, sender=self.rich)
        for name in SPOKES:
            arguments = (self.other.address, self.id_of(name), self.rich, _OTHERS)
            self.courier.note(HUB, hub.bridge.send("send", *arguments, sender=self.rich))
            self.courier.carry(HUB, name)

    def fork(self) -> Electorate:
        """The same, for one example."""
        return replace(self, courier=self.courier.fork(), holdings=copy.deepcopy(self.holdings))

    @cached_property
    def stand_ins(self) -> dict[str, Contract]:
        """What stands for the other token, by spoke."""
        place = (self.courier.hub_id, self.other.address)
        return {
            name: Contract(stack.chain, "BridgedToken", stack.bridge.view("localOf", *place))
            for name, stack in self.stacks.items()
            if name != HUB
        }

    def id_of(self, name: str) -> int:
        return self.stacks[name].chain.chain_id

    def install(self, votes_bug: int = 0, governor_bug: int = 0) -> None:
        """The variants' code at the addresses of the originals."""
        hub_id = self.id_of(HUB)
        for name, stack in self.stacks.items():
            gateway, era, bridge = stack.gateway.address, stack.era.address, stack.bridge
            vary(bridge, "BrokenTokenBridge", votes_bug, TransferBug.NONE)
            if name != HUB:
                recode(self.spoke_votes[name], init_code("BrokenSpokeVotes", gateway, era, hub_id, votes_bug))
                continue
            governor, timelock = self.governor.address, self.timelock.address
            recode(self.pool, init_code("BrokenHubVotePool", gateway, governor, bridge.address, votes_bug))
            offices = (era, bridge.address, self.pool.address, timelock, GUARDIAN.address, SETTINGS)
            recode(self.governor, init_code("BrokenGovernor", *offices, governor_bug))
