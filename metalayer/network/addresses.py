"""Addresses of nodes as networks.yaml has them: `${NAME}` in one stands for what the environment holds, such as a key.

They are filled in when a node is asked, not when the file is read: who never asks it needs no key of it.
"""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from metalayer.errors import MetalayerError

_GROUP = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)


class Address(str):
    """Of a node, with its groups. `place` is where it stands: `networks.yaml:52: chains.hub.url`."""

    place: str = ""

    @classmethod
    def at(cls, place: str, text: str) -> Address:
        address = cls(text)
        address.place = place
        return address


def variables(address: str) -> list[str]:
    """Names that an address has in groups."""
    return _GROUP.findall(address)


def with_groups_as(address: str, word: str) -> str:
    """The address with each group replaced."""
    return _GROUP.sub(lambda _: word, address)


def filled(address: str) -> str:
    """The address with the environment's values. MetalayerError, which shows none of them, if one is not set or if
    what comes out is no address.
    """
    names = variables(address)
    if not names:
        return str(address)
    where = f"{address.place}: " if isinstance(address, Address) and address.place else ""
    if missing := next((name for name in names if not os.environ.get(name)), None):
        raise MetalayerError(f"{where}the environment variable {missing} is not set")
    whole = _GROUP.sub(lambda group: os.environ[group[1]], address)
    if not is_address(whole):
        said = ", ".join(dict.fromkeys(names))
        raise MetalayerError(f"{where}with what the environment has for {said} it is no address of a node")
    return whole


def is_address(text: str) -> bool:
    """Whether a node can be asked there: http or https, a host, and nothing that is not printed."""
    try:
        url = urlsplit(text)
        return bool(url.scheme in ("http", "https") and url.hostname and url.port != 0 and text.isprintable())
    except ValueError:
        return False


def read_address(value: object) -> str:
    """An address with its groups. ValueError otherwise, which does not show it: it may hold a password or a key."""
    if isinstance(value, str):
        if "${" in _GROUP.sub("", value):
            raise ValueError(
                "expected `${NAME}` with letters, digits and `_`, for a variable of the environment"
            )
        # What begins with a group is looked at when it is filled in; a port is the only other one that must be digits.
        if _GROUP.match(value) or is_address(with_groups_as(value, "1")):
            return value
    raise ValueError("expected the address of a node, such as https://node.example:8545")


MOST = 10
"""Addresses of one chain."""


def read_addresses(value: object) -> list[str]:
    """One address, or several, of which the first comes first. ValueError otherwise."""
    if not isinstance(value, list):
        return [read_address(value)]
    if not 0 < len(value) <= MOST:
        raise ValueError(f"expected 1 to {MOST} addresses, found {len(value)}")
    found = []
    for place, entry in enumerate(value, 1):
        try:
            found.append(read_address(entry))
        except ValueError as error:
            raise ValueError(f"number {place}: {error}") from None
    if is_repeated(found):
        raise ValueError("one of them is there twice")
    return found


def is_repeated(addresses: list[str]) -> bool:
    """Whether one is there twice, written in another way perhaps."""
    return len({address.rstrip("/").lower() for address in addresses}) < len(addresses)
