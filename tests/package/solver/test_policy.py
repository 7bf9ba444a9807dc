"""What a solver is told in a file: read strictly, each fault one line with its place."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalayer.errors import MetalayerError
from metalayer.network.config import Network, load_network
from metalayer.solver.policy import Least, Policy, Terms, TokenId, default_policy, load_policy, units

ERA = TokenId(901, "0x" + "11" * 20)
USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"

WHOLE = f"""
finality: {{ hub: finalized, perps: 0, arcade: 12 }}
tokens:
  ERA: {{ least_profit: 1.5, most: 10_000, most_out: 50_000, most_out_on: {{ social: 100 }},
    most_out_from: {{ hub: 7 }}, ether: 2000 }}
  arcade/{USDC}: {{ least_profit: 0.05 % }}
any_token: {{ least_profit: 1 %, most: 10 }}
leave_out: {{ chains: [social], tokens: [hub/{USDC}] }}
claim_before: 2 days
least_time: 3 days
look_back: 6 hours
"""


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network()


def read(text: str, network: Network, folder: Path, *, any_token: bool = False) -> Policy:
    path = folder / "solve.yaml"
    path.write_text(text)
    return load_policy(path, network, ERA, any_token=any_token)


def test_a_whole_file(network: Network, tmp_path: Path) -> None:
    policy = read(WHOLE, network, tmp_path)
    usdc = TokenId(902, USDC)
    assert policy == Policy(
        tokens={
            ERA: Terms(
                Least(Fraction(3, 2)),
                Fraction(10_000),
                Fraction(50_000),
                {904: Fraction(100)},
                {901: Fraction(7)},
                Fraction(2_000),
            ),
            usdc: Terms(Least(parts=Fraction(5, 10_000))),
        },
        others=None,
        finality={901: "finalized", 903: 0, 902: 12},
        chains_left_out=frozenset({904}),
        tokens_left_out=frozenset({TokenId(901, USDC)}),
        claim_before=2 * 86_400,
        least_time=3 * 86_400,
        look_back=6 * 3_600,
    )


def test_without_a_file_era_alone_is_trusted() -> None:
    policy = default_policy(ERA)
    assert policy.terms(ERA) == Terms()
    assert policy.terms(TokenId(901, USDC)) is None


def test_a_file_that_names_other_tokens_trusts_era_too(network: Network, tmp_path: Path) -> None:
    policy = read(f"tokens: {{ arcade/{USDC}: {{}} }}", network, tmp_path)
    assert set(policy.tokens) == {ERA, TokenId(902, USDC)}


def test_what_is_left_out_is_left_out_though_it_is_named(network: Network, tmp_path: Path) -> None:
    assert read("leave_out: { tokens: [ERA] }", network, tmp_path).terms(ERA) is None


def test_other_tokens_have_terms_only_if_somebody_says_so(network: Network, tmp_path: Path) -> None:
    other = TokenId(903, USDC)
    assert read(WHOLE, network, tmp_path).terms(other) is None
    terms = read(WHOLE, network, tmp_path, any_token=True).terms(other)
    assert terms == Terms(Least(parts=Fraction(1, 100)), Fraction(10))
    assert read(WHOLE, network, tmp_path, any_token=True).terms(TokenId(901, USDC)) is None, "left out"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "tokens: { EAR: {} }",
            "1: tokens.EAR: expected ERA, or a token's home and its address there, such as",
        ),
        (
            f"tokens:\n  here/{USDC}: {{}}",
            f"2: tokens.here/{USDC}: no chain 'here': expected one of hub, arcade,",
        ),
        (f"tokens: {{ hub/{USDC.lower()[:-1]}B: {{}} }}", "the checksum of "),
        (
            "tokens: { ERA: { least_profit: much } }",
            "1: tokens.ERA.least_profit: expected tokens such as 1.5, or ",
        ),
        (
            "tokens: { ERA: { least_profit: 101 % } }",
            "1: tokens.ERA.least_profit: expected a number from 0 to 100,",
        ),
        ("tokens: { ERA: { most: -1 } }", "1: tokens.ERA.most: expected a number from 0 to 1,000,000"),
        (
            "tokens:\n  ERA:\n    most_out_on: { mars: 1 }",
            "3: tokens.ERA.most_out_on.mars: no chain 'mars': ",
        ),
        (
            "finality: { mars: 1 }",
            "1: finality.mars: no chain 'mars': expected one of hub, arcade, perps, social",
        ),
        (
            "finality: { hub: latest }",
            "1: finality.hub: expected `finalized`, `safe` or a number of blocks from",
        ),
        ("leave_out:\n  chains:\n    - mars", "3: leave_out.chains.0: no chain 'mars': expected one of hub,"),
        ("claim_before: 1 second", "1: claim_before: expected a duration such as `2 days`, from 1 minute to"),
        ("claim_before: 6 days", "least_time: expected at least claim_before: it would be claimed at once"),
        ("tokenz: {}", "1: tokenz: unknown name, did you mean 'tokens'?"),
    ],
)
def test_a_fault_is_one_line_with_its_place(network: Network, tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(MetalayerError) as refused:
        read(text, network, tmp_path)
    said = str(refused.value)
    assert said.startswith("solve.yaml:")
    assert fault in said
    assert "\n" not in said


@given(
    tokens=st.decimals(0, 10**12, places=9),
    parts=st.decimals(0, 1, places=9),
    amount=st.integers(1, 2**128 - 1),
)
def test_the_least_profit_is_never_rounded_down(tokens: object, parts: object, amount: int) -> None:
    least = Least(Fraction(str(tokens)), Fraction(str(parts)))
    found = least.of(amount, 6)
    assert found >= least.tokens * 10**6
    assert found >= least.parts * amount
    assert found - 1 < max(least.tokens * 10**6, least.parts * amount)


@given(wei=st.integers(0, 10**20), price=st.decimals(0, 10**9, places=6))
def test_gas_is_never_rounded_down(wei: int, price: object) -> None:
    terms = Terms(ether=Fraction(str(price)))
    cost = terms.gas_cost(wei, 6)
    exact = wei * terms.ether * 10**6 / 10**18
    assert exact <= cost < exact + 1


def test_units_are_cut_off() -> None:
    assert units(Fraction("1.2345678"), 6) == 1_234_567
