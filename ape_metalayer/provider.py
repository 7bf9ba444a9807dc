"""Ape's connection to one chain: the running node, or an anvil of our own that ends with this process."""

import os
import socket
from functools import cached_property
from typing import ClassVar

from ape.exceptions import ProviderError
from ape_foundry.provider import FoundryNetworkConfig, FoundryProvider

from metalayer.errors import MetalayerError
from metalayer.network.anvil import STATES, anvil_command, anvil_environment
from metalayer.network.config import Chain, load_network

# Built once: ape-foundry rebuilds its configuration on every access, ten times the cost of a view.
_SETTINGS = FoundryNetworkConfig()


class AnvilChain(FoundryProvider):
    states: ClassVar[int] = STATES
    """Of how many blocks a node that is started here keeps the states."""

    @cached_property
    def chain(self) -> Chain:
        return load_network().chain(self.network.name)

    @property
    def settings(self) -> FoundryNetworkConfig:
        return _SETTINGS

    @property
    def uri(self) -> str:
        self._host = self.chain.url
        return self._host

    @property
    def _clean_uri(self) -> str:
        """What Ape's messages have: its own hides users and passwords only."""
        return self.chain.place

    @property
    def chain_id(self) -> int:
        return self.chain.chain_id

    @property
    def gas_price(self) -> int:
        return self.web3.eth.gas_price

    @property
    def priority_fee(self) -> int:
        """A tenth of the base fee: anvil suggests 1 gwei, a thousand times the base fee of a cheap chain."""
        return self.chain.preset.base_fee // 10

    @property
    def auto_mine(self) -> bool:
        """True if a sent transaction gets mined without asking: at once or by the next interval."""
        if self.make_request("anvil_getAutomine", []):
            return True
        return self.make_request("anvil_getIntervalMining", []) is not None

    @auto_mine.setter
    def auto_mine(self, value: bool) -> None:
        self.make_request("anvil_setAutomine", [value])

    def build_command(self) -> list[str]:
        try:
            # Ape gives the process the environment of this one.
            os.environ.update(anvil_environment(self.chain))
            return anvil_command(
                self.chain,
                interval=False,
                mnemonic=self.mnemonic,
                accounts=self.number_of_accounts,
                balance=self.initial_balance,
                states=self.states,
            )
        except MetalayerError as error:
            raise ProviderError(str(error)) from error

    def start(self, timeout: int = 20) -> None:
        # Reached when no node answers: what listens here is something else, and anvil would wait in vain.
        with socket.socket() as probe:
            if not self.is_connected and probe.connect_ex(("127.0.0.1", self.chain.port)) == 0:
                raise ProviderError(
                    f"port {self.chain.port} of chain '{self.chain.name}' is taken by another program: "
                    "stop it, or set METALAYER_PORT_OFFSET"
                )
        super().start(timeout)

    def connect(self) -> None:
        super().connect()
        found = int(self.make_request("eth_chainId", []), 16)
        if found != self.chain.chain_id:
            self.disconnect()
            raise ProviderError(
                f"the node at {self.chain.place} is chain {found}, expected {self.chain.chain_id} "
                f"('{self.chain.name}'): stop it, or set METALAYER_PORT_OFFSET"
            )

    def _post_connect(self) -> None:
        """Ape's would write the console's ABI to disk 55 times."""
