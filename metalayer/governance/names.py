"""What the names in a proposal's file stand for: chains, contracts of this deployment, accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from eth_utils.abi import abi_to_signature
from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import interface_abis, load_artifacts
from metalayer.deploy.names import BRIDGE, BRIDGED_TOKEN, FACTORY, GATEWAY, artifact_of
from metalayer.errors import MetalayerError
from metalayer.network.config import Chain, Network
from metalayer.network.entries import Preset
from metalayer.network.registry import Registry
from metalayer.network.values import hint, looks_like_address, read_address
from metalayer.protocol import transfers
from metalayer.protocol.create3 import create3_address

NEXT_GATEWAY = "NextGateway"
NOBODY, ZERO_ADDRESS = "nobody", "0x" + "00" * 20

Abi = list[Any]


@cache
def shipped_abi(contract: str) -> Abi:
    """ABI of a contract by its name. MetalayerError if none of that name ships.

    Where a contract leaves the work to another one its arguments have no names: they are the interface's.
    """
    artifact = artifact_of(contract)
    named = {
        _signature(item): item["inputs"] for abi in interface_abis().values() for item in abi if _names(item)
    }
    return [
        item if _names(item) else {**item, "inputs": named.get(_signature(item), item.get("inputs", []))}
        for item in load_artifacts([artifact])[artifact].abi
    ]


def _names(item: Any) -> bool:
    return all(entry["name"] for entry in item.get("inputs", []))


def _signature(item: Any) -> str:
    return abi_to_signature(item) if item["type"] == "function" else item["type"]


@dataclass(frozen=True)
class Names:
    """Names of one deployment. contracts: addresses by chain and name. deployer: in whose namespace of the factory they
    are. address_of: of an account by its name, and abi_of: of a contract; MetalayerError if there is none.
    """

    network: Network
    contracts: Mapping[str, Mapping[str, str]]
    deployer: str
    address_of: Callable[[str], str]
    abi_of: Callable[[str], Abi] = shipped_abi

    @classmethod
    def of(cls, network: Network, registry: Registry, address_of: Callable[[str], str]) -> Names:
        """Those of what is deployed."""
        contracts = {
            chain: {name: contract.address for name, contract in deployed.contracts.items()}
            for chain, deployed in registry.chains.items()
        }
        return cls(network, contracts, registry.deployer, address_of)

    def with_gateway(self, address: str) -> Names:
        """The same with one more gateway on every chain, called NEXT_GATEWAY."""
        contracts = {chain: {**named, NEXT_GATEWAY: address} for chain, named in self.contracts.items()}
        abi_of = self.abi_of

        def abi(name: str) -> Abi:
            return abi_of(GATEWAY if name == NEXT_GATEWAY else name)

        return replace(self, contracts=contracts, abi_of=abi)

    @property
    def hub(self) -> str:
        """Name of the hub."""
        return self.network.hub.name

    def chain(self, name: str) -> Chain:
        return self.network.chains[name]

    def on(self, chain: str, contract: str) -> str:
        """Address of a contract. MetalayerError if it is not on that chain."""
        contracts = self.contracts.get(chain)
        if contracts is None:
            raise MetalayerError(f"nothing is deployed to {chain} yet: run `ape metalayer deploy apply`")
        if contract not in contracts:
            raise MetalayerError(f"no contract {contract!r} on {chain}{hint(contract, sorted(contracts))}")
        return contracts[contract]

    def everywhere(self, contract: str) -> str | None:
        """Its address on whichever chain has it: contracts of one name share it. None if none has."""
        return next((by_name[contract] for by_name in self.contracts.values() if contract in by_name), None)

    def address(self, name: str) -> str:
        """Of a contract, of an account, of `nobody`, or as it is. MetalayerError or ValueError if it is none."""
        if looks_like_address(name):
            return read_address(name)
        if name == NOBODY:
            return ZERO_ADDRESS
        return self.everywhere(name) or self.address_of(name)

    def create3(self, name: str) -> str:
        """Where the factory places, or placed, a contract of this name: the same on every chain.

        MetalayerError if there is no factory.
        """
        factory = self.everywhere(FACTORY)
        if factory is None:
            raise MetalayerError(f"there is no {FACTORY} on any chain")
        return create3_address(factory, self.deployer, keccak(text=name))

    def representation(self, home: str, token: str) -> str:
        """What stands, elsewhere, for a token at home on that chain, unless its issuer's was adopted: the same on every
        chain. MetalayerError if there is no bridge, or no such chain.
        """
        bridge, code = self.everywhere(BRIDGE), self.everywhere(BRIDGED_TOKEN)
        if bridge is None or code is None:
            raise MetalayerError(f"there is no {BRIDGE if bridge is None else BRIDGED_TOKEN} on any chain")
        return transfers.representation(bridge, code, self.network.chain(home).chain_id, token)

    def called(self, address: str, chain: str) -> str:
        """An address as people read it: with the name of the contract that stands there on that chain."""
        if address == ZERO_ADDRESS:
            return NOBODY
        name = self.contract_at(address, chain)
        return f"{name} {address}" if name else address

    def contract_at(self, address: str, chain: str) -> str | None:
        """Name of the contract that stands at an address of that chain."""
        contracts = self.contracts.get(chain, {})
        return next((name for name, one in contracts.items() if one == address), None)

    def preset(self, name: str) -> Preset:
        """That of a chain, or the one of this name among those of the chains. MetalayerError if there is none."""
        if name in self.network.chains:
            return self.network.chains[name].preset
        presets = self.network.presets
        if name not in presets:
            known = dict.fromkeys((*presets, *self.network.chains))
            raise MetalayerError(f"no preset {name!r}{hint(name, known)}")
        return presets[name]
