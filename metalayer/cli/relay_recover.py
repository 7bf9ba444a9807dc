"""`ape metalayer relay recover`: a chain whose validator set has expired gets one again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import ACCOUNT, CHAIN, Signing, exchange_option, json_option, yes_option

if TYPE_CHECKING:
    from metalayer.attesting.recovery import Remedy
    from metalayer.network.live import Live
    from metalayer.network.transactions import Receipt


@click.command(cls=Command)
@click.argument("chain", type=CHAIN, required=False)
@exchange_option
@click.option("--account", type=ACCOUNT, help="Who does what can be done now; without it nothing is sent.")
@yes_option
@json_option
def recover(chain: str | None, exchange: Path | None, account: str | None, yes: bool, as_json: bool) -> None:
    """What brings a chain another validator set after its own has expired, by whom and from when on; and does it.

    A set that the expired one signed is brought in: by anyone for 7 days, later by the recovery. Otherwise the recovery
    announces the newest set of Staking, from 14 days after the expiry on, and 7 days later anyone installs it. All
    chains but the hub, which never needs it, or CHAIN alone. What is done already is not done again.

    Exit status 1 if a chain does not answer, if the account may not do what can be done, or if something is announced
    that Staking never published. See docs/incidents.md.

    \b
      ape metalayer relay recover
      ape metalayer relay recover social --account recovery
    """
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.attesting.recovery import read
    from metalayer.errors import MetalayerError
    from metalayer.network.live import Live

    live = Live.open(forgiving=True)
    names = [chain] if chain else [name for name in live.mesh.connections if name != live.network.hub.name]
    for name in names:
        live.connection(name)
    shared, problems, shown = DirectoryExchange.of(live, exchange), list[str](), list[dict[str, Any]]()
    for found in read(live.mesh, shared, names):
        if isinstance(found, str):
            problems.append(found)
            continue
        problems += [found.alarm] if found.alarm else []
        line, receipt = found.line, None
        if account and found.is_due:
            try:
                receipt = _do(live, found, Signing(account, yes))
                line = f"{found.done}: {receipt['transactionHash']}"
            except MetalayerError as error:
                problems.append(str(error))
                line = ""
        shown.append(_as_dict(found, receipt))
        if line and not as_json:
            click.echo(line)
    if as_json:
        print_json({"chains": shown, "problems": problems})
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise click.exceptions.Exit(1)


def _do(live: Live, found: Remedy, signing: Signing) -> Receipt:
    from metalayer.errors import MetalayerError
    from metalayer.network.signers import address_of

    connection, address = found.sets.connection, address_of(signing.account)
    if found.who not in ("", address):
        raise MetalayerError(f"{found.line}, not {address}")
    signing.confirm(live.network, f"{found.question} with {signing.account}?")
    return connection.send(signing.sender_on(connection), live.mesh.gateway, found.data)


def _as_dict(found: Remedy, receipt: Receipt | None) -> dict[str, Any]:
    from metalayer.protocol.hex import to_hex

    announced = found.announced
    return {
        "chain": found.sets.name,
        "version": found.sets.installed.version,
        "expires": found.sets.installed.expires,
        "expired": found.has_expired,
        "recovery": found.recovery,
        "announced": to_hex(announced.set_hash) if any(announced.set_hash) else None,
        "installable_from": announced.installable_from or None,
        "act": found.act.value,
        "set": found.following.version if found.following else None,
        "by": found.who or None,
        "since": found.since or None,
        "due": found.is_due,
        "line": found.line,
        "transaction": receipt["transactionHash"] if receipt else None,
        "gas": receipt["gasUsed"] if receipt else None,
    }
