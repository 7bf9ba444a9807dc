"""Our gas beside the peers', from benchmarks/gas.json."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tools.repository import repo_root

# Our figure, and what of Hyperlane's and of OpenZeppelin's does the same. A quorum of 4 of 5 beside one of 3 of 5: a
# peer's cheapest way that five validators can secure.
_ALIKE: dict[str, tuple[str, str]] = {
    "send_32": ("dispatch_32", ""),
    "send_256": ("dispatch_256", ""),
    "send_2048": ("dispatch_2048", ""),
    "deliver_1": ("process_message_id_3_of_5", ""),
    "deliver_1_6_of_8": ("process_message_id_5_of_8", ""),
    "deliver_10_each": ("process_message_id_3_of_5", ""),
    "deliver_100_each": ("process_message_id_3_of_5", ""),
    "lock_send": ("warp_collateral_send", ""),
    "burn_send": ("warp_burn_send", "send"),
    "mint_1": ("warp_mint", "receive"),
    "mint_10_each": ("warp_mint", "receive"),
    "release": ("warp_release", ""),
}

# What of Symbiotic's and of Synthetix's does the same: its slashes with a veto, whose two steps ours are alike. What is
# taken out of StakingRewards is there at once.
_STAKED_ALIKE: dict[str, tuple[str, str]] = {
    "accuse": ("slash_request", ""),
    "claim": ("", "get_reward"),
    "delegate_first": ("deposit_first", "stake_first"),
    "delegate_more": ("deposit_more", "stake_more"),
    "settle_1": ("slash_execute", ""),
    "settle_1000": ("slash_execute", ""),
    "undelegate_first": ("withdraw_first", ""),
    "undelegate_merged": ("withdraw_later", ""),
    "withdraw": ("claim", "withdraw"),
}

# The same of a token that is no ERA.
_BRIDGE_ALIKE: dict[str, tuple[str, str]] = {
    "burn_send": ("warp_burn_send", "send"),
    "burn_send_limited": ("warp_burn_send", "send"),
    "lock_send": ("warp_collateral_send", ""),
    "lock_send_limited": ("warp_collateral_send", ""),
    "mint_1": ("warp_mint", "receive"),
    "mint_1_limited": ("warp_mint", "receive"),
    "mint_10_each": ("warp_mint", "receive"),
    "mint_second_hop": ("warp_mint", "receive"),
    "release": ("warp_release", ""),
    "release_limited": ("warp_release", ""),
}

_BRIDGE_TABLE = re.compile(r"^\| bridge \|.*\n(?:\|.*\n)+", re.MULTILINE)
_STAKING_TABLE = re.compile(r"^\| staking \|.*\n(?:\|.*\n)+", re.MULTILINE)
_GOVERNANCE_TABLE = re.compile(r"^\| governance \|.*\n(?:\|.*\n)+", re.MULTILINE)

WORSE = 0.03
"""By which share a figure may grow before it counts as worse."""


def committed() -> dict[str, Any]:
    """benchmarks/gas.json: sections `bridge`, `code_size`, `gas`, `governance`, `peers`, `staking`."""
    text = (repo_root() / "benchmarks" / "gas.json").read_text(encoding="utf-8")
    figures: dict[str, Any] = json.loads(text)
    return figures


def rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """(figure, ours, Hyperlane bare, in production, OpenZeppelin), empty where nothing is alike."""
    yield from _beside(figures, "gas", _ALIKE)


def bridge_rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The same of the bridge."""
    yield from _beside(figures, "bridge", _BRIDGE_ALIKE)


def bridge_table(figures: Mapping[str, Any]) -> str:
    """The same in Markdown."""
    peers = figures["peers"]
    hyperlane = f"Hyperlane {peers['hyperlane']['version']} bare"
    columns = ["bridge", "ours", hyperlane, "in production", "OpenZeppelin's ERC20Crosschain"]
    return _markdown(columns, bridge_rows(figures))


def _beside(
    figures: Mapping[str, Any], section: str, alike: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[str, ...]]:
    hyperlane, openzeppelin = figures["peers"]["hyperlane"], figures["peers"]["openzeppelin"]["gas"]
    for name, gas in figures[section].items():
        like, other = alike.get(name, ("", ""))
        peers = (hyperlane["bare"].get(like), hyperlane["production"].get(like), openzeppelin.get(other))
        yield name, f"{gas:,}", *("" if peer is None else f"{peer:,}" for peer in peers)


def staking_rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """(figure, ours, Symbiotic with a plain token, with one that has votes, Synthetix likewise), empty where nothing is
    alike.
    """
    for name, gas in figures["staking"].items():
        alike = zip(("symbiotic", "synthetix"), _STAKED_ALIKE.get(name, ("", "")), strict=True)
        peers = [
            figures["peers"][peer][token].get(like) for peer, like in alike for token in ("plain", "votes")
        ]
        yield name, f"{gas:,}", *("" if peer is None else f"{peer:,}" for peer in peers)


def staking_table(figures: Mapping[str, Any]) -> str:
    """The same in Markdown."""
    peers = figures["peers"]
    symbiotic, synthetix = (
        f"{name.capitalize()} {peers[name]['version']}" for name in ("symbiotic", "synthetix")
    )
    columns = ["staking", "ours", f"{symbiotic}, plain", "votes", f"{synthetix}, plain", "votes"]
    return _markdown(columns, staking_rows(figures))


def governance_rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """(figure, ours, that of OpenZeppelin's governor), empty where nothing is alike."""
    wizard = figures["peers"]["openzeppelin"]["governance"]
    for name, gas in figures["governance"].items():
        yield name, f"{gas:,}", f"{wizard[name]:,}" if name in wizard else ""


def governance_table(figures: Mapping[str, Any]) -> str:
    """The same in Markdown."""
    peer = f"OpenZeppelin's governor {figures['peers']['openzeppelin']['version']}"
    return _markdown(["governance", "ours", peer], governance_rows(figures))


def with_tables(text: str, figures: Mapping[str, Any]) -> str:
    """A document with its tables of bridge, staking and governance as the figures have them."""
    text = _BRIDGE_TABLE.sub(lambda _: bridge_table(figures), text)
    text = _STAKING_TABLE.sub(lambda _: staking_table(figures), text)
    return _GOVERNANCE_TABLE.sub(lambda _: governance_table(figures), text)


def _markdown(columns: list[str], rows: Iterator[tuple[str, ...]]) -> str:
    rules = ["---"] + ["--:"] * (len(columns) - 1)
    named = ((f"`{name}`", *gas) for name, *gas in rows)
    return "".join(f"| {' | '.join(row)} |\n" for row in (columns, rules, *named))


def peer_of(name: str) -> dict[str, int] | None:
    """Hyperlane's figures, `bare` and `production`, for what is like one of ours; None if nothing is."""
    like = _ALIKE.get(name, ("", ""))[0]
    hyperlane = committed()["peers"]["hyperlane"]
    return {shape: hyperlane[shape][like] for shape in ("bare", "production")} if like else None


def worse(found: Mapping[str, int], before: Mapping[str, int]) -> list[str]:
    """One line for each figure that grew by more than `WORSE`, or is not there any more."""
    missing = [f"{name} is not measured any more" for name in before if name not in found]
    grown = [
        f"{name}: {found[name]:,} gas, {found[name] / gas - 1:+.1%} against the committed {gas:,}"
        for name, gas in before.items()
        if name in found and found[name] > gas * (1 + WORSE)
    ]
    return missing + grown
