"""The ecosystem `metalayer` and its networks, one per chain of networks.yaml."""

from typing import Any, ClassVar

from ape.api.networks import NetworkAPI
from ape.types import GasLimit
from ape_ethereum.ecosystem import BaseEthereumConfig, Ethereum, NetworkConfig
from pydantic import model_validator

from metalayer.errors import MetalayerError
from metalayer.network.config import Chain, load_network


def chains() -> list[Chain]:
    """The chains of networks.yaml. Ends the program with one line if the file is wrong.

    Ape asks before its commands exist: another exception would become a traceback or a missing command.
    """
    try:
        return list(load_network().chains.values())
    except MetalayerError as error:
        raise SystemExit(f"ERROR: {error}") from error


class MetalayerConfig(BaseEthereumConfig):
    # Filled from networks.yaml: the base class treats every name that is not in here as a custom network.
    NETWORKS: ClassVar[dict[str, tuple[int, int]]] = {}

    @model_validator(mode="before")
    @classmethod
    def _add_chains(cls, values: dict[str, Any]) -> dict[str, Any]:
        settings = NetworkConfig(default_provider="metalayer", base_fee_multiplier=2.0)
        entries = chains()
        cls.NETWORKS.update({chain.name: (chain.chain_id, chain.chain_id) for chain in entries})
        return {"default_network": entries[0].name, **{chain.name: settings for chain in entries}, **values}


class Metalayer(Ethereum):
    @property
    def config(self) -> Any:
        return self.config_manager.get_config("metalayer")


def network_type(chain: Chain) -> type[NetworkAPI]:
    class MetalayerNetwork(NetworkAPI):
        @property
        def chain_id(self) -> int:
            return chain.chain_id

        @property
        def network_id(self) -> int:
            return chain.chain_id

        @property
        def gas_limit(self) -> GasLimit:
            """A whole block on our own anvil, which mines each transaction alone; estimated elsewhere."""
            provider = self.network_manager.active_provider
            return "max" if getattr(provider, "process", None) else "auto"

    return MetalayerNetwork
