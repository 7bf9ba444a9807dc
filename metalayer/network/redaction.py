"""What of a node's address may be shown: providers put passwords and keys into it."""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl, unquote, urlsplit

from metalayer.errors import MetalayerError
from metalayer.network.addresses import filled, variables

_HIDDEN = "…"
# Parts such as `v2`, `rpc` or `mainnet` say nothing, and hiding them would make other words unreadable.
_SHORTEST_KEY = 8
_SHORTEST_VALUE = 4
# Scheme, host and port, and the rest of an address with names of variables in it, which `urlsplit` does not know.
_WRITTEN = re.compile(r"(https?://)?(?:[^/?#]*@)?((?:\$\{[A-Za-z0-9_]+\}|[^/?#$])*)(.*)", re.DOTALL)


def shown_url(url: str) -> str:
    """An address without user, password, path, query and fragment: the host that answers, and its port.

    Where the environment has a part, its name is shown, never its value.
    """
    if variables(url):
        scheme, authority, rest = _WRITTEN.fullmatch(url).groups("")  # type: ignore[union-attr]
        return f"{scheme}{authority}/{_HIDDEN}" if rest.strip("/") else f"{scheme}{authority}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return _HIDDEN
    if not host:
        return _HIDDEN
    host = f"[{host}]" if ":" in host else host
    rest = f"/{_HIDDEN}" if parts.path.strip("/") or parts.query or parts.fragment else ""
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{rest}"


def credentials(url: str) -> str | None:
    """`user:password` of an address that has them."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.username is None:
        return None
    return f"{unquote(parts.username)}:{unquote(parts.password or '')}"


def without_secrets(text: str, *addresses: str) -> str:
    """What somebody said who knows addresses, and may repeat them: a node, or a library."""
    for address in addresses:
        for secret in _secrets(address):
            text = text.replace(secret, _HIDDEN)
    return text


def _secrets(address: str) -> list[str]:
    """The longest first."""
    values = {os.environ.get(name, "") for name in variables(address)}
    try:
        url = filled(address)
        parts = urlsplit(url)
    except MetalayerError:
        return []
    except ValueError:
        return [address]
    found = {part for part in (parts.username, parts.password) if part}
    keys = [*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query)), parts.fragment]
    found |= {key for key in keys if len(key) >= _SHORTEST_KEY}
    if parts.path.strip("/") or parts.query or found:
        found |= {url, *(rest for rest in (parts.query,) if rest)}
    found |= {value for value in values if len(value) >= _SHORTEST_VALUE}
    found |= {unquote(secret) for secret in found}
    return sorted(found, key=len, reverse=True)
