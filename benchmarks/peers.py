"""Gas of the systems that ours is compared with, measured as ours is. Their packages are fetched by `make bench`."""

import os
from collections.abc import Mapping
from typing import Any

from eth_abi.abi import encode

from benchmarks.hyperlane import Hyperlane
from benchmarks.meter import Meter, Report, gas_used
from benchmarks.npm import Package
from benchmarks.symbiotic import Symbiotic
from benchmarks.synthetix import Synthetix
from benchmarks.tokens import compiled, deploy_plain, deploy_tokens
from metalayer.network.connection import Connection
from metalayer.protocol.abi import Function
from metalayer.protocol.hex import from_hex
from metalayer.protocol.message import interoperable
from tools.repository import repo_root

HYPERLANE = "@hyperlane-xyz/core"
OPENZEPPELIN = "@openzeppelin/contracts"
SYMBIOTIC = "@symbioticfi/rewards"
SYNTHETIX = "synthetix"

_AMOUNT = 10**18
_REMOTE = 902
_COUNTERPART = "0x" + "77" * 20
_CROSSCHAIN_TRANSFER = Function("crosschainTransfer(bytes,uint256)")
_DELIVER = Function("deliver(address,bytes32,bytes,bytes)")


def measure(connection: Connection, report: Report) -> dict[str, Any]:
    """One section per peer: package, version, and gas by name.

    The chain must mine a block per transaction, have unlocked accounts, and be used by nobody else meanwhile.
    MetalayerError if a package is not installed.
    """
    fetched = repo_root() / "benchmarks" / "peers" / "node_modules"
    hyperlane, symbiotic, synthetix = (Package(name, fetched) for name in (HYPERLANE, SYMBIOTIC, SYNTHETIX))
    openzeppelin = Package(OPENZEPPELIN, repo_root() / "node_modules")
    meter = Meter(connection, report)
    tokens = deploy_tokens(meter)
    return {
        "hyperlane": {
            "package": hyperlane.name,
            "version": hyperlane.version,
            "bare": Hyperlane(meter, hyperlane, production=False).run(),
            "production": Hyperlane(meter, hyperlane, production=True).run(),
        },
        "openzeppelin": {
            "package": openzeppelin.name,
            "version": openzeppelin.version,
            "gas": _openzeppelin(meter),
        },
        "symbiotic": {
            "package": symbiotic.name,
            "version": symbiotic.version,
            **{token.name: Symbiotic(meter, symbiotic, token).run() for token in tokens},
        },
        "synthetix": {
            "package": synthetix.name,
            "version": synthetix.version,
            **{token.name: Synthetix(meter, synthetix, token).run() for token in tokens},
        },
    }


def per_message(peers: Mapping[str, Any]) -> dict[str, int]:
    """Gas per delivered message by name, for the picture, from what `measure` returns.

    The same at every batch size: Hyperlane delivers one message per transaction. It is the figure of its cheapest ISM
    of five validators.
    """
    return {
        f"Hyperlane, {shape}": int(peers["hyperlane"][shape]["process_message_id_3_of_5"])
        for shape in ("bare", "production")
    }


def _openzeppelin(meter: Meter) -> dict[str, int]:
    """A token that is its own bridge, with a gateway that neither proves nor records anything."""
    gateway = meter.deploy(compiled("NullGateway"))
    counterpart = interoperable(_REMOTE, _COUNTERPART)
    token = deploy_plain(meter, gateway, counterpart)
    holder = interoperable(_REMOTE, meter.sender)
    payload = encode(["bytes", "bytes", "uint256"], [holder, from_hex(meter.sender), _AMOUNT])

    def once() -> dict[str, int]:
        send = meter.transact(token, _CROSSCHAIN_TRANSFER.encode(holder, _AMOUNT))
        receive = meter.transact(gateway, _DELIVER.encode(token, os.urandom(32), counterpart, payload))
        return {"receive": gas_used(receive), "send": gas_used(send)}

    return meter.medians("openzeppelin", once)
