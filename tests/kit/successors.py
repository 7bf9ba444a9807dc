"""A second gateway beside the first one on every chain, with what belongs to it alone."""

from __future__ import annotations

from dataclasses import replace

from eth_utils.crypto import keccak

from metalayer.attesting.sets import read_sets
from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.contracts import CONTRACTS, placement
from metalayer.deploy.desired import Desired, FirstSets
from metalayer.deploy.intent import load_intent, resolve
from metalayer.deploy.names import FACTORY, FEE_COLLECTOR, GATEWAY, GUARDIAN
from metalayer.network.config import load_network
from metalayer.network.connection import connect
from metalayer.network.registry import Contract, Registry
from metalayer.network.signers import address_of
from metalayer.protocol.abi import Function
from metalayer.protocol.create3 import create3_address
from metalayer.protocol.hex import to_hex
from tests.kit.deployment import Deployment
from tests.kit.roles import RIVAL

PLACES = {GUARDIAN: "Guardian2", GATEWAY: "Metalayer2", FEE_COLLECTOR: "FeeCollector2"}
"""Salts in the deployer's namespace, in the order of creation."""
APPROVE = Function("approve(address,bytes32,bytes32)")


def place_successor(deployment: Deployment) -> Deployment:
    """The same network, seen through a gateway that is new: with open routes and the present validator set from its
    first block on. As if a vote had approved the creation code; a stranger deploys it.
    """
    network, intent = load_network(), load_intent()
    factory = deployment.registry.address(FACTORY)
    deployer = address_of(intent.deployer)
    addresses = {
        name: create3_address(factory, deployer, keccak(text=place)) for name, place in PLACES.items()
    }
    resolved = resolve(intent, network, address_of, load_artifacts([FACTORY])[FACTORY].creation, FirstSets())
    chains = {}
    for name, desired in resolved.chains.items():
        present = read_sets(deployment.connections[name], deployment.gateway).installed
        sets = FirstSets((present,), is_due=False)
        wanted = replace(desired, addresses={**desired.addresses, **addresses}, sets=sets)
        chain = deployment.registry.chain(name)
        contracts = {**chain.contracts, **_place(deployment, name, wanted)}
        chains[name] = chain.model_copy(update={"contracts": contracts})
    registry = deployment.registry.model_copy(update={"chains": chains})
    return Deployment.of(registry, deployment.connections, deployment.chains)


def _place(deployment: Deployment, name: str, wanted: Desired) -> dict[str, Contract]:
    connection, artifacts, placed = deployment.connections[name], load_artifacts(PLACES), {}
    for contract, place in PLACES.items():
        declaration = replace(CONTRACTS[contract], place=place)
        code = declaration.init_code(wanted, artifacts[contract])
        to, data = placement(declaration, wanted, artifacts[contract])
        deployment.as_owner(name, to, APPROVE.encode(wanted.deployer, declaration.salt, keccak(code)))
        receipt = connection.send(RIVAL, to, data)
        address = wanted.addresses[contract]
        placed[contract] = Contract(
            address=address,
            code_hash=to_hex(keccak(connection.code(address))),
            arguments={},
            block=receipt["blockNumber"],
        )
    return placed


def main() -> None:
    """On the local network of the folder that this is run in."""
    network = load_network()
    registry, connections = Registry.load(network), connect(network)
    place_successor(Deployment.of(registry, connections))


if __name__ == "__main__":
    main()
