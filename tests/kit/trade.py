"""Somebody who sends tokens over real chains, with validators and relayers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metalayer.attesting.directory import DirectoryExchange
from metalayer.deploy.names import BRIDGED_TOKEN
from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.transfers import Options, representation
from metalayer.relayer.results import PassResult
from metalayer.tracking.messages import retry
from tests.kit.deployment import Deployment
from tests.kit.evm import Contract, deploy
from tests.kit.passes import relay
from tests.kit.roles import BENEFICIARY, RELAYER, SENDER

HOLDER, THERE = SENDER.address, BENEFICIARY.address
SUPPLY = 1_000 * 10**18
AMOUNT = 5 * 10**18
MOST = 2**256 - 1


@dataclass(frozen=True)
class Trade:
    """A holder with ERA for fees on every chain, who sends tokens that are at home anywhere."""

    mesh: Deployment
    exchange: DirectoryExchange
    folder: Path

    def issue(self, home: str) -> Contract:
        """A token of which the holder has all, and lets the bridge take it."""
        token = deploy(self.mesh.chains[home], "PlainToken", HOLDER, SUPPLY, sender=HOLDER)
        token.send("approve", self.mesh.bridge, MOST, sender=HOLDER)
        return token

    def stand_in(self, token: Contract, name: str) -> Contract:
        """What stands for it on another chain, or will."""
        deployed = self.mesh.registry.address(BRIDGED_TOKEN)
        home = self.mesh.id_of(token.chain.name)
        address = representation(self.mesh.bridge, deployed, home, token.address)
        return Contract(self.mesh.chains[name], "BridgedToken", address)

    def send(
        self,
        token: Contract,
        destination: str,
        amount: int = AMOUNT,
        to: str = THERE,
        by: str = HOLDER,
        **options: Any,
    ) -> Sent:
        """The first hop of a transfer from the token's chain, paid from the sender's ERA; with what the hub's costs."""
        chosen = {"from_balance": True, "fee": self.passage(token, destination, **options), **options}
        arguments = (token.address, self.mesh.id_of(destination), to, amount, Options(**chosen).fields)
        receipt = self._bridge(token).send("send", *arguments, sender=by)
        sent = parse(receipt.logs, self.mesh.network_id, token.chain.chain_id)[-1]
        ((id_, *_),) = receipt.named("TransferSent")
        assert sent.id == id_
        return sent

    def passage(
        self, token: Contract, destination: str, data: bytes = b"", extra_gas: int = 0, **_: Any
    ) -> int:
        """What the hub takes to send it on, in gwei; 0 if it does not."""
        arguments = (self.mesh.id_of(destination), len(data), extra_gas)
        _, home = self._bridge(token).view("quoteSend", token.address, *arguments)
        if home != self.mesh.network_id:
            return 0
        _, at_home = self._bridge(token).view("homeOf", token.address)
        cost: int = self.mesh.on["hub"].bridge.view("quoteForward", at_home, *arguments)
        return cost // GWEI

    def _bridge(self, token: Contract) -> Contract:
        return self.mesh.on[token.chain.name].bridge

    def relay(self, passes: int) -> list[PassResult]:
        return relay(self.mesh, self.exchange, self.folder, passes)

    def retry(self, sent: Sent) -> None:
        """MetalayerError if it still fails."""
        retry(self.mesh.by_id[sent.message.destination], RELAYER, self.mesh.gateway, sent.message)

    def outstanding(self, token: Contract, *names: str) -> list[int]:
        at_home = self._bridge(token)
        return [at_home.view("outstanding", token.address, self.mesh.id_of(name)) for name in names]

    def owns(self, chain: str, data: bytes) -> None:
        """The owner of a chain's bridge does that."""
        self.mesh.as_owner(chain, self.mesh.bridge, data)


def held(token: Contract, account: str = THERE) -> int:
    return int(token.view("balanceOf", account))
