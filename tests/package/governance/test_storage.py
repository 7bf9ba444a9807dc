"""What a transaction changed, by name: against contracts that ran on a real node."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import load_layout
from metalayer.deploy.contracts import ARTIFACTS
from metalayer.deploy.names import artifact_of
from metalayer.protocol import gateway
from metalayer.protocol.layouts import Layout, Preimages, namespace, shown
from metalayer.services.changes import Change, Changes
from tests.kit.deployment import ERA, Deployment
from tests.kit.roles import SENDER, TREASURY

WORD = 32


def layout(**types: object) -> Layout:
    """Two numbers in one word, a mapping, an array and a struct at a fixed place."""
    base = {
        "t_uint96": {"encoding": "inplace", "label": "uint96", "size": 12},
        "t_int24": {"encoding": "inplace", "label": "int24", "size": 3},
        "t_uint256": {"encoding": "inplace", "label": "uint256", "size": 32},
        "t_bool": {"encoding": "inplace", "label": "bool", "size": 1},
        "t_address": {"encoding": "inplace", "label": "address", "size": 20},
        "t_string": {"encoding": "bytes", "label": "string", "size": 32},
        "t_pair": {
            "encoding": "inplace",
            "label": "struct Pair",
            "size": 64,
            "members": [
                {"label": "who", "slot": "0", "offset": 0, "type": "t_address"},
                {"label": "open", "slot": "0", "offset": 20, "type": "t_bool"},
                {"label": "amount", "slot": "1", "offset": 0, "type": "t_uint256"},
            ],
        },
        "t_pairs": {
            "encoding": "mapping",
            "label": "mapping",
            "size": 32,
            "key": "t_uint256",
            "value": "t_pair",
        },
        "t_nested": {
            "encoding": "mapping",
            "label": "mapping",
            "size": 32,
            "key": "t_address",
            "value": "t_pairs",
        },
        "t_list": {"encoding": "dynamic_array", "label": "Pair[]", "size": 32, "value": "t_pair"},
        "t_small": {"encoding": "dynamic_array", "label": "uint96[]", "size": 32, "value": "t_uint96"},
    }
    storage = [
        {"label": "low", "slot": "0", "offset": 0, "type": "t_uint96"},
        {"label": "high", "slot": "0", "offset": 12, "type": "t_int24"},
        {"label": "pairs", "slot": "1", "offset": 0, "type": "t_pairs"},
        {"label": "nested", "slot": "2", "offset": 0, "type": "t_nested"},
        {"label": "list", "slot": "3", "offset": 0, "type": "t_list"},
        {"label": "small", "slot": "4", "offset": 0, "type": "t_small"},
        {"label": "apart", "slot": str(namespace("test.apart")), "offset": 0, "type": "t_pair"},
        {"label": "text", "slot": "5", "offset": 0, "type": "t_string"},
    ]
    return Layout("Thing", {"storage": storage, "types": base})


def word(number: int) -> bytes:
    return number.to_bytes(WORD, "big")


def slot_of(hashed: bytes) -> int:
    return int.from_bytes(keccak(hashed), "big")


def paths(slot: int, *hashed: bytes) -> list[str]:
    return [one.path for one in layout().fields(slot, Preimages(hashed))]


def test_values_that_share_a_word() -> None:
    low, high = layout().fields(0, Preimages())
    stored = (1 << 96 + 24) - (5 << 96) + 7
    assert (low.path, low.show(stored)) == ("Thing.low", "7")
    assert (high.path, high.show(stored)) == ("Thing.high", "-5")
    other = low.put(stored, 8)
    assert (low.show(other), high.show(other)) == ("8", "-5")


def test_keys_of_mappings_come_from_what_was_hashed() -> None:
    pair = word(904) + word(1)
    assert paths(slot_of(pair), pair) == ["Thing.pairs[904].who", "Thing.pairs[904].open"]
    assert paths(slot_of(pair) + 1, pair) == ["Thing.pairs[904].amount"]
    assert paths(slot_of(pair) + 2, pair) == [], "the struct has two words"
    assert paths(slot_of(pair)) == [], "nobody can tell without what was hashed"
    (field,) = layout().fields(slot_of(pair) + 1, Preimages([pair]))
    assert field.variable == "Thing.pairs"


def test_a_mapping_in_a_mapping() -> None:
    holder = "0x" + "Ab" * 20
    outer = bytes.fromhex(holder[2:]).rjust(32, b"\0") + word(2)
    inner = word(3) + keccak(outer)
    found = layout().fields(slot_of(inner) + 1, Preimages([inner, outer]), lambda address: "Somebody")
    assert [one.path for one in found] == ["Thing.nested[Somebody][3].amount"]


def test_arrays() -> None:
    assert paths(3) == ["Thing.list.length"]
    assert paths(slot_of(word(3)) + 2 * 5 + 1, word(3)) == ["Thing.list[5].amount"]
    assert paths(slot_of(word(4)) + 1, word(4)) == ["Thing.small[2]", "Thing.small[3]"], "two in a word"


def test_a_struct_at_a_fixed_place() -> None:
    assert paths(namespace("test.apart") + 1) == ["Thing.apart.amount"]


@pytest.mark.parametrize(
    ("label", "value", "text"),
    [
        ("bool", b"\1", "true"),
        ("enum State", b"\3", "3"),
        ("int256", b"\xff" * 32, "-1"),
        ("bytes32", b"\xab" * 32, "0x" + "ab" * 32),
        ("contract IERC20", b"\0" * 20, "0x" + "00" * 20),
    ],
)
def test_values_as_people_write_them(label: str, value: bytes, text: str) -> None:
    assert shown(label, value) == text


def named(changes: Changes, deployment: Deployment) -> list[Change]:
    known = {
        one.address: name
        for name, one in deployment.registry.chain(changes.connection.name).contracts.items()
    }
    return changes.storage(
        lambda address: load_layout(artifact_of(known[address])) if address in known else None,
        lambda address: known.get(address, address),
        lambda address: known.get(address, address),
    )


def test_every_word_that_a_transaction_writes_has_a_name(deployment: Deployment) -> None:
    """On a node: terms of a route and its flags; a deposit writes the token's words and those at a fixed place."""
    hub = deployment.connections["hub"]
    deployment.bring(SENDER.address, 10 * ERA, ["hub"])
    changes = Changes(hub)
    route = hub.view(deployment.gateway, gateway.ROUTE, 904)
    closed = gateway.SET_OPEN.encode(904, False, True)
    approval = deployment.on["hub"].era.encode("approve", deployment.gateway, 5)
    deposit = gateway.DEPOSIT_FOR.encode(SENDER.address, 5)
    changes.add(deployment.as_owner("hub", deployment.gateway, closed)["transactionHash"])
    for sender, to, data in (
        (SENDER, deployment.era, approval),
        (SENDER, deployment.gateway, deposit),
    ):
        changes.add(hub.send(sender, to, data)["transactionHash"])
    found = {one.path: (one.before, one.after) for one in named(changes, deployment)}
    assert route.outbound
    assert found.pop("Metalayer._routes[904].open") == ("true", "false")
    assert found.pop("Metalayer.closedSince[904]")[0] == "0"
    credit = found.pop(f"Metalayer.credit[{SENDER.address}]")
    assert int(credit[1]) - int(credit[0]) == 5
    held = found.pop("ERA._balances[Metalayer]")
    assert int(held[1]) - int(held[0]) == 5
    spent = found.pop(f"ERA._balances[{SENDER.address}]")
    assert int(spent[0]) - int(spent[1]) == 5
    assert found == {}, "the allowance was used up: it is what it was"
    assert set(changes.ether()) >= {SENDER.address}
    quiet = Changes(hub, {SENDER.address})
    quiet.add(
        hub.send(SENDER, deployment.gateway, gateway.WITHDRAW.encode(TREASURY.address, 5))["transactionHash"]
    )
    assert SENDER.address not in quiet.ether()


@pytest.mark.parametrize("name", ARTIFACTS)
def test_every_contract_that_is_deployed_has_a_layout(name: str) -> None:
    assert load_layout(name).contract == name
