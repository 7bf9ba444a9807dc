"""A network of two chains with Staking on its hub: the hub adopts its sets, and fees of both chains reach stakers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.contracts import predict
from metalayer.deploy.desired import Bonding, Desired, FirstSets, Offices
from metalayer.deploy.names import FACTORY, FEE_COLLECTOR, STAKING
from metalayer.network.config import load_network
from metalayer.protocol.attestation import compact
from tests.kit.chains import BoundChain
from tests.kit.evm import ZERO_ADDRESS, Contract, deploy
from tests.kit.paper import Validators
from tests.kit.placing import GOVERNANCE, place
from tests.kit.roles import GUARDIAN, OWNER, PAYER, TREASURY
from tests.kit.stack import Stack
from tests.kit.terms import OPEN_ROUTE, OPEN_TERMS

ETHER = 10**18
MIN_OWN = 100_000 * ETHER
SEATS = 4
DEPLOYER = Account.from_key(keccak(text="deployer of the collecting network")).address
SPOKES = ("arcade", "perps")
"""Where the routes of these chains lead, beside the hub. Only the first has contracts."""
RICH = replace(OPEN_TERMS, protocol_share=10_000)
"""Of what is sent to perps, the protocol gets as much as the relayers."""


@dataclass(frozen=True)
class Collecting:
    """The contracts by chain, and what is beside them."""

    stacks: dict[str, Stack]
    collectors: dict[str, Contract]
    staking: Contract

    @classmethod
    def place(cls, chains: dict[str, BoundChain], validators: Validators) -> Collecting:
        """Deploys all of it."""
        network = load_network()
        bound = {name: chains[name] for name in ("hub", SPOKES[0])}
        ids = {name: chains[name].chain_id for name in ("hub", *SPOKES)}
        addresses = predict(DEPLOYER, load_artifacts([FACTORY])[FACTORY].creation)
        offices = Offices(OWNER.address, GUARDIAN.address, (), GUARDIAN.address, PAYER.address)
        stacks, placed = {}, {}
        for name, chain in bound.items():
            chain.rpc("anvil_impersonateAccount", [DEPLOYER])
            chain.rpc("anvil_setBalance", [DEPLOYER, hex(10**20)])
            desired = Desired(
                chain=chain.chain,
                network=network,
                deployer=DEPLOYER,
                offices=offices,
                treasury=TREASURY.address,
                allocations={},
                governance=GOVERNANCE,
                bonding=Bonding(SEATS, MIN_OWN),
                sets=FirstSets(published=(validators.set,), is_due=False),
                routes={
                    ids[other]: replace(OPEN_ROUTE, terms=RICH) if other == SPOKES[1] else OPEN_ROUTE
                    for other in ids
                    if other != name
                },
                addresses=addresses,
                staking=addresses[STAKING] if name == "hub" else ZERO_ADDRESS,
            )
            placed[name] = place(chain, desired)
            recipient = deploy(chain, "ScriptedRecipient", sender=DEPLOYER)
            stacks[name] = Stack(chain, placed[name], recipient)
        collectors = {name: contracts[FEE_COLLECTOR] for name, contracts in placed.items()}
        return cls(stacks, collectors, placed["hub"][STAKING])

    def seat(self, operator: str, signer: str = "validator of the seat") -> int:
        """Id of a validator with a key of that name, which takes a seat and no commission. The treasury pays for it."""
        key = Account.from_key(keccak(text=signer))
        era, staking = self.stacks["hub"].era, self.staking
        era.send("transfer", operator, MIN_OWN, sender=TREASURY.address)
        era.send("approve", staking.address, MIN_OWN, sender=operator)
        type_hash = keccak(text="Possession(address operator,address signer)")
        possession = keccak(encode(["bytes32", "address", "address"], [type_hash, operator, key.address]))
        digest = keccak(b"\x19\x01" + staking.view("domainSeparator") + possession)
        signature = compact(key.unsafe_sign_hash(digest))
        staking.send("register", key.address, 0, MIN_OWN, signature, sender=operator)
        id_: int = staking.view("validatorCount")
        staking.send("join", id_, sender=operator)
        return id_
