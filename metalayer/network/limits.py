"""What nodes say when they will not do so much: every provider in its own words, read in one place."""

import re
from enum import Enum
from typing import Any

_MAX_READ = 1_000
_NUMBER = re.compile(r"(?<![\w.])(\d[\d,_]*)\s?([kK]?)\b")


class Limit(Enum):
    """What a refusal is about."""

    BATCH = "fewer requests in a batch"
    TOPICS = "fewer topics"
    RANGE = "fewer blocks"
    SIZE = "a smaller answer"
    BUSY = "fewer requests per second"
    BEHIND = "a block that the node does not have yet"
    GONE = "history or state that the node does not keep"
    METHOD = "a method that the node does not have"


# Of geth: the contract's own words follow.
_REVERTED = 3
_CODES = {4_444: Limit.GONE, -32_601: Limit.METHOD, 429: Limit.BUSY}
_STATUSES = {413: Limit.SIZE, 429: Limit.BUSY, 503: Limit.BUSY}
# The first that fits. A rate limit may be said with the code of any other limit (-32005), and a limit of blocks with
# the words "limit", "exceeded" and "results" in it.
_WORDS = [
    (limit, re.compile(words, re.IGNORECASE))
    for limit, words in (
        (Limit.BATCH, r"batch"),
        (Limit.TOPICS, r"topics|too many param"),
        (
            Limit.GONE,
            r"pruned|missing trie node|archive|histor\w+ .*(un|not )available|not available .*histor",
        ),
        (
            Limit.BEHIND,
            r"(beyond|above|after|greater than) .*(head|latest|current)|header not found|unknown block",
        ),
        (
            Limit.BUSY,
            r"\brate\b|rate.?limit|too many request|compute units|per second|capacity|throughput|try again later|"
            r"quota|daily",
        ),
        (
            Limit.SIZE,
            r"more than [\d,]+ (results|logs)|max(imum)? (results|logs)|too many (results|logs)|response|"
            r"result \w*\s?(size|set)|time(d )?.?out|too large$",
        ),
        (Limit.RANGE, r"\brange|too many blocks|max\w* .*blocks|blocks? .*(limit|wide|large|distance)"),
        (
            Limit.METHOD,
            r"method\b.{0,80}\b(not (found|available|supported|allowed|whitelisted)|does not exist|unsupported)|"
            r"unsupported method",
        ),
    )
]


def classify(code: int, message: str, status: int = 200) -> Limit | None:
    """What a refusal is about; None if it is about nothing known, such as a revert or wrong parameters."""
    if code in _CODES:
        return _CODES[code]
    said = message[:_MAX_READ]
    for limit, words in _WORDS:
        if words.search(said):
            return limit
    return _STATUSES.get(status)


def of_answer(answer: Any, status: int = 200) -> Limit | None:
    """The same for a whole JSON-RPC answer; None if it is no error, or what a contract said: anybody can write that."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return _STATUSES.get(status)
    code, message = error.get("code"), error.get("message")
    code, message = code if isinstance(code, int) else 0, message if isinstance(message, str) else ""
    if code == _REVERTED or "revert" in message.lower():
        return None
    return classify(code, message, status)


def allowed(message: str, asked: int) -> int | None:
    """The limit that a refusal names: its largest number below what was asked for. None if there is none."""
    found = (
        int(digits.replace(",", "").replace("_", "")) * (1_000 if thousands else 1)
        for digits, thousands in _NUMBER.findall(message[:_MAX_READ])
    )
    return max((number for number in found if 0 < number < asked), default=None)
