"""Ids of proposals, operations and decisions: what Python computes is what the contracts do."""

from __future__ import annotations

from eth_utils.address import to_checksum_address
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metalayer.protocol import decisions, gateway, governor
from metalayer.protocol.decisions import Decision, DecisionState
from metalayer.protocol.governor import HubProposal, operation
from metalayer.protocol.message import interoperable
from tests.kit.deployment import Deployment, impersonated

WORDS = st.binary(min_size=32, max_size=32)
ADDRESSES = st.binary(min_size=20, max_size=20).map(to_checksum_address)
DATA = st.binary(max_size=100)


@given(
    st.lists(st.tuples(ADDRESSES, st.integers(0, 2**256 - 1), DATA), max_size=4), st.text(max_size=80), WORDS
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_proposals_and_operations_have_the_ids_of_the_contracts(
    deployment: Deployment, actions: list[tuple[str, int, bytes]], text: str, salt: bytes
) -> None:
    targets, values, calldatas = (tuple(one[part] for one in actions) for part in range(3))
    proposal = HubProposal(targets, values, calldatas, text)  # type: ignore[arg-type]
    hub, address = deployment.connections["hub"], deployment.registry.address
    ids = hub.batch(
        [
            governor.HASH_PROPOSAL.request(
                address("EraGovernor"), *proposal.actions, proposal.description_hash
            ),
            governor.HASH_OPERATION_BATCH.request(address("Timelock"), *proposal.actions, salt, salt),
        ]
    )
    assert ids == [proposal.id, operation(*proposal.actions, salt, salt)]


def test_a_decision_arrives_under_the_id_that_python_computes(deployment: Deployment) -> None:
    arcade, address = deployment.connections["arcade"], deployment.registry.address
    remote, era = address("RemoteGovernor"), address("ERA")
    decision = Decision(b"\x07" * 32, (era,), (0,), (governor.GET_MIN_DELAY.encode(),), (b"\x01" * 32,))
    origin = interoperable(deployment.network_id, address("DecisionOutbox"))
    data = gateway.RECEIVE_MESSAGE.encode(bytes(32), origin, decision.encoded)
    with impersonated(arcade, deployment.gateway):
        receipt = deployment.transact("arcade", deployment.gateway, remote, data)
    assert receipt["status"] == "0x1"
    state, ready_at = arcade.batch(
        [decisions.STATE_OF.request(remote, decision.id), decisions.READY_AT.request(remote, decision.id)]
    )
    assert state is DecisionState.WAITING
    ((event, _),) = arcade.ask(decisions.DECISION_SCHEDULED.history(remote, decision.id))
    assert (event.decision, event.gateway, event.ready_at) == (decision, deployment.gateway, ready_at)
    # As the chain's timelock knows it.
    scheduled = operation(decision.targets, decision.values, decision.calldatas, bytes(32), decision.id)
    assert arcade.view(address("Timelock"), governor.GET_TIMESTAMP, scheduled) == ready_at
