"""`deploy.yaml`, and what follows from it for every chain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from metalayer.deploy.contracts import predict
from metalayer.deploy.desired import Desired, Resolved
from metalayer.errors import MetalayerError
from metalayer.network.config import Chain, Network
from metalayer.network.models import Model, read_yaml
from metalayer.network.workspace import workspace
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.gateway import Route

MAX_GAS_LIMIT = 15_000_000
"""`MAX_GAS_LIMIT` of the gateway: no route may allow more."""
FIRST_VERSION = 1
"""Version of the set that the constructor installs."""

_SECONDS_PER_DAY = 86_400

_Name = Annotated[str, Field(min_length=1)]


class Validators(Model):
    """The first set. `weights` by account name; the lifetime counts from the first `apply`."""

    lifetime_days: Annotated[float, Field(gt=0)]
    weights: dict[_Name, Annotated[int, Field(gt=0, lt=1 << 96)]]


class Intent(Model):
    """deploy.yaml as it is written."""

    deployer: _Name
    owners: dict[_Name, _Name]
    guardians: dict[_Name, _Name]
    treasury: _Name
    validators: Validators
    routes: Literal["full mesh"]

    @model_validator(mode="after")
    def _has_defaults(self) -> Intent:
        for field in ("owners", "guardians"):
            if "default" not in getattr(self, field):
                raise ValueError(f"{field} needs a `default`")
        return self


def load_intent(path: Path | None = None) -> Intent:
    """Read deploy.yaml (the workspace's by default). MetalayerError, one line, if it is missing or wrong."""
    return read_yaml(path or workspace() / "deploy.yaml", Intent)


def lifetime(intent: Intent) -> int:
    """Seconds that the first validator set lasts."""
    return int(intent.validators.lifetime_days * _SECONDS_PER_DAY)


def resolve(
    intent: Intent, network: Network, address_of: Callable[[str], str], factory_code: bytes, expires: int
) -> Resolved:
    """Every argument and address.

    address_of: account name -> address. factory_code: creation code of the Create3Factory. expires: Unix
    time at which the first set ends. MetalayerError for unknown chains and accounts, and for a set that no
    chain would install.
    """
    for field, accounts in (("owners", intent.owners), ("guardians", intent.guardians)):
        for name in accounts.keys() - {"default"}:
            if name not in network.chains:
                raise MetalayerError(
                    f"deploy.yaml: {field}.{name}: no such chain, expected default, {', '.join(network.chains)}"
                )
    weights: dict[str, int] = {}
    for name, weight in intent.validators.weights.items():
        signer = address_of(name)
        if signer in weights:
            raise MetalayerError(f"deploy.yaml: validators.weights.{name}: {signer} is there twice")
        weights[signer] = weight
    validators = ValidatorSet.of(FIRST_VERSION, expires, weights)
    validators.validate(now=expires)
    deployer = address_of(intent.deployer)
    addresses = predict(deployer, factory_code)
    chains = {
        chain.name: Desired(
            chain=chain,
            network=network,
            deployer=deployer,
            owner=address_of(intent.owners.get(chain.name, intent.owners["default"])),
            guardian=address_of(intent.guardians.get(chain.name, intent.guardians["default"])),
            treasury=address_of(intent.treasury),
            validator_set=validators,
            routes={
                other.chain_id: route_between(chain, other)
                for other in network.chains.values()
                if other != chain
            },
            addresses=addresses,
        )
        for chain in network.chains.values()
    }
    return Resolved(network, validators, addresses, chains)


def route_between(origin: Chain, destination: Chain) -> Route:
    """A route open both ways: gas limits and fees of the destination's preset, the way back at the origin's."""
    preset, fees = destination.preset, destination.preset.fees
    maximum = min(preset.max_gas_limit, MAX_GAS_LIMIT)
    return Route(
        outbound=True,
        inbound=True,
        default_gas_limit=min(preset.default_gas_limit, maximum),
        max_gas_limit=maximum,
        base_fee=fees.base,
        gas_fee=fees.gas,
        byte_fee=fees.byte,
        return_fee=origin.preset.fees.return_,
        protocol_share=fees.protocol_share,
    )
