"""The harness itself: nothing leaks between tests or chains, and no contract answers for another chain (P12)."""

from __future__ import annotations

import pytest
from ape import networks, project

from tests.kit.chains import BoundChain, Deployed, WrongChain
from tests.kit.roles import DEVELOPER

# What the first of two turns found, by chain.
HEIGHTS: dict[str, str] = {}
RECIPIENT = "0x00000000000000000000000000000000000Face7"
AMOUNT = 10**18


@pytest.fixture
def eras(chains: dict[str, BoundChain]) -> dict[str, Deployed]:
    deployer = DEVELOPER.ape
    return {
        name: chain.deploy(project.ERA, chains["hub"].chain_id, deployer, deployer, [], sender=deployer)
        for name, chain in chains.items()
    }


def balance(chain: BoundChain, address: str = RECIPIENT) -> int:
    return int(chain.rpc("eth_getBalance", [address, "latest"]), 16)


def test_every_chain_answers_for_itself(chains: dict[str, BoundChain]) -> None:
    for chain in chains.values():
        assert int(chain.rpc("eth_chainId"), 16) == chain.chain_id
        with chain.use():
            assert networks.active_provider.chain_id == chain.chain_id
    assert networks.active_provider is chains["hub"].provider


@pytest.mark.parametrize("turn", ["first", "second"])
def test_state_of_an_inactive_chain_is_gone_in_the_next_test(
    chains: dict[str, BoundChain], turn: str
) -> None:
    # Whichever runs second would see what the other one wrote: to every chain, while the hub is active.
    for chain in chains.values():
        assert balance(chain) == 0
        chain.rpc("anvil_setBalance", [RECIPIENT, hex(AMOUNT)])
        chain.rpc("evm_increaseTime", [10**6])
        chain.rpc("evm_mine")
        assert balance(chain) == AMOUNT


@pytest.mark.parametrize("turn", ["first", "second"])
def test_blocks_and_pending_transactions_do_not_leak(chains: dict[str, BoundChain], turn: str) -> None:
    sender, recipient = DEVELOPER.address, RECIPIENT
    for chain in chains.values():
        height = chain.rpc("eth_blockNumber")
        assert HEIGHTS.setdefault(chain.name, height) == height
        assert chain.rpc("txpool_status") == {"pending": "0x0", "queued": "0x0"}
        assert chain.rpc("anvil_getAutomine") is True
        chain.rpc("evm_setAutomine", [False])
        chain.rpc("eth_sendTransaction", [{"from": sender, "to": recipient, "value": "0x1"}])


def test_use_gives_the_active_chain_back_after_an_error(chains: dict[str, BoundChain]) -> None:
    with pytest.raises(ZeroDivisionError), chains["perps"].use():
        _ = 1 // 0
    assert networks.active_provider is chains["hub"].provider


def test_a_contract_refuses_to_be_used_on_another_chain(
    chains: dict[str, BoundChain], eras: dict[str, Deployed]
) -> None:
    hub, arcade = chains["hub"], chains["arcade"]
    deployer = DEVELOPER.ape
    with hub.use():
        assert eras["hub"].balanceOf(deployer) == 10**27
        transfer = eras["hub"].transfer
    with arcade.use():
        assert eras["arcade"].balanceOf(deployer) == 0
        with pytest.raises(WrongChain, match=r"belongs to hub, but arcade is active"):
            eras["hub"].balanceOf(deployer)
        with pytest.raises(WrongChain):
            transfer(RECIPIENT, 1, sender=deployer)
        assert eras["hub"].address
    with hub.use():
        transfer(RECIPIENT, 1, sender=deployer)
        assert eras["hub"].balanceOf(RECIPIENT) == 1
