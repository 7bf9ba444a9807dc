"""What people do about a proposal: `ape metalayer propose submit / queue / execute / send / cancel / …`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import CHAIN, Signing, acting_options, deposit_option
from metalayer.cli.propose_shared import built_now, opened, telling_faults, which

if TYPE_CHECKING:
    from metalayer.governance.actions import Done
    from metalayer.governance.motions import Desk, Motion
    from metalayer.governance.names import Names


@dataclass(frozen=True)
class Acting(Signing):
    """Who signs, and how the result is shown."""

    as_json: bool

    @cached_property
    def _opened(self) -> tuple[Desk, Names]:
        return opened()

    @property
    def desk(self) -> Desk:
        """Where governance is."""
        return self._opened[0]

    @property
    def names(self) -> Names:
        """What names stand for."""
        return self._opened[1]

    def motion(self, which: str) -> Motion:
        return self.desk.motion(which)

    def do(self, what: str, act: Callable[[], Iterable[Done]]) -> None:
        """Asks, acts, and says what is done as it happens. what: a sentence without its end."""
        from metalayer.cli.display import waiting

        self.confirm(self.desk.live.network, f"{what} with {self.account}?")
        found: list[Done] = []
        try:
            with waiting(what, quiet=self.as_json):
                for one in act():
                    found.append(one)
                    if not self.as_json:
                        transaction = f": {one.transaction}" if one.transaction else ""
                        click.echo(f"{one.chain}: {one.line}{transaction}")
        finally:
            if self.as_json:
                print_json([one.as_dict() for one in found])


acting = partial(acting_options, Acting)
anyone = acting("TEST::2", "Account that pays the gas.")
chain_argument = click.argument("chain", type=CHAIN)


@click.command(cls=Command)
@which
@click.option("--unsimulated", is_flag=True, help="Propose it without a simulation that passed.")
@acting("TEST::2", "The proposer that its file names.")
@telling_faults
def submit(which: str, unsimulated: bool, acting: Acting) -> None:
    """Propose PROPOSAL. Voting begins two days later, at a full hour, and takes ten days.

    What is proposed is exactly what build.json has and what `simulate` ran: it is built once more, and all three have
    to agree. Its proposer needs votes: see `proposal_threshold` in deploy.yaml.

    \b
      ape metalayer propose submit 1 --account me
    """
    from metalayer.errors import MetalayerError
    from metalayer.governance import actions, reports
    from metalayer.governance.built import Built
    from metalayer.governance.files import find, read_on
    from metalayer.governance.progress import read_vote

    folder = find(which)
    built = Built.load(folder)
    simulated = None if unsimulated else reports.simulated(folder)
    if read_vote(acting.desk, acting.motion(which)) is None:
        proposal = read_on(folder, acting.desk.live.network)
        again = built_now(acting.desk, acting.names, proposal)
        if again.hash != built.hash:
            raise MetalayerError(
                f"{built.name} gives other bytes than when it was built: its file or the chains' code changed since; "
                f"run `ape metalayer propose build {built.name[:3]}`, and simulate it"
            )
    what = f"Propose {built.title!r}"
    acting.do(what, lambda: [actions.submit(acting.desk, built, simulated, acting.sender_on)])


@click.command(cls=Command)
@which
@anyone
def queue(which: str, acting: Acting) -> None:
    """Put PROPOSAL, which passed, into the hub's timelock. Anyone may, within 14 days.

    \b
      ape metalayer propose queue 1
    """
    from metalayer.governance import actions

    motion = acting.motion(which)
    acting.do(f"Queue {motion.called}", lambda: [actions.queue(acting.desk, motion, acting.sender_on)])


@click.command(cls=Command)
@which
@deposit_option
@anyone
def execute(which: str, deposit: bool, acting: Acting) -> None:
    """Execute PROPOSAL on the hub, and its decisions on all other chains whose time has come. Anyone may.

    Run it again later: it does what can be done by then. On the hub it takes two days from `queue`, and it also sends
    the decisions; elsewhere two days from their arrival (`ape metalayer relay once` brings them), for 14 days. What it
    pays besides gas is in the question: ERA for messages, ether that a timelock has too little of. Exit status 1 if a
    chain refused its decision.

    \b
      ape metalayer propose execute 1
    """
    from metalayer.governance import actions, prices

    motion = acting.motion(which)
    price = prices.price(acting.desk, motion, actions.voted(acting.desk, motion), deposit)
    what = f"Execute {motion.called}{f', and pay {price}' if price else ''}"
    acting.do(what, lambda: actions.execute(acting.desk, motion, acting.sender_on, deposit))


@click.command(cls=Command)
@which
@chain_argument
@deposit_option
@acting("TEST::3", "Account whose credit pays.")
def send(which: str, chain: str, deposit: bool, acting: Acting) -> None:
    """Send the decisions of PROPOSAL for CHAIN again, as far as they did not arrive. Anyone may, for 30 days.

    A decision is recorded on the hub: that its message was lost, or could not be sent, costs no new vote. What the
    message does not use stays in the outbox, for later decisions.

    \b
      ape metalayer propose send 1 arcade --account me
    """
    from metalayer.governance import actions

    motion = acting.motion(which)
    what = f"Send the decisions of {motion.called} to {chain}"
    acting.do(what, lambda: actions.send(acting.desk, motion, chain, acting.sender_on, deposit))


@click.command(cls=Command)
@which
@acting("TEST::4", "The proposer, or the council of the hub.")
def cancel(which: str, acting: Acting) -> None:
    """Cancel PROPOSAL on the hub: its proposer before voting begins, the guardian's council until it is executed.

    What only names another guardian for proposals the council cannot cancel.

    \b
      ape metalayer propose cancel 1 --account council
    """
    from metalayer.governance import actions

    motion = acting.motion(which)
    acting.do(f"Cancel {motion.called}", lambda: [actions.cancel(acting.desk, motion, acting.sender_on)])


@click.command(cls=Command)
@which
@chain_argument
@acting("TEST::4", "A watcher, or the council of that chain.")
def postpone(which: str, chain: str, acting: Acting) -> None:
    """Postpone the decisions of PROPOSAL for CHAIN by 21 days, once: time for a vote that cancels them.

    Not what only names the offices there.

    \b
      ape metalayer propose postpone 1 arcade --account watcher
    """
    from metalayer.governance import actions

    motion = acting.motion(which)
    what = f"Postpone the decisions of {motion.called} for {chain}"
    acting.do(what, lambda: actions.postpone(acting.desk, motion, chain, acting.sender_on))


@click.command(cls=Command)
@which
@chain_argument
@acting("TEST::1", "The recovery of that chain.")
def refuse(which: str, chain: str, acting: Acting) -> None:
    """End the decisions of PROPOSAL for CHAIN, which were postponed before.

    \b
      ape metalayer propose refuse 1 arcade --account recovery
    """
    from metalayer.governance import actions

    motion = acting.motion(which)
    what = f"Refuse the decisions of {motion.called} for {chain}"
    acting.do(what, lambda: actions.refuse(acting.desk, motion, chain, acting.sender_on))


COMMANDS = (submit, queue, execute, send, cancel, postpone, refuse)
