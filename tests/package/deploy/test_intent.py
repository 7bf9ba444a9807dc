"""deploy.yaml: what it refuses, each refusal one line that names the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.deploy.intent import load_intent, resolve
from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.signers import address_of
from tests.kit.placing import GOVERNANCE
from tools.repository import repo_root

RIGHT = "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"
MISTYPED = b"0xa0ee7A142d267C1f36714E4a8F75612F20a79720"


def test_the_repository_s_file_is_one() -> None:
    assert load_intent().routes == "full mesh"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            b"deployer:",
            b"deplyer:",
            r":\d+: deplyer: unknown name, did you mean 'deployer'\? expected one of",
        ),
        (b"deployer: TEST::0\n", b"", r":\d+: `deployer` is missing"),
        (b"deployer: TEST::0", b"deployer:", r":\d+: deployer: expected a name .*found nothing"),
        (b"councils:\n  default:", b"councils:\n  hub:", r":\d+: councils: `default` is missing"),
        (b"councils:", b"owners:\n  default: TEST::1\ncouncils:", r":\d+: owners: unknown name"),
        (b"full mesh", b"a star", r":\d+: routes: expected 'full mesh' or 'through the hub', found 'a star'"),
        (
            b"full mesh",
            b"through the hub\ndirect: [[arcade]]",
            r":\d+: direct\.0: expected at least 2 entries, found 1",
        ),
        (
            b"full mesh",
            b"through the hub\ndirect: [[arcade, perps, social]]",
            r":\d+: direct\.0: expected at most 2 entries, found 3",
        ),
        (
            b"full mesh",
            b"through the hub\ndirect: [arcade, perps]",
            r":\d+: direct\.0: expected a list, found 'arcade'",
        ),
        (
            b"own: 200_000",
            b"own: 0",
            r":\d+: validators\.bonded\.0\.own: expected a whole number from 1 to 1000000000, found '0'",
        ),
        (b"signer: TEST::5,", b"", r":\d+: validators\.bonded\.0: `signer` is missing"),
        (
            b"commission: 5",
            b"commission: 101",
            r":\d+: validators\.bonded\.0\.commission: expected a number from 0 to 100, found '101'",
        ),
        (
            b"voting_period: 10 days",
            b"voting_period: 6 days",
            r":\d+: governance\.voting_period: expected a duration such as `2 days`, from 7 days to 60 days, "
            "found '6 days'",
        ),
        (b"delay: 2 days", b"delay: 2", r":\d+: governance\.voting_delay: expected a duration .*found '2'"),
        (b"delay: 2 days", b"delay: two days", r":\d+: governance\.voting_delay: expected a duration"),
        (b"delay: 2 days", b"delay: 2 weeks", r":\d+: governance\.voting_delay: expected a duration"),
        (b"delay: 2 days", b"delay: -2 days", r":\d+: governance\.voting_delay: expected a duration"),
        (b"delay: 2 days", b"delay: [2 days]", r":\d+: governance\.voting_delay: .*found a list"),
        (b"delay: 2 days", b"delay: 61 minutes", r":\d+: governance\.voting_delay: expected full hours"),
        (b"delay: 2 days", b"delay: 59 minutes", r":\d+: governance\.voting_delay: .*from 1 hour to 30 days"),
        (b"quorum: 4", b"quorum: 0", r":\d+: governance\.quorum: expected a whole number from 1 to 100"),
        (b"  quorum: 4", b"  quorm: 4", r":\d+: governance\.quorm: unknown name, did you mean 'quorum'\?"),
        (
            b"full mesh",
            b"full mesh\nclosed: [{ from: hub, to: social }]",
            r":\d+: closed\.0: `because` is missing",
        ),
        (
            b"full mesh",
            b"full mesh\nclosed: [{ origin: hub }]",
            r":\d+: closed\.0\.origin: unknown name: expected one of from, to, because",
        ),
        (b"seats: 16", b"seats: 33", r":\d+: validators\.seats: expected a whole number from 4 to 32, found"),
        (b"seats: 16", b"lifetime_days: 20", r":\d+: validators\.lifetime_days: unknown name"),
        (b"routes:", b"routes: [", r":\d+: not valid YAML: "),
        (b"deployer:", b"\xff:", r":\d+: expected UTF-8, found the byte 0xff"),
        (
            b"deployer: TEST::0",
            b"deployer: " + MISTYPED,
            rf":\d+: deployer: the checksum of .*: expected {RIGHT}",
        ),
        (b"deployer: TEST::0", b"deployer: " + MISTYPED[:-1], r":\d+: deployer: expected an address"),
        (b"TEST::5", MISTYPED, r":\d+: validators\.bonded\.0\.signer: the checksum of"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    path = tmp_path / "deploy.yaml"
    path.write_bytes((repo_root() / "deploy.yaml").read_bytes().replace(old, new))
    with pytest.raises(MetalayerError, match=rf"^deploy\.yaml{message}") as caught:
        load_intent(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MetalayerError, match=r"cannot read .*/deploy\.yaml: No such file"):
        load_intent(tmp_path / "deploy.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            b"councils:",
            b"councils:\n  arcde: TEST::1",
            r":\d+: councils\.arcde: no such chain, did you mean 'arcade'\?",
        ),
        (
            b"full mesh",
            b"full mesh\nclosed: [{ from: hub, to: sociel, because: test }]",
            r":\d+: closed\.0\.to: no such chain, did you mean 'social'\?",
        ),
        (
            b"full mesh",
            b"full mesh\nclosed: [{ from: hub, to: hub, because: test }]",
            r":\d+: closed\.0\.to: expected two different chains",
        ),
        (
            b"full mesh",
            b"full mesh\nclosed:\n" + 2 * b"  - { from: hub, to: social, because: test }\n",
            r":\d+: closed\.1: this lane is there twice",
        ),
        (
            b"full mesh",
            b"through the hub\nclosed: [{ from: arcade, to: perps, because: test }]",
            r":\d+: closed\.0: there is no lane from arcade to perps to close: see `routes`",
        ),
        (
            b"full mesh",
            b"full mesh\ndirect: [[arcade, perps]]",
            r":\d+: direct\.0: the lanes between arcade and perps are there already",
        ),
        (
            b"full mesh",
            b"through the hub\ndirect: [[arcade, hub]]",
            r":\d+: direct\.0: the lanes between arcade and hub are there already",
        ),
        (
            b"full mesh",
            b"through the hub\ndirect:\n  - [arcade, perps]\n  - [perps, arcade]\n",
            r":\d+: direct\.1: the lanes between perps and arcade are there already",
        ),
        (
            b"full mesh",
            b"through the hub\ndirect:\n  - [arcade, arcade]\n",
            r":\d+: direct\.0\.1: expected two different chains",
        ),
        (
            b"full mesh",
            b"through the hub\ndirect:\n  - [arcade, chess]\n",
            r":\d+: direct\.0\.1: no such chain: expected one of hub, arcade, perps, social",
        ),
        (
            b"TEST::9",
            address_of("TEST::8").lower().encode(),
            r":\d+: validators\.bonded\.4: 0x\w+ is there twice",
        ),
        (b"operator: TEST::24", b"operator: TEST::9", r":\d+: validators\.bonded\.4: 0x\w+ is there twice"),
        (
            b"minimum_own: 100_000",
            b"minimum_own: 200_001",
            r":\d+: validators\.bonded\.0\.own: expected at least `minimum_own`, 200001",
        ),
        (
            b"seats: 16",
            b"seats: 4",
            r":\d+: validators\.bonded: expected 4 to 4 validators, one for each seat at most, found 5",
        ),
    ],
)
def test_what_only_the_network_shows_is_refused_with_its_line(
    tmp_path: Path, old: bytes, new: bytes, message: str
) -> None:
    path = tmp_path / "deploy.yaml"
    path.write_bytes((repo_root() / "deploy.yaml").read_bytes().replace(old, new))
    with pytest.raises(MetalayerError, match=rf"^deploy\.yaml{message}"):
        resolve(load_intent(path), load_network(), address_of, b"")


def test_an_address_in_lower_case_has_no_checksum(tmp_path: Path) -> None:
    path = tmp_path / "deploy.yaml"
    text = (repo_root() / "deploy.yaml").read_bytes()
    path.write_bytes(text.replace(b"deployer: TEST::0", b"deployer: " + RIGHT.lower().encode()))
    found = resolve(load_intent(path), load_network(), address_of, b"")
    assert {chain.deployer for chain in found.chains.values()} == {RIGHT}


def test_one_timelock_owns_every_chain_and_is_the_treasury() -> None:
    """P8a: no file can name another owner. Its governor is another contract on the hub than elsewhere."""
    found = resolve(load_intent(), load_network(), address_of, b"")
    timelock = found.addresses["Timelock"]
    for name, desired in found.chains.items():
        assert (desired.owner, desired.treasury) == (timelock, timelock)
        governor = "EraGovernor" if name == "hub" else "RemoteGovernor"
        assert desired.governor == found.addresses[governor]


def test_halves_of_one_contract_have_one_address() -> None:
    """They know each other by it."""
    addresses = resolve(load_intent(), load_network(), address_of, b"").addresses
    assert addresses["DecisionOutbox"] == addresses["RemoteGovernor"]
    assert addresses["HubVotePool"] == addresses["SpokeVotes"]
    assert len(set(addresses.values())) == len(addresses) - 2


def test_rules_are_exact() -> None:
    assert resolve(load_intent(), load_network(), address_of, b"").chains["hub"].governance == GOVERNANCE


def test_a_closed_lane_is_closed_at_both_ends(tmp_path: Path) -> None:
    """B26: and its way back stays open."""
    path = tmp_path / "deploy.yaml"
    text = (repo_root() / "deploy.yaml").read_bytes()
    path.write_bytes(text + b"closed: [{ from: social, to: perps, because: what happened on May 3 }]\n")
    network = load_network()
    found = resolve(load_intent(path), network, address_of, b"")
    directions = {
        (name, network.chain(other).name): (route.outbound, route.inbound)
        for name, desired in found.chains.items()
        for other, route in desired.routes.items()
    }
    assert directions.pop(("social", "perps")) == (False, True)
    assert directions.pop(("perps", "social")) == (True, False)
    assert set(directions.values()) == {(True, True)}


@pytest.mark.parametrize("direct", [[], [("arcade", "perps")]])
def test_through_the_hub_there_are_only_its_lanes_and_the_direct_ones(
    tmp_path: Path, direct: list[tuple[str, str]]
) -> None:
    path = tmp_path / "deploy.yaml"
    text = (repo_root() / "deploy.yaml").read_text(encoding="utf-8")
    pairs = "".join(f"\n  - [{one}, {other}]" for one, other in direct)
    path.write_text(
        text.replace("full mesh\n", f"through the hub\n{f'direct:{pairs}' if pairs else ''}\n", 1)
    )
    network = load_network()
    found = resolve(load_intent(path), network, address_of, b"")
    lanes = {
        (name, network.chain(other).name): (route.outbound, route.inbound)
        for name, desired in found.chains.items()
        for other, route in desired.routes.items()
    }
    pairs_ = [("hub", "arcade"), ("hub", "perps"), ("hub", "social"), *direct]
    assert lanes == dict.fromkeys([*pairs_, *((other, one) for one, other in pairs_)], (True, True))


def test_stake_and_commission_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "deploy.yaml"
    text = (repo_root() / "deploy.yaml").read_bytes()
    path.write_bytes(text.replace(b"commission: 5", b"commission: 2.05", 1))
    first, second, *_ = resolve(load_intent(path), load_network(), address_of, b"").bonding.bonds
    assert (first.own, first.commission, second.commission) == (200_000 * 10**18, 205, 500)
    assert (first.operator, first.signer) == (address_of("TEST::20"), address_of("TEST::5"))
