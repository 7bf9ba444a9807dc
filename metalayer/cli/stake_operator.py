"""What operators of validators do: register, bond, join, rotate a key, leave."""

from __future__ import annotations

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import ACCOUNT, ADDRESS, AMOUNT, json_option
from metalayer.cli.stake_acts import PERCENT, POSSESSION, Acting, acting, chosen, operator

_signer_option = click.option(
    "--signer",
    type=ACCOUNT,
    required=True,
    metavar="ACCOUNT",
    help="The validator's key: what `ape metalayer validate --key` gets.",
)
_possession_option = click.option(
    "--possession",
    type=POSSESSION,
    help="What `ape metalayer stake possession` printed, where the key is on another machine.",
)


@click.command(cls=Command)
@click.option("--own", type=AMOUNT, required=True, help="ERA that the operator bonds, such as 200000.")
@click.option("--commission", type=PERCENT, required=True, help="Percent of delegators' rewards, such as 5.")
@_signer_option
@_possession_option
@click.option("--join", "joins", is_flag=True, help="Take a seat at once.")
@acting(None, "Operator: bonds its ERA, and acts for the validator from then on.")
def register(
    own: int, commission: int, signer: str, possession: bytes | None, joins: bool, acting: Acting
) -> None:
    """Register a validator: its key, its own stake and its commission, in one transaction.

    The operator's account holds the stake and should be kept apart from the key, which signs day and night. Own stake
    pays first if the validator is slashed, and lets 19 times as much be delegated.

    \b
      ape metalayer stake register --account me --signer hot-key --own 200000 --commission 5 --join
    """
    from metalayer.protocol import staking
    from metalayer.protocol.amounts import era

    key, shown = _key(acting, signer, possession)
    calls = [staking.REGISTER.encode(key, commission, own, shown)]
    if joins:
        # Reverts, with all the rest, if somebody else takes that number meanwhile.
        calls.append(staking.JOIN.encode(len(acting.seen.validators) + 1))
    what = f"Register a validator with key {key} and {era(own)} ERA at {commission / 100:g} %"
    receipt = acting.do(what, calls, takes=own)
    ((id_, *_),) = staking.REGISTERED.found_in(receipt["logs"], acting.desk.address)
    line = f"validator {id_} registered{' and seated' if joins else ''}"
    acting.say(receipt, line, validator=id_, signer=key, own=str(own), commission=commission)


@click.command(cls=Command)
@click.option("--operator", type=ADDRESS, required=True, help="Address of who will register the key.")
@click.option("--key", type=ACCOUNT, required=True, metavar="ACCOUNT", help="The validator's key.")
@json_option
def possession(operator: str, key: str, as_json: bool) -> None:
    """Sign, where a validator's key is, that an operator elsewhere may register it. Sends nothing.

    \b
      ape metalayer stake possession --key hot-key --operator 0x…
      ape metalayer stake register --account me --signer 0x… --possession 0x… --own 200000 --commission 5
    """
    from metalayer.network.live import Live
    from metalayer.network.signers import load_signer
    from metalayer.protocol.hex import to_hex
    from metalayer.staking import actions
    from metalayer.staking.desk import Desk

    signer = load_signer(key)
    shown = to_hex(actions.possession(Desk.of(Live.open(founding=True)), operator, signer))
    if as_json:
        print_json({"signer": str(signer.address), "operator": operator, "possession": shown})
    else:
        click.echo(shown)


@click.command("rotate-key", cls=Command)
@_signer_option
@_possession_option
@chosen
@operator
def rotate_key(signer: str, possession: bytes | None, validator: int | None, acting: Acting) -> None:
    """Replace a validator's key.

    The next set has the new one. Start a validator with it before that, and stop the old one once every chain has that
    set. The old key stays liable for 24 days.

    \b
      ape metalayer stake rotate-key --account me --signer new-key
    """
    from metalayer.protocol import staking

    id_ = _own(acting, validator)
    key, shown = _key(acting, signer, possession)
    what = f"Replace the key of validator {id_} by {key}"
    receipt = acting.do(what, [staking.ROTATE_KEY.encode(id_, key, shown)])
    acting.say(receipt, f"validator {id_} has the key {key} from the next set on", validator=id_, signer=key)


@click.command(cls=Command)
@click.argument("amount", type=AMOUNT)
@chosen
@operator
def bond(amount: int, validator: int | None, acting: Acting) -> None:
    """Add AMOUNT of ERA to the validator's own stake. It lets 19 times as much more be delegated.

    \b
      ape metalayer stake bond 50000 --account me
    """
    from metalayer.protocol import staking
    from metalayer.protocol.amounts import era

    id_ = _own(acting, validator)
    what = f"Bond {era(amount)} ERA as own stake of validator {id_}"
    receipt = acting.do(what, [staking.ADD_OWN.encode(id_, amount)], takes=amount)
    line = f"{era(amount)} ERA added to the own stake of validator {id_}"
    acting.say(receipt, line, validator=id_, amount=str(amount))


@click.command(cls=Command)
@click.argument("amount", type=AMOUNT)
@chosen
@operator
def unbond(amount: int, validator: int | None, acting: Acting) -> None:
    """Take AMOUNT of ERA out of the validator's own stake. It is free after 21 to 24 days.

    What stays is the minimum at least, and a twentieth of all its stake, unless it left for good.

    \b
      ape metalayer stake unbond 50000 --account me
    """
    from metalayer.protocol import staking
    from metalayer.protocol.amounts import era
    from metalayer.protocol.dates import utc

    id_ = _own(acting, validator)
    what = f"Take {era(amount)} ERA out of the own stake of validator {id_}"
    receipt = acting.do(what, [staking.REMOVE_OWN.encode(id_, amount)])
    (left,) = staking.OWN_REMOVED.found_in(receipt["logs"], acting.desk.address)
    free_at = staking.matures_at(left.period)
    line = f"{era(amount)} ERA leaves the own stake of validator {id_}, free on {utc(free_at)}"
    acting.say(receipt, line, validator=id_, amount=str(amount), free_at=free_at)


@click.command(cls=Command)
@click.argument("percent", type=PERCENT)
@chosen
@operator
def commission(percent: int, validator: int | None, acting: Acting) -> None:
    """Announce a commission, in PERCENT of what delegated stake earns. It counts in seven days.

    \b
      ape metalayer stake commission 7.5 --account me
    """
    from metalayer.protocol import staking
    from metalayer.protocol.dates import utc

    id_ = _own(acting, validator)
    what = f"Set the commission of validator {id_} to {percent / 100:g} %"
    receipt = acting.do(what, [staking.SET_COMMISSION.encode(id_, percent)])
    ((_, _, since),) = staking.COMMISSION_SET.found_in(receipt["logs"], acting.desk.address)
    line = f"the commission of validator {id_} is {percent / 100:g} % from {utc(since)} on"
    acting.say(receipt, line, validator=id_, commission=percent, since=since)


@click.command(cls=Command)
@chosen
@operator
def join(validator: int | None, acting: Acting) -> None:
    """Take a free seat, or that of the validator with least stake, if this one has more.

    Its key should be at work already: who shows no sign for nine days loses the seat.

    \b
      ape metalayer stake join --account me
    """
    from metalayer.protocol import staking

    id_ = _own(acting, validator)
    receipt = acting.do(f"Take a seat for validator {id_}", [staking.JOIN.encode(id_)])
    line = f"validator {id_} has a seat: it is in the next set, if its stake is not overtaken before"
    acting.say(receipt, line, validator=id_)


@click.command(cls=Command)
@chosen
@operator
def leave(validator: int | None, acting: Acting) -> None:
    """Give up for good: the seat at once, and all rewards to come.

    Keep the key signing until every set that has it has expired. Own stake then leaves with `unbond`.

    \b
      ape metalayer stake leave --account me
    """
    from metalayer.protocol import staking

    id_ = _own(acting, validator)
    receipt = acting.do(f"Give up validator {id_} for good", [staking.LEAVE.encode(id_)])
    acting.say(receipt, f"validator {id_} has left for good", validator=id_)


COMMANDS = (register, possession, rotate_key, bond, unbond, commission, join, leave)


def _own(acting: Acting, validator: int | None) -> int:
    from metalayer.staking.actions import operated

    return operated(acting.seen, acting.address, validator)


def _key(acting: Acting, signer: str, shown: bytes | None) -> tuple[str, bytes]:
    """The key's address, and its signature for the operator."""
    from metalayer.network.signers import address_of, load_signer
    from metalayer.staking import actions

    if shown is not None:
        return address_of(signer), shown
    return address_of(signer), actions.possession(acting.desk, acting.address, load_signer(signer))
