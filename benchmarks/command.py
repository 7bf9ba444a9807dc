"""Measure: `ape run bench gas / scale / speed / stakes`."""

import json
import os
from typing import TYPE_CHECKING, Any

import click

from metalayer.cli.command import Group, print_json
from metalayer.cli.options import json_option

if TYPE_CHECKING:
    from metalayer.network.live import Live

_PORT_OFFSET = "800"
_CONTRACTS = (
    "Annex",
    "BridgeAnnex",
    "BridgedToken",
    "Create3Factory",
    "DecisionOutbox",
    "ERA",
    "EraGovernor",
    "EtherDoor",
    "Expect",
    "FeeCollector",
    "Guardian",
    "HubVotePool",
    "Metalayer",
    "RemoteGovernor",
    "SendDoor",
    "SetBuilder",
    "Slasher",
    "SpokeVotes",
    "Staking",
    "Timelock",
    "TokenBridge",
    "TokenMetadata",
    "TransferResolver",
    "WrappedEther",
)


@click.group(cls=Group)
def cli() -> None:
    """Measure on chains of its own; figures go to benchmarks/, sorted, so that a diff shows every change."""


@cli.command()
@json_option
def gas(as_json: bool) -> None:
    """Gas of whole transactions beside the peers', and sizes of code, to benchmarks/gas.json; their table and picture.

    `make bench` fetches the peers' packages first. Takes some minutes.
    """
    from benchmarks.bridging import BridgeBenchmark
    from benchmarks.comparison import bridge_rows, governance_rows, rows, staking_rows, with_tables
    from benchmarks.gas import GasBenchmark
    from benchmarks.governance import GovernanceBenchmark
    from benchmarks.peers import measure, per_message
    from benchmarks.picture import draw
    from benchmarks.staking import StakingBenchmark
    from metalayer.cli.display import console, table
    from metalayer.deploy.artifacts import code_sizes
    from metalayer.network.signers import address_of
    from tools.repository import repo_root

    live = _fresh_network()
    ours = GasBenchmark(live.mesh.connections, live.registry, address_of("TEST::3"), _say).run()
    # The last chain is the one that our own figures of messages leave alone.
    spare = list(live.mesh.connections.values())[-1]
    staking = StakingBenchmark(spare, live.registry, _say).run()
    peers = measure(spare, _say)
    bridge = BridgeBenchmark(live.mesh.connections, live.registry, address_of("TEST::3"), _say).run()
    voting = GovernanceBenchmark(live.mesh.connections, live.registry, address_of("TEST::3"), _say)
    governance = voting.run()
    peers["openzeppelin"]["governance"] = voting.run_wizard()
    sizes = code_sizes(_CONTRACTS)
    figures = {
        "bridge": bridge,
        "code_size": sizes,
        "gas": ours,
        "governance": governance,
        "peers": peers,
        "staking": staking,
    }
    _publish("gas", figures)
    readme = repo_root() / "benchmarks" / "README.md"
    readme.write_text(with_tables(readme.read_text(encoding="utf-8"), figures), encoding="utf-8")
    batches = {1: ours["deliver_1"], 10: ours["deliver_10_each"], 100: ours["deliver_100_each"]}
    picture = repo_root() / "docs" / "img" / "gas.svg"
    picture.parent.mkdir(exist_ok=True)
    draw(batches, per_message(peers), picture)
    if as_json:
        print_json(figures)
        return
    hyperlane, openzeppelin, symbiotic, synthetix = (
        peers[name]["version"] for name in ("hyperlane", "openzeppelin", "symbiotic", "synthetix")
    )
    title = f"Gas beside Hyperlane {hyperlane}, OpenZeppelin {openzeppelin}"
    columns = ("figure", "#ours", "#Hyperlane bare", "#in production", "#ERC20Crosschain")
    console().print(table(title, columns, rows(figures)))
    title = f"Gas of the bridge beside Hyperlane {hyperlane}, OpenZeppelin {openzeppelin}"
    console().print(table(title, columns, bridge_rows(figures)))
    title = f"Gas of staking beside Symbiotic (rewards {symbiotic}), Synthetix {synthetix}"
    staked = ("figure", "#ours", "#Symbiotic", "#with votes", "#Synthetix", "#with votes")
    console().print(table(title, staked, staking_rows(figures)))
    title = f"Gas of governance beside OpenZeppelin {openzeppelin}"
    voted = ("figure", "#ours", "#OpenZeppelin's governor")
    console().print(table(title, voted, governance_rows(figures)))
    console().print(table("Bytes of code", ("contract", "#bytes"), [(k, f"{v:,}") for k, v in sizes.items()]))


@cli.command()
@json_option
def scale(as_json: bool) -> None:
    """Networks of 4 to 50 chains: what is asked, sent, used and kept, to benchmarks/scale.json and docs/scale.md.

    Starts up to 100 chains at a time, of about 45 MiB each. Takes some minutes.
    """
    from benchmarks.scale import measure, with_tables
    from tools.repository import repo_root

    os.environ["METALAYER_PORT_OFFSET"] = _PORT_OFFSET
    figures = measure(_say)
    _publish("scale", figures)
    page = repo_root() / "docs" / "scale.md"
    page.write_text(with_tables(page.read_text(encoding="utf-8"), figures), encoding="utf-8")
    if as_json:
        print_json(figures)


@cli.command()
@json_option
def speed(as_json: bool) -> None:
    """How fast a relayer is, by messages and by chains, to benchmarks/speed.json. Takes some minutes."""
    from benchmarks.speed import measure
    from metalayer.cli.display import console, table

    os.environ["METALAYER_PORT_OFFSET"] = _PORT_OFFSET
    figures = measure(_say)
    _publish("speed", figures)
    if as_json:
        print_json(figures)
        return
    rows = [(name, f"{value:,}") for name, value in figures.items()]
    console().print(table("Speed of a relayer", ("figure", "#value"), rows))


@cli.command()
@json_option
def stakes(as_json: bool) -> None:
    """How long it takes to read 32 validators and 10,000 delegators, to benchmarks/stakes.json. Takes some minutes."""
    from benchmarks.stakes import VALIDATORS, measure
    from metalayer.cli.display import console, table
    from metalayer.network.signers import address_of

    live = _fresh_network(seats=VALIDATORS)
    figures = measure(live, address_of("TEST::3"), _say)
    _publish("stakes", figures)
    if as_json:
        print_json(figures)
        return
    rows = [(name, f"{value:,}") for name, value in figures.items()]
    console().print(table("Who staked what", ("figure", "#value"), rows))


def _fresh_network(seats: int | None = None) -> "Live":
    """All contracts on chains that mine a block per transaction and end with this process. seats: of Staking, those of
    deploy.yaml if not given.
    """
    os.environ["METALAYER_PORT_OFFSET"] = _PORT_OFFSET
    from ape import networks

    from metalayer.deploy.apply import Deployer
    from metalayer.deploy.intent import load_intent
    from metalayer.network.config import load_network
    from metalayer.network.connection import connect
    from metalayer.network.live import Live
    from metalayer.network.registry import records_dir
    from metalayer.network.signers import address_of, load_sender

    network = load_network()
    for name in network.chains:
        networks.parse_network_choice(f"metalayer:{name}").push_provider()
    folder = records_dir(network)
    intent = load_intent()
    if seats is not None:
        validators = intent.validators.model_copy(update={"seats": seats})
        intent = intent.model_copy(update={"validators": validators})
    deployer = Deployer(network, connect(network), intent, address_of, load_sender, folder)
    deployer.apply(lambda chain, step, left: None)
    return Live.open()


def _say(line: str) -> None:
    click.echo(line, err=True)


def _publish(name: str, figures: dict[str, Any]) -> None:
    from tools.repository import repo_root

    path = repo_root() / "benchmarks" / f"{name}.json"
    path.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")
