"""What `deploy plan` and `apply` know on all chains before anything is sent to one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import pytest

from metalayer.deploy.apply import Deployer
from metalayer.deploy.genesis import Beginning, Schedule
from metalayer.deploy.names import GATEWAY, STAKING, TIMELOCK
from metalayer.deploy.plan import Problems
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.network.transactions import Sender
from metalayer.protocol.dates import DAY, utc
from metalayer.protocol.hex import to_hex
from tests.kit.roles import OPERATORS, SECOND_DEPLOYER, TREASURY, Role

pytestmark = pytest.mark.usefixtures("deployment")

POOR = 10**15
"""Wei: less than a deployment costs on any chain."""


def quietly(chain: str, what: str, left: int) -> None:
    pass


def counts(connections: dict[str, Connection], *accounts: Role) -> dict[tuple[str, str], int]:
    return {
        (name, account.address): int(
            connection.rpc("eth_getTransactionCount", account.address, "pending"), 16
        )
        for name, connection in connections.items()
        for account in (SECOND_DEPLOYER, *OPERATORS, *accounts)
    }


def refusal(
    deployer: Deployer, only: list[str] | None = None, reached: Collection[str] | None = None
) -> list[str]:
    """What `apply` says stands in its way. It sent nothing, to none of those that are reached, and wrote nothing."""
    connections = {name: deployer.connections[name] for name in reached or only or deployer.connections}
    before = counts(connections)
    with pytest.raises(Problems) as refused:
        deployer.apply(quietly, only)
    assert counts(connections) == before
    assert not deployer.registry_path.exists()
    assert not (deployer.folder / "journal.jsonl").exists()
    return refused.value.problems


def down(deployer: Deployer, *names: str) -> Deployer:
    """Nobody answers for these chains."""
    dead = {
        name: Connection(
            replace(deployer.network.chains[name], base_port=None, remote_url="http://127.0.0.1:9")
        )
        for name in names
    }
    return replace(deployer, connections={**deployer.connections, **dead})


def test_all_problems_of_all_chains_are_in_one_list(
    deployer: Deployer, connections: dict[str, Connection]
) -> None:
    planned = deployer.plan()
    needed = {(one.chain, one.account): one.needed for one in planned.spending}
    addresses = planned.resolved.addresses
    for name in ("arcade", "social"):
        connections[name].rpc("anvil_setBalance", SECOND_DEPLOYER.address, hex(POOR))
    connections["hub"].rpc("anvil_setBalance", OPERATORS[2].address, "0x0")
    found = refusal(deployer)
    assert len(found) == 3
    assert found[0].startswith(f"hub: {OPERATORS[2].address} has 0 ether, expected at least 0.00")
    for line, name in zip(found[1:], ("arcade", "social"), strict=True):
        least = needed[name, SECOND_DEPLOYER.address] / 10**18
        start = f"{name}: {SECOND_DEPLOYER.address} has 0.001 ether, expected at least "
        assert line.startswith(start)
        assert float(line.removeprefix(start).split()[0]) == pytest.approx(least, abs=1e-6)
    assert [one.problem for one in deployer.plan().spending if one.problem] == found

    for name in ("arcade", "perps"):
        for contract in (TIMELOCK, GATEWAY):
            connections[name].rpc("anvil_setCode", addresses[contract], to_hex(b"\x60\x00"))
    assert [line.partition(" (found")[0] for line in refusal(deployer)] == [
        f"{name}: the code at {addresses[contract]} is not the {contract} of this deployment"
        for name in ("arcade", "perps")
        for contract in (TIMELOCK, GATEWAY)
    ]


def test_what_was_asked_for_is_enough(deployer: Deployer, connections: dict[str, Connection]) -> None:
    """To the wei: with one less it does not begin."""
    for one in deployer.plan().spending:
        connections[one.chain].rpc("anvil_setBalance", one.account, hex(one.needed - 1))
    assert len(refusal(deployer)) == 4 + len(OPERATORS)
    for one in deployer.plan().spending:
        connections[one.chain].rpc("anvil_setBalance", one.account, hex(one.needed))
    assert set(deployer.apply(quietly).chains) == set(connections)


def test_what_it_costs_is_what_is_paid(deployer: Deployer, connections: dict[str, Connection]) -> None:
    """As far as prices stay: on anvil they fall from block to block."""
    planned = {(one.chain, one.account): one for one in deployer.plan().spending}
    assert {chain for chain, _ in planned} == set(connections)
    before = {
        (chain, account): int(connections[chain].rpc("eth_getBalance", account, "latest"), 16)
        for chain, account in planned
    }
    deployer.apply(quietly)
    for (chain, account), one in planned.items():
        paid = before[chain, account] - int(connections[chain].rpc("eth_getBalance", account, "latest"), 16)
        assert 0 < paid < one.needed
        assert paid < 3 * one.cost


def test_a_key_that_is_not_here_is_in_the_list_too(
    deployer: Deployer, connections: dict[str, Connection]
) -> None:
    def elsewhere(name: str) -> Sender:
        if name == SECOND_DEPLOYER.address:
            raise MetalayerError(f"no account has the key of {name}")
        return deployer.sender_of(name)

    connections["perps"].rpc("anvil_setBalance", SECOND_DEPLOYER.address, hex(POOR))
    key, balance = refusal(replace(deployer, sender_of=elsewhere))
    assert key == f"no account has the key of {SECOND_DEPLOYER.address}"
    assert balance.startswith(f"perps: {SECOND_DEPLOYER.address} has 0.001 ether")
    planned = replace(deployer, sender_of=elsewhere).plan()
    assert {one.account for one in planned.spending if not one.is_here} == {SECOND_DEPLOYER.address}


def test_chains_that_are_down_are_all_named_and_left_out_on_demand(
    deployer: Deployer, connections: dict[str, Connection]
) -> None:
    """The others go on, and later those."""
    apart = down(deployer, "perps", "social")
    assert [line.split()[0] for line in refusal(apart, reached=["hub", "arcade"])] == ["perps", "social"]
    registry = apart.apply(quietly, ["arcade", "hub"])
    assert list(registry.chains) == ["arcade", "hub"]
    assert apart.plan(["hub", "arcade"]).is_settled
    first = apart.registry_path.read_bytes()
    apart.apply(quietly, ["hub"])
    assert apart.registry_path.read_bytes() == first
    planned = deployer.plan(["social"])
    assert list(planned.chains) == ["social"]
    assert planned.has_changes
    assert set(deployer.apply(quietly, ["social"]).chains) == {"arcade", "hub", "social"}
    whole = deployer.apply(quietly)
    assert set(whole.chains) == set(connections)
    assert {name: whole.chains[name] for name in registry.chains} == registry.chains


def test_without_the_hub_nothing_can_be_said(deployer: Deployer) -> None:
    (line,) = refusal(down(deployer, "hub"), ["arcade"])
    assert line.startswith("hub is unreachable at http://127.0.0.1:9")


def test_the_first_set_needs_the_hub(deployer: Deployer) -> None:
    assert refusal(deployer, ["arcade", "perps"]) == [
        "hub: a validator set has to be published first: `--chain hub`, too"
    ]
    with pytest.raises(MetalayerError, match="no chain 'arcad' in network 'local', did you mean 'arcade'"):
        deployer.plan(["arcad"])


@pytest.mark.parametrize("change", ["more", "less", "another"])
def test_changed_allocations_are_named_and_refused(
    deployer: Deployer, with_intent: Callable[..., Deployer], change: str
) -> None:
    """ERA was minted once: nothing makes it what the file says now."""
    registry = deployer.apply(quietly)
    before = deployer.registry_path.read_bytes()
    research = deployer.intent.genesis.shares.research
    holders, holder = dict(research.holders), OPERATORS[0]
    if change == "another":
        holders[SECOND_DEPLOYER.alias] = holders.pop(holder.alias)
    else:
        more = 1_000 if change == "more" else -1_000
        holders[holder.alias] += more
        holders[TREASURY.alias] -= more
    shares = deployer.intent.genesis.shares.model_copy(
        update={"research": research.model_copy(update={"holders": holders})}
    )
    changed = with_intent(genesis=deployer.intent.genesis.model_copy(update={"shares": shares}))
    planned = changed.plan()
    assert not planned.has_changes
    assert not planned.is_settled
    accounts = {
        holder.address,
        (SECOND_DEPLOYER if change == "another" else TREASURY).address,
    }
    assert {one.subject for one in planned.spent} == {
        f"ERA of {account} from the first block on" for account in accounts
    }
    with pytest.raises(Problems) as refused:
        changed.apply(quietly)
    assert len(refused.value.problems) == 2
    now = {"more": "201,000", "less": "199,000", "another": "0"}[change]
    assert (
        f"hub: ERA of {holder.address} from the first block on was 200,000, expected {now} (deploy.yaml): nothing "
        "changes that any more: put deploy.yaml right"
    ) in refused.value.problems
    assert deployer.registry_path.read_bytes() == before
    assert deployer.apply(quietly) == registry


def of_share(share: str, **values: object) -> Callable[[Beginning], Beginning]:
    """Changes one share of the genesis."""

    def change(genesis: Beginning) -> Beginning:
        changed = getattr(genesis.shares, share).model_copy(update=values)
        return genesis.model_copy(update={"shares": genesis.shares.model_copy(update={share: changed})})

    return change


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            lambda genesis: genesis.model_copy(update={"start": genesis.start + DAY}),
            [
                "Airdrop has the root {root} and the end {end}, deploy.yaml says the root {root} and the end {end+1}",
                "VestingInvestors1 vests from {begins} on for 730 days, deploy.yaml says from {begins+1} on for "
                "730 days",
                "VestingTeam1 vests from {begins} on for 730 days, deploy.yaml says from {begins+1} on for 730 days",
                "VestingTeam2 vests from {begins} on for 730 days, deploy.yaml says from {begins+1} on for 730 days",
            ],
        ),
        (
            of_share("investors", vesting=Schedule.model_construct(cliff=365 * DAY, linear=731 * DAY)),
            [
                "VestingInvestors1 vests from {begins} on for 730 days, deploy.yaml says from {begins} on for "
                "731 days"
            ],
        ),
        (
            of_share("airdrop", root="0x" + "11" * 32),
            [
                "Airdrop has the root {root} and the end {end}, deploy.yaml says the root 0x"
                + "11" * 32
                + " and the end {end}"
            ],
        ),
    ],
    ids=["start", "vesting", "root"],
)
def test_a_changed_genesis_is_refused(
    deployer: Deployer,
    with_intent: Callable[..., Deployer],
    change: Callable[[Beginning], Beginning],
    lines: list[str],
) -> None:
    """A line for each contract, which says what is for ever."""
    registry = deployer.apply(quietly)
    genesis = deployer.intent.genesis
    end, begins = (genesis.start + 365 * DAY,) * 2
    words = {"root": genesis.shares.airdrop.root, "end": utc(end), "end+1": utc(end + DAY)}
    words |= {"begins": utc(begins), "begins+1": utc(begins + DAY)}
    expected = [
        f"hub: {line.format_map(words)}: nothing changes that any more: put deploy.yaml right"
        for line in lines
    ]
    changed = with_intent(genesis=change(genesis))
    for act in (changed.plan, lambda: changed.apply(quietly)):
        with pytest.raises(Problems) as refused:
            act()
        assert refused.value.problems == expected
    assert deployer.apply(quietly) == registry


def test_another_beneficiary_is_refused(deployer: Deployer, with_intent: Callable[..., Deployer]) -> None:
    """What was minted says so, before a contract that is not there."""
    deployer.apply(quietly)
    genesis = deployer.intent.genesis
    (_, amount), *others = genesis.shares.team.holders.items()
    holders = {SECOND_DEPLOYER.alias: amount, **dict(others)}
    changed = with_intent(genesis=of_share("team", holders=holders)(genesis))
    with pytest.raises(Problems) as refused:
        changed.plan()
    first, second, *_ = refused.value.problems
    begins = "(deploy.yaml): nothing changes that any more: put deploy.yaml right"
    assert first.startswith("hub: ERA of 0x")
    assert "(VestingTeam" in first
    assert f" from the first block on was 0, expected {amount:,} {begins}" in first
    assert f" from the first block on was {amount:,}, expected 0 {begins}" in second


def test_other_code_is_never_taken_for_other_terms(
    deployer: Deployer, with_intent: Callable[..., Deployer], connections: dict[str, Connection]
) -> None:
    """Whatever it says of its terms: here it answers every call with 1."""
    deployer.apply(quietly)
    address = deployer.plan().resolved.addresses["VestingTeam1"]
    connections["hub"].rpc("anvil_setCode", address, "0x60015f5260205ff3")
    with pytest.raises(Problems) as refused:
        deployer.plan()
    (line,) = refused.value.problems
    assert line.startswith(f"hub: the code at {address} is not the VestingTeam1 of this deployment (found ")


def test_changed_founders_are_named(deployer: Deployer, with_intent: Callable[..., Deployer]) -> None:
    deployer.apply(quietly)
    founders = list(deployer.intent.validators.bonded)
    founders[0] = founders[0].model_copy(update={"own": 300_000})
    founders[1] = founders[1].model_copy(update={"signer": SECOND_DEPLOYER.alias})
    founders[2] = founders[2].model_copy(update={"commission": 6.0})
    validators = deployer.intent.validators.model_copy(update={"bonded": founders})
    planned = with_intent(validators=validators).plan()
    assert not planned.has_changes
    found = {
        one.subject.removeprefix("bond of the founder "): (one.expected, one.found)
        for one in planned.founding
    }
    bond = "ERA of {} at 5 %"
    signers = [deployer.address_of(founder.signer) for founder in deployer.intent.validators.bonded]
    operators = [deployer.address_of(founder.operator) for founder in deployer.intent.validators.bonded]
    bonds = [f"200,000 {bond.format(operator)}" for operator in operators]
    assert found == {
        signers[0]: (bonds[0].replace("200,000", "300,000"), bonds[0]),
        SECOND_DEPLOYER.address: (bonds[1], "none"),
        signers[1]: ("none", bonds[1]),
        signers[2]: (bonds[2].replace("5 %", "6 %"), bonds[2]),
    }
    assert STAKING in Registry.load(deployer.network, deployer.registry_path).chains["hub"].contracts
