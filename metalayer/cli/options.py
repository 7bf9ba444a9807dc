"""Types of options and arguments, options that several commands share, and the one question before they send.

The types read what was typed by the rules of the files: see `metalayer.network.values`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from metalayer.errors import MetalayerError
from metalayer.network import values
from metalayer.network.gas import MAX_TRANSACTION_GAS

if TYPE_CHECKING:
    from metalayer.network.config import Network
    from metalayer.network.connection import Connection
    from metalayer.network.transactions import Sender

_F = TypeVar("_F", bound=Callable[..., Any])
Option = Callable[[_F], _F]

# Of an amount: digits, the point, and decimals.
_MOST_AMOUNT = 40
# A symbol of 32 bytes, and the name of a chain.
_MOST_TOKEN = 80
# A tip is in billionths: so many decimals of a percentage.
_PERCENT_DECIMALS = 7


class Parsed(click.ParamType):
    """What a function makes of a text. Its ValueErrors and MetalayerErrors are usage errors."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self.read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        # Defaults are values already.
        if not isinstance(value, str):
            return value
        try:
            return self.read(value)
        except (ValueError, MetalayerError) as error:
            self.fail(str(error), param, ctx)


def whole(lowest: int, highest: int) -> Parsed:
    """A whole number in a range, both ends included."""
    return Parsed("number", lambda text: values.read_whole(values.Plain(text), lowest, highest))


def decimal(lowest: float, highest: float) -> Parsed:
    """A decimal number in a range, both ends included."""
    return Parsed("number", lambda text: values.read_decimal(values.Plain(text), lowest, highest))


def _amount(text: str) -> int:
    from metalayer.protocol.amounts import HUB_SUPPLY, era, parse_era

    if len(text) > _MOST_AMOUNT:
        raise ValueError(f"expected an amount of ERA such as 1.5, found {values.found(text)}")
    amount = parse_era(text)
    if amount > HUB_SUPPLY:
        raise ValueError(f"{era(amount)} ERA are more than there are, {era(HUB_SUPPLY)}")
    return amount


def _decimal_amount(text: str) -> str:
    from metalayer.protocol.amounts import parse

    if len(text) > _MOST_AMOUNT:
        raise ValueError(f"expected an amount such as 1.5, found {values.found(text)}")
    # Of a token with any number of decimals: how many it has is known when the token is.
    parse(text, len(text), "a token")
    return text


def _token(text: str) -> str:
    if values.looks_like_address(text):
        return values.read_address(text)
    if not 0 < len(text) <= _MOST_TOKEN or not text.isprintable():
        raise ValueError(f"expected ERA, ETH, an address or a symbol, found {values.found(text)}")
    return text


def _percent(text: str) -> int:
    from metalayer.protocol.amounts import parse, shown

    parts = parse(text, _PERCENT_DECIMALS, "percent") if len(text) <= _MOST_AMOUNT else 0
    if not 0 < parts <= 10 ** (_PERCENT_DECIMALS + 2):
        raise ValueError(f"expected a percentage up to {shown(100, 0)}, found {values.found(text)}")
    return parts


def _lifetime(text: str) -> int:
    from metalayer.protocol.dates import HOUR, span
    from metalayer.protocol.transfers import MAX_LIFETIME, MIN_LIFETIME

    # Counted from the last block: in the next one, the shortest would be too short.
    lowest = MIN_LIFETIME + HOUR
    seconds = values.read_brief(text, MAX_LIFETIME)
    if seconds < lowest:
        raise ValueError(
            f"expected a duration from {span(lowest)} to {span(MAX_LIFETIME)}, found {values.found(text)}"
        )
    return seconds


def _calldata(text: str) -> bytes:
    from metalayer.protocol.transfers import MAX_DATA_LENGTH
    from metalayer.tracking.messages import parse_payload

    try:
        digits = text if text.startswith("0x") else Path(text).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"expected 0x and hexadecimal digits, or a file that holds them: {error}") from error
    data = parse_payload(digits)
    if not 0 < len(data) <= MAX_DATA_LENGTH:
        raise ValueError(f"expected 1 to {MAX_DATA_LENGTH} bytes, found {len(data)}")
    return data


def _chain(text: str) -> str:
    from metalayer.network.config import load_network

    return load_network().chain(text).name


def _message_id(text: str) -> bytes:
    from metalayer.tracking.messages import parse_id

    return parse_id(text)


def _payload(text: str) -> bytes:
    from metalayer.tracking.messages import parse_payload

    return parse_payload(text)


def _text(text: str) -> bytes:
    from metalayer.tracking.messages import checked_payload

    return checked_payload(text.encode())


class _Chain(Parsed):
    """A chain of networks.yaml by name or id, passed on as its name. What is wrong in the file is no usage error."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from metalayer.network.config import load_network

        load_network()
        return super().convert(value, param, ctx)


def _node(text: str) -> tuple[str, str]:
    from metalayer.network.addresses import read_address

    chain, equals, address = text.partition("=")
    if not equals:
        raise ValueError("expected a chain, `=` and the address of a node")
    return chain, read_address(address)


ADDRESS = Parsed("address", values.read_address)
ACCOUNT = Parsed("account", values.read_account)
"""A name that Ape knows, `TEST::n` or an address, as it was typed."""
AMOUNT = Parsed("amount", _amount)
"""Of ERA, passed on in wei."""
TOKEN = Parsed("token", _token)
"""As it was typed: which one it is depends on the chain."""
TOKEN_AMOUNT = Parsed("amount", _decimal_amount)
"""Of any token, as it was typed: its decimals are known when the token is."""
PERCENT = Parsed("percent", _percent)
"""Above zero, up to 100, passed on in billionths of the whole."""
CALLDATA = Parsed("hex", _calldata)
"""In hexadecimal, or a file that holds that."""
CHAIN = _Chain("chain", _chain)
GAS_LIMIT = whole(0, MAX_TRANSACTION_GAS)
NAME = Parsed("name", values.read_name)
"""Of a file or a folder, or what stands for it: as it was typed."""
NODE = Parsed("node", _node)
"""Chain and address of a node: `hub=https://node.example`."""
NONCE = whole(1, (1 << 64) - 1)
SECONDS = decimal(0, 10_000_000)
MOMENT = Parsed("time", values.read_future)
"""Unix seconds to come, or an ISO date."""
DURATION = Parsed("duration", lambda text: values.read_brief(text, 366 * 86_400))
"""Such as 14d, passed on in seconds."""
LIFETIME = Parsed("duration", _lifetime)
"""Of a transfer, such as 2d, passed on in seconds."""
PROPOSAL = Parsed("proposal", values.read_name)
"""Number or name of its folder, or the id that it has on chain, as it was typed."""
MESSAGE_ID = Parsed("id", _message_id)
PAYLOAD = Parsed("hex", _payload)
TEXT = Parsed("text", _text)
"""Passed on as bytes."""

yes_option: Option[Any] = click.option(
    "--yes", is_flag=True, help="Do not ask, on networks that are not local."
)
json_option: Option[Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""Every read command has it; passed on as `as_json`."""
exchange_option: Option[Any] = click.option(
    "--exchange",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory shared by validators and relayers.",
)
gas_limit_option: Option[Any] = click.option(
    "--gas-limit", type=GAS_LIMIT, help="Gas for the recipient; the route's default if left out."
)
deposit_option: Option[Any] = click.option(
    "--deposit/--no-deposit",
    default=True,
    show_default=True,
    help="Put what is missing for the fee into the credit first.",
)


def account_option(default: str, help: str) -> Option[Any]:
    """`--account`, with the test account that signs if none is given."""
    return click.option("--account", type=ACCOUNT, default=default, show_default=True, help=help)


def timeout_option(default: float, help: str) -> Option[Any]:
    """`--timeout`, in seconds."""
    return click.option("--timeout", type=SECONDS, default=default, show_default=True, help=help)


def gathered(name: str, kind: type, *options: Option[Any]) -> Option[Any]:
    """These options, passed on as one dataclass: its fields have the names of the options."""
    names = [field.name for field in fields(kind)]

    def decorate(function: _F) -> _F:
        @wraps(function)
        def gather(*args: Any, **kwargs: Any) -> Any:
            values = {each: kwargs.pop(each) for each in names}
            return function(*args, **kwargs, **{name: kind(**values)})

        result: Any = gather
        for option in reversed(options):
            result = option(result)
        return result  # type: ignore[no-any-return]

    return decorate


@dataclass(frozen=True)
class Signing:
    """Which account signs, and whether its command asks first."""

    account: str
    yes: bool

    def confirm(self, network: Network, question: str) -> None:
        """As the function below."""
        confirm(network, self.yes, question)

    def sender_on(self, connection: Connection) -> Sender:
        """The account, unlocked. MetalayerError if something that it sent on that chain is not mined yet: whoever runs
        a command again after it was interrupted might do it twice.
        """
        from metalayer.network.signers import load_sender

        sender = load_sender(self.account)
        connection.refuse_while_pending(sender)
        return sender


@dataclass(frozen=True)
class Paying(Signing):
    """And whether what is missing for the fee is deposited first."""

    deposit: bool


def signing_options(default: str, help: str) -> Option[Any]:
    """`--account` and `--yes`, passed on as `signing`."""
    return gathered("signing", Signing, account_option(default, help), yes_option)


def acting_options(kind: type, default: str | None, help: str) -> Option[Any]:
    """`--account`, `--yes` and `--json`, passed on as `acting`, which is a `kind` of Signing. default: the test account
    that signs; None if one has to be named.
    """
    account = click.option(
        "--account",
        type=ACCOUNT,
        default=default,
        required=default is None,
        show_default=default is not None,
        help=help,
    )
    return gathered("acting", kind, account, yes_option, json_option)


def paying_options(default: str, help: str) -> Option[Any]:
    """`--account`, `--deposit` and `--yes`, passed on as `paying`."""
    return gathered("paying", Paying, account_option(default, help), deposit_option, yes_option)


def confirm(network: Network, yes: bool, question: str) -> None:
    """Asks unless every chain is a local one or `--yes` was given. Any answer but yes ends the command."""
    if not network.is_local and not yes:
        click.confirm(question, abort=True, err=True)
