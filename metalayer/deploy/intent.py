"""`deploy.yaml`, and what follows from it for every chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import PrivateAttr, model_validator

from metalayer.deploy.contracts import predict
from metalayer.deploy.desired import Desired, Offices, Resolved
from metalayer.errors import MetalayerError
from metalayer.network.config import Chain, Network
from metalayer.network.inputs import Document, Entry, read_file, wrong
from metalayer.network.values import Account, Name, decimal, hint, whole
from metalayer.network.workspace import workspace
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.gateway import Route, Terms

MAX_GAS_LIMIT = 15_000_000
"""`MAX_GAS_LIMIT` of the gateway: no route may allow more."""
FIRST_VERSION = 1
"""Version of the set that the constructor installs."""

_SECONDS_PER_DAY = 86_400
_SOURCE = "deploy.yaml"
_OFFICES = ("owners", "councils", "fee_keepers", "recoveries", "collectors")
"""Fields that name one account for each chain."""


class Validators(Entry):
    """The first set. `weights` by account name; the lifetime counts from the first `apply`."""

    # An hour, to as long as the gateway installs.
    lifetime_days: Annotated[float, decimal(1 / 24, 30)]
    weights: dict[Account, Annotated[int, whole(1, (1 << 96) - 1)]]


class Intent(Entry):
    """deploy.yaml as it is written."""

    deployer: Account
    owners: dict[Name, Account]
    councils: dict[Name, Account]
    watchers: dict[Name, list[Account]]
    fee_keepers: dict[Name, Account]
    recoveries: dict[Name, Account]
    collectors: dict[Name, Account]
    treasury: Account
    validators: Validators
    routes: Literal["full mesh"]

    _document: Document = PrivateAttr(default=Document(_SOURCE, None, {}))

    @model_validator(mode="after")
    def _has_defaults(self) -> Intent:
        for field in ("watchers", *_OFFICES):
            if "default" not in getattr(self, field):
                raise wrong(field, "`default` is missing")
        return self

    def fault(self, said: str, *place: str) -> MetalayerError:
        """What is wrong at a place of the file."""
        return self._document.fault(place, said)


def load_intent(path: Path | None = None) -> Intent:
    """Read deploy.yaml (the workspace's by default). MetalayerError, one line, if it is missing or wrong."""
    document = read_file(path or workspace() / _SOURCE)
    intent = document.read(Intent)
    intent._document = document
    return intent


def lifetime(intent: Intent) -> int:
    """Seconds that the first validator set lasts."""
    return int(intent.validators.lifetime_days * _SECONDS_PER_DAY)


def resolve(
    intent: Intent,
    network: Network,
    address_of: Callable[[str], str],
    factory_code: bytes,
    expires: int,
    starts: Mapping[str, ValidatorSet] | None = None,
) -> Resolved:
    """Every argument and address.

    address_of: account name -> address. factory_code: creation code of the Create3Factory. expires: Unix
    time at which the first set ends. starts: by chain, the set from which its gateway starts, if it is not the first.
    MetalayerError for unknown chains and accounts, and for a set that no chain would install.
    """

    def address(name: str, *place: str) -> str:
        try:
            return address_of(name)
        except MetalayerError as error:
            raise intent.fault(str(error), *place) from error

    def by_chain(field: str, given: Mapping[str, Any]) -> dict[str, Any]:
        for name in given:
            if name != "default" and name not in network.chains:
                known = hint(name, ("default", *network.chains))
                raise intent.fault(f"no such chain{known}", field, name)
        return {name: given.get(name, given["default"]) for name in network.chains}

    def holders(field: str) -> dict[str, str]:
        accounts: Mapping[str, str] = getattr(intent, field)
        return by_chain(field, {name: address(account, field, name) for name, account in accounts.items()})

    held = {field: holders(field) for field in _OFFICES}
    watching = by_chain(
        "watchers",
        {
            name: tuple(dict.fromkeys(address(account, "watchers", name) for account in accounts))
            for name, accounts in intent.watchers.items()
        },
    )
    weights: dict[str, int] = {}
    for name, weight in intent.validators.weights.items():
        signer = address(name, "validators", "weights", name)
        if signer in weights:
            raise intent.fault(f"{signer} is there twice", "validators", "weights", name)
        weights[signer] = weight
    validators = ValidatorSet.of(FIRST_VERSION, expires, weights)
    try:
        validators.validate(now=expires)
    except MetalayerError as error:
        raise intent.fault(str(error), "validators") from error
    deployer, treasury = address(intent.deployer, "deployer"), address(intent.treasury, "treasury")
    addresses = predict(deployer, factory_code)
    chains = {
        chain.name: Desired(
            chain=chain,
            network=network,
            deployer=deployer,
            offices=Offices(
                owner=held["owners"][chain.name],
                council=held["councils"][chain.name],
                watchers=watching[chain.name],
                fee_keeper=held["fee_keepers"][chain.name],
                recovery=held["recoveries"][chain.name],
                collector=held["collectors"][chain.name],
            ),
            treasury=treasury,
            validator_set=(starts or {}).get(chain.name, validators),
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
        terms=Terms(
            default_gas_limit=min(preset.default_gas_limit, maximum),
            max_gas_limit=maximum,
            default_return_gas_limit=origin.preset.default_return_gas_limit,
            base_fee=fees.base,
            gas_fee=fees.gas,
            byte_fee=fees.byte,
            return_gas_fee=origin.preset.fees.gas,
            protocol_share=fees.protocol_share,
        ),
    )
