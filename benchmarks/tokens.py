"""What peers stake: a token that does nothing else, and ERA, whose holders have given their votes to somebody."""

from __future__ import annotations

from dataclasses import dataclass

from ape_metalayer.compilation import run, solc_path
from benchmarks.crowd import account
from benchmarks.meter import Meter
from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.sources import Sources
from metalayer.protocol.abi import Function
from tools.repository import repo_root

_SUPPLY = 10**27
_BRIDGE = "0x" + "b1" * 20
_DELEGATE = Function("delegate(address)")


@dataclass(frozen=True)
class Token:
    """One of the two. `delegatee` gets the votes of whoever stakes; none if it has no votes."""

    name: str
    address: str
    delegatee: str | None = None

    def hold(self, meter: Meter, holder: str) -> None:
        """The holder will stake."""
        if self.delegatee:
            meter.transact(self.address, _DELEGATE.encode(self.delegatee), sender=holder)


def deploy_tokens(meter: Meter) -> list[Token]:
    """Named `plain` and `votes`. The meter's sender has all of both."""
    plain = Token("plain", deploy_plain(meter))
    era = load_artifacts(["ERA"])["ERA"].creation
    # At home on this chain, so that the supply is here.
    types = ["uint256", "address", "address", "(address,uint256)[]"]
    arguments = meter.connection.chain.chain_id, _BRIDGE, account("treasury"), [(meter.sender, _SUPPLY)]
    address = meter.deploy(era, types, arguments)
    votes = Token("votes", address, account("delegatee"))
    votes.hold(meter, meter.sender)
    return [plain, votes]


def deploy_plain(meter: Meter, gateway: str | None = None, counterpart: bytes = b"") -> str:
    """OpenZeppelin's token, all of it the meter's sender's, which goes to its counterpart over a gateway, if there is
    one.
    """
    links = [(gateway, counterpart)] if gateway else []
    return meter.deploy(compiled("CrosschainToken"), ["(address,bytes)[]", "uint256"], [links, _SUPPLY])


def compiled(name: str) -> bytes:
    """Creation bytecode of a contract of benchmarks/peers, with the settings of our own."""
    sources, path = Sources(repo_root()), f"benchmarks/peers/{name}.sol"
    (output,) = run(solc_path(sources), [sources.standard_input(path)])
    return bytes.fromhex(output["contracts"][path][name]["evm"]["bytecode"]["object"])
