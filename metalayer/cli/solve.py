"""A solver: `ape metalayer solve once / watch / status`."""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metalayer.cli.command import Group, print_json
from metalayer.cli.options import (
    ACCOUNT,
    SECONDS,
    Signing,
    account_option,
    gathered,
    json_option,
    yes_option,
)

if TYPE_CHECKING:
    from metalayer.network.live import Live
    from metalayer.solver.ledger import Ledger
    from metalayer.solver.passes import Solver
    from metalayer.solver.policy import Policy
    from metalayer.solver.results import SolvePass
    from metalayer.solver.words import Words

_DEFAULT_ACCOUNT = "TEST::3"


@dataclass(frozen=True)
class Solving(Signing):
    """How a solver works."""

    policy: Path | None
    any_token: bool

    def read_policy(self, live: Live) -> Policy:
        """The policy that was named, or the usual one."""
        from metalayer.solver.policy import TokenId, default_policy, load_policy

        era = TokenId(live.network.hub.chain_id, live.registry.address("ERA"))
        if self.policy is None:
            return default_policy(era, any_token=self.any_token)
        return load_policy(self.policy, live.network, era, any_token=self.any_token)

    @contextmanager
    def open(self, live: Live) -> Iterator[Solver]:
        """The solver, after the question: the only one of its account that works in this folder."""
        from metalayer.network.locks import exclusive
        from metalayer.network.signers import load_sender
        from metalayer.relayer.memory import Memory
        from metalayer.solver.passes import Solver

        policy = self.read_policy(live)
        trusted = "EVERY token, whoever made it," if self.any_token else _named(live, policy)
        question = f"Front transfers of {trusted} on network '{live.network.name}' with {self.account}?"
        self.confirm(live.network, question)
        sender, folder = load_sender(self.account), live.folder()
        lock = folder / f"solver-{sender.address.lower()}.lock"
        with exclusive(lock, f"a solver with {sender.address} is running already"):
            if self.any_token:
                click.echo("warning: every token is fronted, whoever made it (--any)", err=True)
            for name in _without_price(live, policy):
                click.echo(f"warning: gas does not count for {name}: its policy names no `ether`", err=True)
            memory = Memory.open(folder / "solver.sqlite", whose="solver")
            yield Solver(live.mesh, live.registry.address("TokenBridge"), sender, policy, memory)


_solving = gathered(
    "solving",
    Solving,
    account_option(_DEFAULT_ACCOUNT, "Account that pays recipients, and gets what arrives."),
    click.option(
        "--policy",
        type=click.Path(dir_okay=False, path_type=Path),
        help="YAML file with tokens, capital, profit and finality: docs/bridging.md. Without it, ERA alone.",
    ),
    click.option("--any", "any_token", is_flag=True, help="Front tokens that the policy does not name, too."),
    yes_option,
)


@click.group(cls=Group)
def cli() -> None:
    """Pay recipients before their transfers arrive, get what arrives, keep the tip."""
    logging.basicConfig(format="%(levelname)s: %(message)s")


@cli.command()
@_solving
@json_option
def once(solving: Solving, as_json: bool) -> None:
    """One pass: front what pays now, claim what is due, say why everything else is left.

    Exit status 1 if something could not be read or done.
    """
    from metalayer.solver.passes import reasons
    from metalayer.solver.words import Words

    live = _live()
    words = Words(live)
    with solving.open(live) as solver:
        result = solver.solve_once()
    left = [*result.put_off, *reasons(result)]
    if as_json:
        print_json(
            {
                "fronted": [words.paid_dict(one) for one in result.fronts],
                "claimed": [words.claimed_dict(one) for one in result.claims],
                "out": len(solver.book.out) + len(result.fronts),
                "left": left,
                "problems": result.all_problems,
            }
        )
    else:
        for line in _lines(words, result):
            click.echo(line)
        for line in (*left, *result.all_problems):
            click.echo(line, err=True)
        if not result.fronts and not result.claims:
            click.echo("nothing to front")
    if result.all_problems:
        raise click.exceptions.Exit(1)


@cli.command()
@_solving
@click.option("--every", type=SECONDS, default=0.5, show_default=True, help="Seconds between two passes.")
@json_option
def watch(solving: Solving, every: float, as_json: bool) -> None:
    """Pass after pass until SIGTERM or Ctrl-C. Killed at any time, the next one goes on where it stopped.

    A line for each front, claim and end, or, with --json, an object; at the end what all fronts of the account brought.
    """
    from metalayer.solver.ledger import read_ledger
    from metalayer.solver.passes import watch as run
    from metalayer.solver.words import Words

    live = _live()
    words = Words(live)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def report(result: SolvePass) -> None:
        if not as_json:
            for line in _lines(words, result):
                click.echo(line)
            return
        for entry in (
            *map(words.paid_dict, result.fronts),
            *map(words.claimed_dict, result.claims),
            *map(words.front_dict, result.ended),
        ):
            click.echo(json.dumps(entry, sort_keys=True))

    with solving.open(live) as solver:
        click.echo(f"solving for {solver.sender.address} on {', '.join(live.mesh.connections)}", err=True)
        run(solver, stop, every, report, partial(click.echo, err=True))
        ledger = read_ledger(live.mesh, solver.bridge, solver.sender.address)
    if as_json:
        click.echo(json.dumps({"event": "summary", **words.ledger_dict(ledger)}, sort_keys=True))
    else:
        _show(words, ledger)


@cli.command()
@click.option(
    "--account",
    type=ACCOUNT,
    default=_DEFAULT_ACCOUNT,
    show_default=True,
    help="Whose fronts: a name or an address.",
)
@json_option
def status(account: str, as_json: bool) -> None:
    """What an account paid, what came back, what is out, what it gained and spent: from the chains alone.

    Exit status 1 if a chain does not answer: its fronts are not counted then.
    """
    from metalayer.network.signers import address_of
    from metalayer.solver.ledger import read_ledger
    from metalayer.solver.words import Words

    live = _live()
    words = Words(live)
    ledger = read_ledger(live.mesh, live.registry.address("TokenBridge"), address_of(account))
    if as_json:
        print_json(words.ledger_dict(ledger))
    else:
        _show(words, ledger)
    if ledger.problems:
        raise click.exceptions.Exit(1)


def _live() -> Live:
    from metalayer.network.live import Live
    from metalayer.network.nodes import PATIENCE

    return Live.open(PATIENCE, forgiving=True, passing=True)


def _lines(words: Words, result: SolvePass) -> Iterator[str]:
    yield from map(words.paid_line, result.fronts)
    yield from map(words.claimed_line, result.claims)
    yield from map(words.ended_line, result.ended)


def _show(words: Words, ledger: Ledger) -> None:
    from metalayer.cli.display import console, table
    from metalayer.protocol.amounts import era
    from metalayer.protocol.dates import utc
    from metalayer.protocol.hex import short

    if not ledger.tokens:
        click.echo("nothing was fronted")
    else:
        columns = ("home", "#fronts", "#paid", "#came back", "#out", "#lost", "#gained")
        rows: list[tuple[Any, ...]] = [
            (
                words.chain(one.token.chain),
                str(one.fronts),
                *(words.amount(one.token, n) for n in (one.paid, one.back, one.out, one.lost, one.gain)),
            )
            for one in ledger.tokens
        ]
        console().print(table("Fronted", columns, rows))
        spent = [
            (one.chain, str(one.fronts), str(one.claims), f"{one.gas:,}", era(one.wei))
            for one in ledger.spent
        ]
        console().print(table("Spent", ("chain", "#fronts", "#claims", "#gas", "#ether"), spent))
    if ledger.book.out:
        rows = [
            (
                short(one.front.id),
                f"{words.chain(one.front.start)} → {words.chain(one.end)}",
                words.amount(one.token, one.paid),
                utc(one.front.deadline),
                "yes" if one.claimed else "sent" if one.claims else "no",
            )
            for one in ledger.book.out
        ]
        console().print(table("Out", ("transfer", "lane", "#paid", "deadline", "claimed"), rows))
    for problem in ledger.problems:
        click.echo(problem, err=True)


def _named(live: Live, policy: Policy) -> str:
    """Its tokens as people call them."""
    era = live.registry.address("ERA")
    names = [
        "ERA" if token.address == era and token.chain == live.network.hub.chain_id else _place(live, *token)
        for token in policy.tokens
        if token not in policy.tokens_left_out
    ]
    return ", ".join(names) or "no token"


def _without_price(live: Live, policy: Policy) -> Iterator[str]:
    for token, terms in policy.tokens.items():
        if not terms.ether and token not in policy.tokens_left_out and not live.network.is_local:
            yield _place(live, *token)


def _place(live: Live, chain_id: int, address: str) -> str:
    return f"{live.network.chain(chain_id).name}/{address}"
