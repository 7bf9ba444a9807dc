"""The whole network on one machine: real chains, real validator processes, a relayer; a term passes, a proposal takes
its way; then the books are checked.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from eth_abi.abi import encode
from rich.console import Console

from demo import processes
from demo.crossings import EACH_WAY, Crossings
from demo.enacted import Enacted
from demo.fronting import front
from demo.governing import Governing
from demo.stage import KEEPER, RELAYER, USER, Stage, silent, totals
from demo.stakes import Forwarded, read_stakes
from demo.summary import Summary
from demo.terms import DELEGATED, Terms
from metalayer.assets.books import read_books
from metalayer.cli.display import chain_progress
from metalayer.deploy.apply import Deployer
from metalayer.deploy.artifacts import Artifact, load_artifacts
from metalayer.deploy.contracts import ARTIFACTS
from metalayer.deploy.intent import load_intent
from metalayer.errors import MetalayerError
from metalayer.network import localnet
from metalayer.network.config import Network, load_network
from metalayer.network.connection import connect
from metalayer.network.live import Live
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import records_dir
from metalayer.network.signers import address_of, load_sender
from metalayer.network.transactions import Transaction
from metalayer.network.workspace import OFFSET_VARIABLE, port_offset, state_dir
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import era, parse_era

PORT_DISTANCE = 200
"""The demo's ports are this far from the localnet's: both can run."""

_FEWEST_CHAINS = 3
_UNIT = 10**18
_LEGS = ((1_000 * _UNIT, 1), (250_500 * 10**15, 2), (100 * _UNIT, 0))
"""ERA (wei) and destination, as a position in the list of chains: hub to the first rollup, on to the
second, back.
"""
_COUNT = Function("count()", "uint256")
_RELAY_EVERY = 0.25


def run(out: Console, network: Network | None = None) -> Summary:
    """Runs everything, on ports of its own, and stops every process that it started, whatever happens.

    network: that of networks.yaml if not given. MetalayerError if a step fails. Numbers that do not
    reconcile are in the summary.
    """
    os.environ[OFFSET_VARIABLE] = str(port_offset() + PORT_DISTANCE)
    network = network or load_network()
    if not network.is_local:
        raise MetalayerError("the demo starts its own chains: networks.yaml names one that runs elsewhere")
    if len(network.chains) < _FEWEST_CHAINS:
        raise MetalayerError(
            f"the demo needs {_FEWEST_CHAINS} chains, networks.yaml has {len(network.chains)}"
        )
    artifacts = load_artifacts(["Coin", "Postbox", *ARTIFACTS])
    cancelled = threading.Event()
    with processes.interruptible(cancelled), ExitStack() as stack:
        return _Demo(Stage(network, out, cancelled), stack, artifacts).play()


class _Demo:
    def __init__(self, stage: Stage, stack: ExitStack, artifacts: Mapping[str, Artifact]) -> None:
        self.stage, self.stack = stage, stack
        self.postbox, self.coin = artifacts["Postbox"], artifacts["Coin"]
        self.network, self.say = stage.network, stage.say
        self.connections = connect(self.network)

    def play(self) -> Summary:
        self._start_chains()
        bonded = self._deploy()
        live = Live.open()
        self._start_validators()
        names = list(self.network.chains)
        hub, first, second, last = names[0], names[1], names[2], names[-1]
        crossings, terms = Crossings(self.stage, live), Terms(self.stage, live)
        governing = Governing(self.stage, live, terms, first)

        def take_part() -> None:
            # In this order: what is staked votes as what is not.
            governing.delegate(hub)
            terms.delegate()

        with ThreadPoolExecutor(2 * len(names) + 2) as pool:
            preparing = [pool.submit(crossings.prepay, hub), pool.submit(take_part)]
            boxes, closed_box = self._place_postboxes(live)
            _results(preparing)
            coin = crossings.place_coin(hub, self.coin.creation)
            self.stack.enter_context(processes.relayer(live, RELAYER, _RELAY_EVERY))
            self.say("[bold]a relayer[/] watches all lanes, and keeps validator sets going")
            try:
                side = [pool.submit(crossings.failing_message, hub, last, closed_box)]
                side += [pool.submit(crossings.messages, hub, first, boxes)]
                side += [pool.submit(crossings.settle, hub, name, names, boxes) for name in names[2:]]
                crossings.transfer(hub, *_LEGS[0])
                crossings.prepay(first)
                coins = pool.submit(crossings.coin_there_and_back, coin, first)
                side += [pool.submit(crossings.messages, first, second, boxes)]
                side += [pool.submit(crossings.there_and_back, hub, first)]
                side += [pool.submit(crossings.claim, hub, first)]
                for (amount, position), origin in zip(_LEGS[1:], (first, second), strict=True):
                    crossings.transfer(origin, amount, position)
                coins.result()
                crossings.coin_onward(coin, first, second)
                _results(side)
                fronted = front(self.stage, live, crossings, first, second)
                forwarded = terms.forward_fees()
                governing.delegate(first)
                governing.propose()
                version = terms.rotate()
                side = [pool.submit(terms.await_check_ins)]
                crossings.message(first, second, boxes[second])
                self.say(f"[bold]a message after that[/]: signed by validator set {version}, and delivered")
                _results(side)
                enacted = governing.enact()
            except BaseException:
                # The others wait for what will not come.
                self.stage.cancelled.set()
                raise
        places = [*boxes.items(), (last, closed_box)]
        summary = self._sum_up(live, places, bonded + DELEGATED, forwarded, enacted)
        summary.checks += [*crossings.coin_checks(coin), *fronted.checks()]
        summary.fronted = fronted
        given = [summary.books.given, *(token.given for token in summary.books.tokens)]
        summary.checks.append(("the bridge holds nothing else, of no token", not any(given)))
        return summary

    def _start_chains(self) -> None:
        localnet.down(self.network, say=silent)
        shutil.rmtree(state_dir())
        self.stack.callback(localnet.down, self.network, say=silent)
        localnet.up(self.network, say=silent)
        described = ", ".join(
            f"{chain.name} ({chain.preset.block_time:g} s blocks)" for chain in self.network.chains.values()
        )
        self.say(f"[bold]{len(self.network.chains)} chains are up[/]: {described}")

    def _deploy(self) -> int:
        """Everything. Returns what is bonded, in wei of ERA."""
        folder, intent = records_dir(self.network), load_intent()
        deployer = Deployer(self.network, self.connections, intent, address_of, load_sender, folder)
        with chain_progress(self.network.chains, quiet=self.stage.out.quiet) as progress:
            registry = deployer.apply(progress.report)
        self.say(
            f"[bold]deployed[/]: Metalayer at {registry.address('Metalayer')} on every chain, owned by a timelock"
        )
        self.stage.moves.append((self.network.hub.name, parse_era(str(intent.genesis.unlocked(USER)))))
        # Nobody's weight is capped.
        bonded = registry.first_validator_set().total
        self.say(f"[bold]{era(bonded)} ERA[/] are bonded: out of that came the first validator set")
        return bonded

    def _start_validators(self) -> None:
        names = [founder.signer for founder in load_intent().validators.bonded]
        self.stack.enter_context(processes.validators(names))
        self.say(f"[bold]{len(names)} validators[/] are starting, each a process of its own")

    def _place_postboxes(self, live: Live) -> tuple[dict[str, str], str]:
        """An open one on every chain, by chain, and a closed one on the last."""
        keeper = load_sender(KEEPER)
        names = list(live.mesh.connections)

        def place(name: str) -> list[str]:
            wanted = [False, True] if name == names[-1] else [False]
            codes = [
                self.postbox.creation + encode(["address", "bool"], [live.mesh.gateway, c]) for c in wanted
            ]
            receipts = live.mesh.connections[name].send_many(
                keeper, [Transaction(None, code) for code in codes]
            )
            return [str(receipt["contractAddress"]) for receipt in receipts]

        placed = in_parallel(place, names)
        self.say(f"[bold]postboxes[/] on every chain, and on {names[-1]} one that is closed")
        return {name: boxes[0] for name, boxes in zip(names, placed, strict=True)}, placed[-1][1]

    def _sum_up(
        self,
        live: Live,
        places: list[tuple[str, str]],
        bonded: int,
        forwarded: Forwarded,
        enacted: Enacted,
    ) -> Summary:
        user, relayer = load_sender(USER).address, load_sender(RELAYER).address
        books, stakes = read_books(live, {"user": user, "relayer": relayer}), read_stakes(live, user)
        letters = sum(
            int(_COUNT.decode(live.connection(chain).call(box, _COUNT.encode()))) for chain, box in places
        )
        # The failing one, and the one after the term.
        sent = EACH_WAY * len(self.network.chains) + 2
        seconds = round(self.stage.seconds, 1)
        summary = Summary(books, stakes, enacted, self.stage.steps, letters, seconds, user, relayer)
        moved = totals(self.stage.moves)
        found = Counter(
            {name: chain.balances["user"] + chain.credit(user) for name, chain in books.chains.items()}
        )
        summary.checks = [
            *books.checks(),
            (
                "the user has on every chain, credit included, what was moved there less its fees",
                moved == found,
            ),
            (f"the postboxes hold {sent} letters, one per message", letters == sent),
            (
                "the protocol's fees on the hub, by its terms = what was forwarded + what lies there still",
                totals(self.stage.protocol_fees)[books.hub]
                == forwarded.swept + books.chains[books.hub].protocol_fees,
            ),
            *stakes.checks(bonded, forwarded),
            *enacted.checks(),
        ]
        return summary


def _results(futures: Iterable[Future[None]]) -> None:
    for future in futures:
        future.result()
