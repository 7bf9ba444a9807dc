"""What is known of tokens: `ape metalayer tokens [TOKEN]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import TOKEN, json_option

if TYPE_CHECKING:
    from metalayer.assets.ledgers import TokenBooks
    from metalayer.assets.limits import End
    from metalayer.assets.tokens import Home
    from metalayer.network.live import Live


@click.command(cls=Command)
@click.argument("token", type=TOKEN, required=False)
@click.option(
    "--check",
    "check_it",
    is_flag=True,
    help="Read every message, too: what is outstanding and not there must be under way. Exit status 1 if it is not.",
)
@json_option
def cli(token: str | None, check_it: bool, as_json: bool) -> None:
    """Every token that was ever meant to move: where it is from, what is locked there, and where that is now.

    TOKEN (ERA, ETH@CHAIN, an address, a symbol, or SYMBOL@HOME) shows one alone, with its addresses, its limits and
    what of them is free. A token is what it is by its home and its address there: anybody can give it any name.
    """
    from metalayer.assets.books import read_under_way
    from metalayer.assets.ledgers import read_tokens
    from metalayer.assets.tokens import chosen
    from metalayer.network.live import Live

    live = Live.open()
    books = read_tokens(live, read_under_way(live) if check_it else None)
    if token is not None:
        one = chosen(live, [each.token for each in books], token, "in this network")
        books = [each for each in books if each.token == one]
    checks = [check for each in books for check in each.checks()] if check_it else []
    ends = {each.token.home: _ends(live, each) for each in books} if token is not None else {}
    if as_json:
        shown = [
            {**each.as_dict(), "ends": [end.as_dict() for end in ends.get(each.token.home, [])]}
            for each in books
        ]
        data = {"tokens": shown}
        said = [{"sentence": sentence, "holds": holds} for sentence, holds in checks]
        print_json(data | {"checks": said} if check_it else data)
    else:
        _print(books, ends)
        for sentence, holds in checks:
            click.echo(f"{'holds' if holds else 'FAILS'}  {sentence}")
    if not all(holds for _, holds in checks):
        raise click.exceptions.Exit(1)


def _ends(live: Live, books: TokenBooks) -> list[End]:
    """Each end of every hop that the token can make, from its home and to it."""
    from metalayer.assets import limits, tokens

    home = live.connection(books.home)
    token = tokens.read(live, home, books.token.home.address)
    others = [connection for connection in live.mesh.connections.values() if connection != home]
    return [
        end
        for other in others
        for way in ((home, other), (other, home))
        for end in limits.read(live, token, way)
    ]


def _print(books: list[TokenBooks], ends: dict[Home, list[End]]) -> None:
    from metalayer.cli.display import console, table

    out = console()
    rows = [
        (
            each.token.said.symbol,
            each.token.said.name,
            each.home,
            each.token.home.address,
            str(each.token.said.decimals),
            each.text(each.locked),
            each.text(each.outstanding),
            each.text(sum(chain.under_way for chain in each.abroad.values())),
        )
        for each in books
    ]
    columns = (
        "symbol",
        "name",
        "home",
        "address there",
        "#decimals",
        "#locked",
        "#outstanding",
        "#of it under way",
    )
    out.print(table("Tokens, by their home", columns, rows))
    for each in books if ends else []:
        abroad = [
            (
                name,
                each.token.places.get(name, "nothing yet"),
                *map(each.text, (chain.outstanding, chain.supply, chain.under_way)),
            )
            for name, chain in each.abroad.items()
        ]
        titles = ("chain", "what stands for it", "#outstanding", "#supply", "#under way")
        out.print(table(f"{each.token.said.symbol} of {each.home}, elsewhere", titles, abroad))
        limits = [
            (
                end.way,
                "closed" if not end.is_open else "held" if end.held_until else "open",
                end.free_of(each.text),
            )
            for end in ends[each.token.home]
        ]
        out.print(table("Limits", ("way", "route", "free"), limits))
