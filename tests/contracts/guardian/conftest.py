"""Arcade's gateway and bridge with a Guardian as their guardian. The hub and perps are the chains from which messages
come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from metalayer.protocol.gateway import Route, Terms
from tests.kit.chains import BoundChain
from tests.kit.evm import ZERO_ADDRESS, Contract, deploy, error, now
from tests.kit.founding import Founding
from tests.kit.offices import COUNCIL, KEEPER, OTHER_WATCHER, TERMS, WATCHER
from tests.kit.paper import Validators


@pytest.fixture(scope="session")
def council() -> str:
    return COUNCIL


@pytest.fixture(scope="session")
def keeper() -> str:
    return KEEPER


@pytest.fixture(scope="session")
def watcher() -> str:
    return WATCHER


@pytest.fixture(scope="session")
def other_watcher() -> str:
    return OTHER_WATCHER


@pytest.fixture(scope="session")
def place_guardian(deployer: str) -> Callable[..., Contract]:
    """Deploys a Guardian of a gateway, with all offices filled unless told otherwise."""

    def place_guardian(
        gateway: str,
        chain: BoundChain,
        keeper: str = KEEPER,
        governor: str = ZERO_ADDRESS,
        bridge: str = ZERO_ADDRESS,
    ) -> Contract:
        arguments = (gateway, bridge, governor, COUNCIL, keeper, [WATCHER, OTHER_WATCHER])
        return deploy(chain, "Guardian", *arguments, sender=deployer)

    return place_guardian


@pytest.fixture(scope="session")
def guard(
    chains: dict[str, BoundChain],
    validators: Validators,
    place_guardian: Callable[..., Contract],
    deployer: str,
    owner: str,
    recovery: str,
    collector: str,
) -> Contract:
    """The Guardian of a gateway, whose owner named it, and of its bridge."""
    chain, network_id = chains["arcade"], chains["hub"].chain_id
    gateway = Founding(
        chain=chain,
        network_id=network_id,
        # Nothing here pays: no token is called.
        era=collector,
        annex=deploy(chain, "Annex", network_id, ZERO_ADDRESS, sender=deployer).address,
        owner=owner,
        guardian=ZERO_ADDRESS,
        recovery=recovery,
        collector=collector,
        validator_set=validators.argument,
        deployer=deployer,
        routes={chains[name].chain_id: Route(True, True, Terms(*TERMS)) for name in ("hub", "perps")},
    ).deploy()
    # It moves nothing here: it has no code for representations, and reads no names.
    parts = (gateway.address, collector, network_id, ZERO_ADDRESS, ZERO_ADDRESS)
    annex = deploy(chain, "BridgeAnnex", *parts, sender=deployer)
    bridge = deploy(chain, "TokenBridge", *parts, annex.address, sender=deployer)
    guard = place_guardian(gateway.address, chain, bridge=bridge.address)
    gateway.send("setGuardian", guard.address, sender=owner)
    return guard


@pytest.fixture
def gateway(guard: Contract) -> Contract:
    return Contract(guard.chain, "Metalayer", guard.view("GATEWAY"))


@pytest.fixture
def bridge(guard: Contract) -> Contract:
    return Contract(guard.chain, "TokenBridge", guard.view("BRIDGE"))


@pytest.fixture(scope="session")
def hub_id(chains: dict[str, BoundChain]) -> int:
    """Pauses of deliveries from this chain are short."""
    return chains["hub"].chain_id


@pytest.fixture(scope="session")
def spoke(chains: dict[str, BoundChain]) -> int:
    """Chain id of perps."""
    return chains["perps"].chain_id


@pytest.fixture
def start(guard: Contract) -> int:
    """The second in which a test begins to act."""
    return now(guard.chain) + 100


@pytest.fixture
def refuses(guard: Contract) -> Callable[..., None]:
    """The Guardian refuses a call with exactly this error, whether it is called or mined."""

    def refuses(name: str, arguments: tuple[Any, ...], method: str, *call: Any, sender: str, at: int) -> None:
        assert guard.revert(method, *call, sender=sender, at=at) == error(name, *arguments)
        assert not guard.attempt(method, *call, sender=sender, at=at).succeeded

    return refuses
