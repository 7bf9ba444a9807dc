"""The block `bridge` of deploy.yaml: what follows from it for each chain, and what it refuses, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.desired import BridgeRules, Resolved
from metalayer.deploy.intent import load_intent, resolve
from metalayer.deploy.names import BRIDGE, BRIDGED_TOKEN, ERA, FACTORY
from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.signers import address_of
from metalayer.protocol.dates import DAY, HOUR
from metalayer.protocol.transfers import representation
from tools.repository import repo_root

TOKEN = "0x" + "1d" * 20
ADOPTED = "0x" + "2e" * 20
ID = "0x" + "3f" * 32
BLOCK = f"""
bridge:
  tokens:
    COIN: {{ home: arcade, address: "{TOKEN}", decimals: 6, adopted: {{ social: "{ADOPTED}" }} }}
  limits:
    - {{ token: ERA, on: hub, with: arcade, out: 20_000_000, in: 0, window: 1 day }}
    - {{ token: COIN, on: perps, with: arcade, out: 1_000.5, in: 0.000001, window: 12 hours }}
    - {{ token: COIN, on: arcade, with: perps, out: 1, in: 1, window: 365 days }}
    - {{ token: COIN, on: social, with: arcade, out: 1, in: 1, window: 1 second }}
    - {{ token: ERA, on: arcade, with: hub, out: 1, in: 1, window: 1 hour }}
  struck:
    - {{ on: perps, from: arcade, id: "{ID}", because: what arcade never sent }}
"""


def resolved(folder: Path, block: str) -> Resolved:
    path = folder / "deploy.yaml"
    path.write_text((repo_root() / "deploy.yaml").read_text() + block)
    return resolve(load_intent(path), load_network(), address_of, load_artifacts([FACTORY])[FACTORY].creation)


def test_by_default_the_owner_sets_nothing() -> None:
    factory = load_artifacts([FACTORY])[FACTORY].creation
    chains = resolve(load_intent(), load_network(), address_of, factory).chains
    assert {desired.bridging for desired in chains.values()} == {BridgeRules()}


def test_what_each_chain_should_have(tmp_path: Path) -> None:
    whole = resolved(tmp_path, BLOCK)
    rules = {name: desired.bridging for name, desired in whole.chains.items()}
    era, arcade = whole.addresses[ERA], whole.network.chain("arcade").chain_id
    local = representation(whole.addresses[BRIDGE], whole.addresses[BRIDGED_TOKEN], arcade, TOKEN)
    limits = {
        name: [(one.local.lower(), one.chain_id, one.out, one.in_, one.window) for one in rule.limits]
        for name, rule in rules.items()
    }
    assert limits == {
        "hub": [(era.lower(), arcade, 20_000_000 * 10**18, 0, DAY)],
        "arcade": [(TOKEN, 903, 10**6, 10**6, 365 * DAY), (era.lower(), 901, 10**18, 10**18, HOUR)],
        "perps": [(local.lower(), arcade, 1_000_500_000, 1, 12 * HOUR)],
        "social": [(ADOPTED, arcade, 10**6, 10**6, 1)],
    }
    (adoption,) = rules["social"].adoptions
    assert (adoption.token.home, adoption.token.address.lower(), adoption.local.lower()) == (
        902,
        TOKEN,
        ADOPTED,
    )
    assert [one.id.hex() for one in rules["perps"].strikes] == ["3f" * 32]
    assert not any(rules[name].adoptions for name in ("hub", "arcade", "perps"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tokens:", "token:", r"bridge\.token: unknown name, did you mean 'tokens'\?"),
        ("home: arcade", "home: arcde", r"bridge\.tokens\.COIN\.home: no such chain, did you mean 'arcade'"),
        ("COIN: {", "ERA: {", r"bridge\.tokens\.ERA: ERA is known already"),
        (TOKEN, "0x" + "00" * 20, r"bridge\.tokens\.COIN\.address: .*found the zero address"),
        (TOKEN, TOKEN[:-1], r"bridge\.tokens\.COIN\.address: expected an address"),
        (
            "decimals: 6",
            "decimals: 256",
            r"bridge\.tokens\.COIN\.decimals: expected a whole number from 0 to 255",
        ),
        ("social: ", "arcade: ", r"bridge\.tokens\.COIN\.adopted\.arcade: COIN is at home there"),
        (
            "decimals: 6,",
            'decimals: 6 }\n    MINT: { home: arcade, address: "' + TOKEN + '", decimals: 6,',
            r"bridge\.tokens\.MINT\.address: this is COIN",
        ),
        ("token: COIN", "token: CION", r"bridge\.limits\.1\.token: no such token, did you mean 'COIN'\?"),
        ("on: perps, with", "on: perp, with", r"bridge\.limits\.1\.on: no such chain"),
        ("with: perps", "with: arcade", r"bridge\.limits\.2\.with: expected two different chains"),
        (
            "on: perps, with: arcade",
            "on: perps, with: hub",
            r"bridge\.limits\.1\.with: COIN comes to perps from its home: expected arcade",
        ),
        ("0.000001", "0.0000001", r"bridge\.limits\.1\.in: COIN has 6 decimals, found 0\.0000001"),
        ("1_000.5", "-1", r"bridge\.limits\.1\.out: expected an amount of tokens such as 1_000 or 0\.5"),
        ("20_000_000", "20_282_409_603_652", r"bridge\.limits\.0\.out: expected less than 2\^104"),
        ("window: 1 day ", "window: 366 days ", r"bridge\.limits\.0\.window: .* from 1 second to 365 days"),
        ("window: 1 day ", "window: 1 week ", r"bridge\.limits\.0\.window: expected a duration"),
        (
            "ERA, on: arcade, with: hub, out: 1, in: 1, window: 1 hour",
            "ERA, on: hub, with: arcade, out: 1, in: 1, window: 1 hour",
            r"bridge\.limits\.4: these limits are there twice",
        ),
        (
            "on: perps, from: arcade",
            "on: perps, from: perps",
            r"bridge\.struck\.0\.from: expected two different",
        ),
        (ID, ID[:-1], r"bridge\.struck\.0\.id: expected a message's id"),
        (", because: what arcade never sent", "", r"bridge\.struck\.0: `because` is missing"),
        (
            "  struck:\n",
            f'  struck:\n    - {{ on: perps, from: hub, id: "{ID}", because: twice }}\n',
            r"bridge\.struck\.1\.id: this message is there twice",
        ),
    ],
)
def test_another_block_is_refused_in_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in BLOCK
    with pytest.raises(MetalayerError, match=rf"^deploy\.yaml:\d+: {message}") as caught:
        resolved(tmp_path, BLOCK.replace(old, new))
    assert "\n" not in str(caught.value)
