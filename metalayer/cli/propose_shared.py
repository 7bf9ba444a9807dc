"""What the commands of `ape metalayer propose` share: their argument, and how they tell faults."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from metalayer.cli.options import PROPOSAL
from metalayer.network.values import printable

if TYPE_CHECKING:
    from metalayer.governance.build import Built
    from metalayer.governance.files import Proposal
    from metalayer.governance.motions import Desk
    from metalayer.governance.names import Names
    from metalayer.network.live import Live

_F = TypeVar("_F", bound=Callable[..., Any])

which = click.argument("which", metavar="PROPOSAL", type=PROPOSAL)


def telling_faults(function: _F) -> _F:
    """All faults of a file, a line each on stderr; exit status 1."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        from metalayer.governance.faults import Faults

        try:
            return function(*args, **kwargs)
        except Faults as error:
            for line in error.lines:
                click.echo(f"Error: {printable(line)}", err=True)
            raise click.exceptions.Exit(1) from error

    result: Any = run
    return result  # type: ignore[no-any-return]


def opened(live: Live | None = None) -> tuple[Desk, Names]:
    """Where governance is, and what names stand for."""
    from metalayer.governance.motions import Desk
    from metalayer.governance.names import Names
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of

    live = live or Live.open()
    return Desk.of(live), Names.of(live.network, live.registry, address_of)


def built_now(desk: Desk, names: Names, proposal: Proposal) -> Built:
    """What a file gives, with the gas that its simulation measured, if there is one."""
    from metalayer.governance.build import LiveChains, build
    from metalayer.governance.reports import gas_limits

    chains = LiveChains(desk.live.mesh.connections, names)
    return build(proposal, names, chains, gas_limits(proposal.folder))
