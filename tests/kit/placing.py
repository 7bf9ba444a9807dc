"""The declared contracts on one chain of the tests, by accounts that its node signs for."""

from __future__ import annotations

from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.contracts import ARTIFACTS, contracts_of
from metalayer.deploy.desired import Desired, Governance
from metalayer.deploy.inspection import inspect
from metalayer.deploy.keyring import Keyring
from metalayer.deploy.plan import steps_of
from metalayer.network.connection import Connection
from metalayer.network.signers import load_sender
from tests.kit.chains import BoundChain
from tests.kit.evm import Contract, transact
from tests.kit.paper import DAY

GOVERNANCE = Governance(2 * DAY, 10 * DAY, 1_000_000 * 10**18, 4, 2 * DAY)
"""As deploy.yaml has it."""


def place(chain: BoundChain, desired: Desired) -> dict[str, Contract]:
    """Sends what `apply` would, up to the hand-over: the deployer keeps its namespace of the factory."""
    artifacts = load_artifacts(ARTIFACTS)
    state = inspect(Connection(chain.chain), desired, artifacts)
    for step in steps_of(desired, state, artifacts, Keyring(load_sender)):
        if not step.is_done and step.kind != "hand over":
            assert transact(chain, step.to, step.data, step.sender).succeeded, f"{chain.name}: {step.name}"
    declared = contracts_of(desired)
    return {one.name: Contract(chain, one.artifact, desired.addresses[one.name]) for one in declared}
