"""The whole network on one machine: real chains, real validator processes, a relayer; then the books are
checked.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from rich.console import Console

from demo import processes
from demo.fees import fee_of
from demo.summary import Step, Summary
from metalayer.assets import bridge, credit
from metalayer.assets.books import read_books
from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli.display import chain_progress
from metalayer.deploy.apply import Deployer
from metalayer.deploy.artifacts import Artifact, load_artifacts
from metalayer.deploy.contracts import CONTRACTS
from metalayer.deploy.intent import load_intent
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network import localnet
from metalayer.network.config import Network, load_network
from metalayer.network.connection import connect
from metalayer.network.live import Live
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import records_dir
from metalayer.network.rpc import Reverted
from metalayer.network.signers import address_of, load_sender
from metalayer.network.transactions import Receipt, Transaction
from metalayer.network.workspace import OFFSET_VARIABLE, port_offset, state_dir
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import HUB_SUPPLY, era
from metalayer.protocol.message import Message
from metalayer.tracking import messages
from metalayer.tracking.follower import Event, Follower, NotDelivered

PORT_DISTANCE = 200
"""The demo's ports are this far from the localnet's: both can run."""

_RELAYER, _USER, _KEEPER = "TEST::2", "TEST::3", "TEST::4"
_FEWEST_CHAINS = 3
_TIMEOUT = 120.0
_STOP_SECONDS = 5.0
_UNIT = 10**18
_LEGS = ((1_000 * _UNIT, 1), (250_500 * 10**15, 2), (100 * _UNIT, 0))
"""ERA (wei) and destination, as a position in the list of chains: hub to the first rollup, on to the
second, back.
"""

_AGAIN = 50 * _UNIT
"""ERA (wei) that goes to the first rollup and back once more: what a step costs when it is not the first of
its kind.
"""
_BROUGHT = 10 * _UNIT
"""ERA (wei) that goes from the hub to every other rollup: nobody can pay there for a message before."""
_PREPAID = 1 * _UNIT
"""ERA (wei) that the user puts into the credit of every chain, and lets the bridge spend."""

_SET_CLOSED = Function("setClosed(bool)")
_COUNT = Function("count()", "uint256")
_RELAY_EVERY = 0.25
_EACH_WAY = 2


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
    postbox = load_artifacts(["Postbox", *CONTRACTS])["Postbox"]
    cancelled = threading.Event()
    with processes.interruptible(cancelled), ExitStack() as stack:
        return _Demo(network, out, cancelled, stack, postbox).play()


class _Demo:
    def __init__(
        self,
        network: Network,
        out: Console,
        cancelled: threading.Event,
        stack: ExitStack,
        postbox: Artifact,
    ) -> None:
        self.network = network
        self.out = out
        self.cancelled = cancelled
        self.stack = stack
        self.started = time.monotonic()
        self.steps: list[Step] = []
        # What moved to and from the user's ERA on each chain (wei).
        self.moves: list[tuple[str, int]] = []
        self.connections = connect(network)
        self.postbox = postbox

    def say(self, text: str) -> None:
        self.out.print(f"{time.monotonic() - self.started:6.1f} s  {text}", soft_wrap=True)

    def play(self) -> Summary:
        self._start_chains()
        self._deploy()
        live = Live.open()
        self._start_validators()
        names = list(self.network.chains)
        hub, first, second, last = names[0], names[1], names[2], names[-1]
        with ThreadPoolExecutor(2 * len(names) + 2) as pool:
            prepaying = pool.submit(self._prepay, live, hub)
            boxes, closed_box = self._place_postboxes(live)
            prepaying.result()
            self.stack.enter_context(processes.relayer(live, _RELAYER, _RELAY_EVERY))
            self.say("[bold]a relayer[/] watches all lanes")
            try:
                side = [pool.submit(self._failing_message, live, hub, last, closed_box)]
                side += [pool.submit(self._messages, live, hub, first, boxes)]
                side += [pool.submit(self._settle, live, hub, name, names, boxes) for name in names[2:]]
                self._transfer(live, hub, *_LEGS[0])
                self._prepay(live, first)
                side += [pool.submit(self._messages, live, first, second, boxes)]
                side += [pool.submit(self._there_and_back, live, hub, first)]
                side += [pool.submit(self._claim, live, hub, first)]
                for (amount, position), origin in zip(_LEGS[1:], (first, second), strict=True):
                    self._transfer(live, origin, amount, position)
                _results(side)
            except BaseException:
                # The others wait for what will not come.
                self.cancelled.set()
                raise
        return self._sum_up(live, boxes, closed_box, _EACH_WAY * len(names) + 1)

    def _there_and_back(self, live: Live, origin: str, destination: str) -> None:
        names = list(self.network.chains)
        self._transfer(live, origin, _AGAIN, names.index(destination))
        self._transfer(live, destination, _AGAIN, names.index(origin))

    def _settle(self, live: Live, hub: str, name: str, names: list[str], boxes: dict[str, str]) -> None:
        """Brings ERA to a rollup; then messages can be sent from it."""
        position = names.index(name)
        self._transfer(live, hub, _BROUGHT, position)
        self._prepay(live, name)
        self._messages(live, name, names[(position + 1) % len(names)], boxes)

    def _prepay(self, live: Live, chain: str) -> None:
        connection, user = live.connection(chain), load_sender(_USER)
        sending = live.registry.address("TokenBridge")
        due = credit.payment(connection, live.registry, user.address, _PREPAID, sending)
        connection.send_many(user, credit.preparation(live.registry, due, sending))
        self.say(f"{era(_PREPAID)} ERA of credit on {chain}: it pays for messages from there")

    def _start_chains(self) -> None:
        localnet.down(self.network, say=_silent)
        shutil.rmtree(state_dir())
        self.stack.callback(localnet.down, self.network, say=_silent)
        localnet.up(self.network, say=_silent)
        described = ", ".join(
            f"{chain.name} ({chain.preset.block_time:g} s blocks)" for chain in self.network.chains.values()
        )
        self.say(f"[bold]{len(self.network.chains)} chains are up[/]: {described}")

    def _deploy(self) -> None:
        folder = records_dir(self.network)
        deployer = Deployer(self.network, self.connections, load_intent(), address_of, load_sender, folder)
        with chain_progress(self.network.chains, quiet=self.out.quiet) as progress:
            registry = deployer.apply(progress.report)
        self.say(f"[bold]deployed[/]: Metalayer at {registry.address('Metalayer')} on every chain")
        # Nobody's weight is capped. The user is the treasury, which gave the operators all of it.
        bonded = registry.first_validator_set().total
        self.moves.append((self.network.hub.name, -bonded))
        self.say(f"[bold]{era(bonded)} ERA[/] are bonded: out of that came the first validator set")

    def _start_validators(self) -> None:
        names = [founder.signer for founder in load_intent().validators.bonded]
        self.stack.enter_context(processes.validators(names))
        self.say(f"[bold]{len(names)} validators[/] are starting, each a process of its own")

    def _place_postboxes(self, live: Live) -> tuple[dict[str, str], str]:
        """An open one on every chain, by chain, and a closed one on the last."""
        keeper = load_sender(_KEEPER)
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

    def _follower(self, live: Live, label: str, shown: Callable[[Event], bool]) -> Follower:
        def on_event(event: Event) -> None:
            if shown(event):
                self.say(f"{label}: {event.what} on {event.chain}")

        return Follower(live, DirectoryExchange.of(live), on_event, _silent, _TIMEOUT, self.cancelled)

    def _send_message(self, live: Live, origin: str, destination: str, box: str) -> Sent:
        target = live.connection(destination).chain.chain_id
        payload = keccak(text=f"a letter from {origin} to {destination}")
        draft = messages.Draft(target, box, payload)
        receipt, id_ = messages.send(live.connection(origin), load_sender(_USER), live.mesh.gateway, draft)
        self.steps.append(Step("send 32 bytes", origin, receipt["gasUsed"]))
        sent = bridge.sent_in(receipt, live.registry, live.connection(origin).chain.chain_id, id_)
        self._pay(sent.message)
        return sent

    def _pay(self, message: Message) -> None:
        """Notes the fee that the terms of networks.yaml give: what the user must have less at the end."""
        origin, destination = (self.network.chain(end) for end in (message.origin, message.destination))
        self.moves.append((origin.name, -fee_of(origin, destination, message)))

    def _messages(self, live: Live, origin: str, destination: str, boxes: dict[str, str]) -> None:
        for _ in range(_EACH_WAY):
            self._message(live, origin, destination, boxes[destination])

    def _message(self, live: Live, origin: str, destination: str, box: str) -> None:
        sent = self._send_message(live, origin, destination, box)
        follower = self._follower(live, f"message {origin} → {destination}", _ends)
        self._account("deliver them", destination, follower.follow(sent, "delivered"))

    def _failing_message(self, live: Live, origin: str, destination: str, box: str) -> None:
        """Sent to a postbox that is closed: it fails, the postbox opens, anyone retries."""
        sent = self._send_message(live, origin, destination, box)
        label = f"message to a closed postbox {origin} → {destination}"
        try:
            self._follower(live, label, _ends).follow(sent, "delivered")
        except NotDelivered as failure:
            self._account("fail", destination, failure.receipt)
        else:
            raise MetalayerError(f"{label} was delivered: expected it to be refused")
        connection = live.connection(destination)
        connection.send(load_sender(_KEEPER), box, _SET_CLOSED.encode(False))
        receipt = messages.retry(connection, load_sender(_RELAYER), live.mesh.gateway, sent.message)
        self._account("retry", destination, receipt)
        self.say(f"{label}: opened, retried, delivered on {destination}")

    def _claim(self, live: Live, chain: str, origin: str) -> None:
        """The relayer claims what it earned on a chain with messages from `origin`, and is paid there."""
        here, relayer = live.connection(chain), load_sender(_RELAYER)
        call = gateway.CLAIM.encode(live.connection(origin).chain.chain_id)
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                receipt = here.send(relayer, live.mesh.gateway, call)
                break
            except Reverted as error:
                # It has not earned more than what carrying the claim costs yet.
                waits = error.reason.startswith("NothingToClaim") and time.monotonic() < deadline
                if not waits or self.cancelled.wait(_RELAY_EVERY):
                    raise
        sent = bridge.sent_in(receipt, live.registry, here.chain.chain_id)
        self._follower(live, "claim", lambda event: False).follow(sent, "paid")
        paid = era(credit.read(live, relayer.address)[origin].credit)
        self.say(
            f"{paid} ERA, the relayer's for messages {origin} → {chain}: claimed there, paid on {origin}"
        )

    def _transfer(self, live: Live, origin: str, amount: int, position: int) -> None:
        end = list(self.network.chains.values())[position]
        label = f"{era(amount)} ERA {origin} → {end.name}"
        user = load_sender(_USER)
        follower = self._follower(live, label, lambda event: event.what != "done")
        transfer = bridge.prepare(live, live.connection(origin), end, user.address, user.address, amount)
        sent, receipt = bridge.send(live, user, transfer)
        self._pay(sent.message)
        outcome = bridge.follow(follower, live.registry, sent, receipt, end.chain_id)
        hub = self.network.hub
        arrived = amount
        if len(outcome.hops) > 1:
            forward = outcome.hops[-1].message
            fee = fee_of(hub, end, forward)
            arrived -= fee
            self.say(f"{label}: the hub took {era(fee)} of it for the fee of the second hop")
        self.moves += [(origin, -amount), (end.name, arrived)]
        kind = "lock ERA and send" if origin == hub.name else "burn ERA and send"
        self.steps.append(Step(kind, origin, receipt["gasUsed"]))
        for forwarding in outcome.receipts[1:-1]:
            self._account("forward ERA", hub.name, forwarding)
        kind = "release ERA on arrival" if end == hub else "mint ERA on arrival"
        self._account(kind, end.name, outcome.receipts[-1])

    def _account(self, kind: str, chain: str, receipt: Receipt) -> None:
        outcomes = {gateway.MESSAGE_DELIVERED.topic, gateway.MESSAGE_FAILED.topic}
        executed = sum(log.topics[0] in outcomes for log in receipt["logs"])
        self.steps.append(Step(kind, chain, receipt["gasUsed"], executed))

    def _sum_up(self, live: Live, boxes: dict[str, str], closed_box: str, sent: int) -> Summary:
        user, relayer = load_sender(_USER).address, load_sender(_RELAYER).address
        books = read_books(live, {"user": user, "relayer": relayer})
        places = [*boxes.items(), (list(boxes)[-1], closed_box)]
        letters = sum(
            int(_COUNT.decode(live.connection(chain).call(box, _COUNT.encode()))) for chain, box in places
        )
        seconds = round(time.monotonic() - self.started, 1)
        summary = Summary(books, self.steps, letters, seconds, user, relayer)
        # The user starts with the whole supply on the hub.
        moved = Counter({self.network.hub.name: HUB_SUPPLY})
        for chain, wei in self.moves:
            moved[chain] += wei
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
        ]
        return summary


def _ends(event: Event) -> bool:
    return event.what in ("sent", "delivered", "failed", "expired")


def _results(futures: Iterable[Future[None]]) -> None:
    for future in futures:
        future.result()


def _silent(_text: str) -> None:
    pass
