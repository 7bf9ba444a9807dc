"""What logs are asked for, as data that can be cut into smaller parts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from metalayer.protocol.rpc import Request, block_tag, number


@dataclass(frozen=True)
class LogFilter:
    """A filter over the blocks `first` to `last`, both included; None for the latest one."""

    address: str
    topics: tuple[Any, ...]
    first: int
    last: int | None

    @classmethod
    def of(cls, request: Request[Any]) -> "LogFilter":
        (asked,) = request.params
        last = None if asked["toBlock"] == "latest" else number(asked["toBlock"])
        return cls(asked["address"], tuple(asked["topics"]), number(asked["fromBlock"]), last)

    @property
    def key(self) -> str:
        """Of what is asked for, whatever the blocks."""
        return json.dumps([self.address.lower(), self.topics])

    @property
    def combinations(self) -> int:
        """Of its topics."""
        return prod(_choices(topic) for topic in self.topics)

    @property
    def longest(self) -> int:
        """Most topics at one place."""
        return max((_choices(topic) for topic in self.topics), default=1)

    def parts(self, most: int) -> "list[LogFilter]":
        """The same in parts of at most so many topics at its longest place."""
        place = max(range(len(self.topics)), key=lambda i: _choices(self.topics[i]))
        before, whole, after = self.topics[:place], self.topics[place], self.topics[place + 1 :]
        chunks = (whole[i : i + most] for i in range(0, len(whole), most))
        return [replace(self, topics=(*before, chunk, *after)) for chunk in chunks]

    def has(self, log: Any) -> bool:
        """True if a log of one of its blocks is wanted. Raises one of READ_FAULTS if it is none."""
        topics = log["topics"]
        return log["address"].lower() == self.address.lower() and all(
            wanted is None
            or (i < len(topics) and topics[i] in (wanted if isinstance(wanted, list) else [wanted]))
            for i, wanted in enumerate(self.topics)
        )

    def params(self) -> dict[str, Any]:
        """As JSON-RPC wants it."""
        last = "latest" if self.last is None else block_tag(self.last)
        blocks = {"fromBlock": block_tag(self.first), "toBlock": last}
        return {"address": self.address, "topics": list(self.topics), **blocks}


def _choices(topic: str | Sequence[str] | None) -> int:
    return len(topic) if isinstance(topic, list) else 1
