"""Options that several commands share, and the one question that they ask before they send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from metalayer.network.config import Network
    from metalayer.network.connection import Connection
    from metalayer.network.transactions import Sender

_F = TypeVar("_F", bound=Callable[..., Any])
Option = Callable[[_F], _F]

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
    "--gas-limit", type=click.IntRange(min=0), help="Gas for the recipient; the route's default if left out."
)
deposit_option: Option[Any] = click.option(
    "--deposit/--no-deposit",
    default=True,
    show_default=True,
    help="Put what is missing for the fee into the credit first.",
)


def account_option(default: str, help: str) -> Option[Any]:
    """`--account`, with the test account that signs if none is given."""
    return click.option("--account", default=default, show_default=True, help=help)


def timeout_option(default: float, help: str) -> Option[Any]:
    """`--timeout`, in seconds."""
    return click.option(
        "--timeout", type=click.FloatRange(min=0), default=default, show_default=True, help=help
    )


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


def paying_options(default: str, help: str) -> Option[Any]:
    """`--account`, `--deposit` and `--yes`, passed on as `paying`."""
    return gathered("paying", Paying, account_option(default, help), deposit_option, yes_option)


def confirm(network: Network, yes: bool, question: str) -> None:
    """Asks unless every chain is a local one or `--yes` was given. Any answer but yes ends the command."""
    if not network.is_local and not yes:
        click.confirm(question, abort=True, err=True)
