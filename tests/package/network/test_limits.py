"""What providers say, and what is understood: sentences as public nodes send them."""

from __future__ import annotations

import pytest

from metalayer.network.limits import Limit, allowed, classify, of_answer


@pytest.mark.parametrize(
    ("code", "status", "message", "limit"),
    [
        (-32_602, 200, "range 1000000 exceeds limit of 10000", Limit.RANGE),
        (-32_614, 413, "eth_getLogs is limited to a 10,000 range", Limit.RANGE),
        (-32_701, 200, "exceed maximum block range: 50000", Limit.RANGE),
        (
            -32_000,
            200,
            "block range is larger than max block range, block range = 5120, max = 5000",
            Limit.RANGE,
        ),
        (-32_000, 200, "block range is too wide (maximum 1024)", Limit.RANGE),
        (-32_602, 200, "requested too many blocks from 0 to 5000000, maximum is set to 1024", Limit.RANGE),
        (
            -32_600,
            400,
            "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range. Based on "
            "your parameters, this block range should work: [0x1180fca, 0x1180fd3].",
            Limit.RANGE,
        ),
        (-32_005, 200, "query returned more than 10000 results", Limit.SIZE),
        (-32_602, 200, "query exceeds max results 20000, retry with the range 1-2", Limit.SIZE),
        (-32_000, 400, "Query timeout exceeded. Consider reducing your block range.", Limit.SIZE),
        (-32_003, 200, "response too large", Limit.SIZE),
        (0, 413, "", Limit.SIZE),
        (-32_600, 200, "batch too large", Limit.BATCH),
        (31, 200, "Batch of more than 3 requests are not allowed on free plan", Limit.BATCH),
        (-32_602, 200, "exceed max topics", Limit.TOPICS),
        (-32_005, 200, "project ID request rate exceeded", Limit.BUSY),
        (429, 200, "Your app has exceeded its compute units per second capacity", Limit.BUSY),
        (-32_016, 200, "over rate limit", Limit.BUSY),
        (-32_005, 429, "limit exceeded", Limit.BUSY),
        (0, 503, "", Limit.BUSY),
        (4_444, 200, "pruned history unavailable", Limit.GONE),
        (-32_000, 200, "missing trie node 0xabc (path )", Limit.GONE),
        (-32_000, 200, "block range extends beyond current head block", Limit.BEHIND),
        (-32_000, 200, "header not found", Limit.BEHIND),
        (-32_601, 200, "the method anvil_mine does not exist/is not available", Limit.METHOD),
        (-32_000, 200, "rpc method is not whitelisted", Limit.METHOD),
        (-32_004, 200, "The method eth_simulateV1 is not supported", Limit.METHOD),
        (-32_600, 400, "Unsupported method: eth_simulateV1 on ETH_MAINNET", Limit.METHOD),
        (-32_603, 200, "method handler crashed", None),
        (-32_005, 200, "limit exceeded", None),
        (-32_000, 200, "insufficient funds for gas * price + value", None),
        (-32_000, 200, "nonce too low", None),
    ],
)
def test_what_is_meant(code: int, status: int, message: str, limit: Limit | None) -> None:
    assert classify(code, message, status) is limit


def test_what_a_contract_says_is_not_what_its_node_says() -> None:
    """Else any contract could have a client wait."""
    for error in (
        {"code": 3, "message": "too many requests", "data": "0x"},
        {"code": -32_000, "message": "execution reverted: rate limit, try again later"},
    ):
        assert of_answer({"error": error}) is None
    assert of_answer({"error": {"code": -32_000, "message": "rate limit"}}) is Limit.BUSY
    assert of_answer({"error": "rate limit"}) is of_answer({"result": "rate limit"}) is None


@pytest.mark.parametrize(
    ("message", "asked", "found"),
    [
        ("range 1000000 exceeds limit of 10000", 1_000_000, 10_000),
        ("eth_getLogs is limited to a 10,000 range", 50_000, 10_000),
        ("up to a 2K block range", 5_000, 2_000),
        ("up to a 10 block range. This should work: [0x1180fca, 0x1180fd3]", 64, 10),
        ("range 8 exceeds limit of 8", 8, None),
        ("exceed maximum block range", 1_000, None),
        ("limit 0 of v1.25, chain901", 1_000, None),
    ],
)
def test_a_limit_with_a_number(message: str, asked: int, found: int | None) -> None:
    assert allowed(message, asked) == found
