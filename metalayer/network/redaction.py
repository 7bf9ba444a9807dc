"""What of a node's address may be shown: providers put passwords and keys into it."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

_HIDDEN = "…"
# Parts such as `v2`, `rpc` or `mainnet` say nothing, and hiding them would make other words unreadable.
_SHORTEST_KEY = 8


def shown_url(url: str) -> str:
    """An address without user, password, path, query and fragment: the host that answers, and its port."""
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


def without_secrets(text: str, url: str) -> str:
    """What somebody said who knows an address, and may repeat it: a node, or a library."""
    for secret in _secrets(url):
        text = text.replace(secret, _HIDDEN)
    return text


def _secrets(url: str) -> list[str]:
    """The longest first."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url]
    found = {part for part in (parts.username, parts.password) if part}
    keys = [*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query)), parts.fragment]
    found |= {key for key in keys if len(key) >= _SHORTEST_KEY}
    if parts.path.strip("/") or parts.query or found:
        found |= {url, *(rest for rest in (parts.query,) if rest)}
    found |= {unquote(secret) for secret in found}
    return sorted(found, key=len, reverse=True)
