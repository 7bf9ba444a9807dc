"""The Greeter of docs/integrating.md over two real chains, and what the documents show: its code, and commands."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path
from textwrap import indent
from typing import Any

import click
import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli.command import DefaultGroup
from metalayer.network.transactions import KeySender
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.message import Fee
from metalayer.relayer.results import PassResult
from metalayer.tracking.messages import retry
from metalayer.tracking.trace import State, Trace, trace
from tests.kit.chains import BoundChain
from tests.kit.deployment import ERA, Deployment
from tests.kit.evm import Contract, error, init_code
from tests.kit.paper import DAY
from tests.kit.passes import logged, relay
from tests.kit.roles import RELAYER, RIVAL, SENDER
from tools.repository import repo_root

HELLO = "Hello, arcade"
ANSWER = "Hello to you, too"
_BLOCK = re.compile(r"^```solidity\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"`(ape metalayer [a-z][^`]+)`|^(?:\$ )?(ape metalayer [^#\n]+)", re.MULTILINE)


class Greeters:
    """A greeter at one address on the hub and on arcade, without credit; who greets is the depositor of the hub."""

    def __init__(self, chains: dict[str, BoundChain], deployment: Deployment, mesh: Deployment) -> None:
        self.deployment, self.mesh = deployment, mesh
        placer = KeySender(Account.from_key(keccak(text="who places the greeters")))
        names = ("hub", "arcade")
        (self.address,) = deployment.place(placer, init_code("Greeter", mesh.gateway), chains=names)
        self.on = {name: Contract(chains[name], "Greeter", self.address) for name in names}
        self.gateway = {name: deployment.on[name].gateway for name in names}
        self.era = {name: deployment.on[name].era for name in names}

    def endow(self, chain: str) -> None:
        """Credit of the greeter itself, from which it answers."""
        self.deployment.bring(SENDER.address, ERA, [chain])
        self.era[chain].send("approve", self.mesh.gateway, ERA, sender=SENDER.address)
        self.gateway[chain].send("depositFor", self.address, ERA, sender=SENDER.address)

    def greet(self) -> bytes:
        """Id of a greeting from the hub to arcade, that took what was quoted from the depositor's credit."""
        arcade, hub = self.mesh.id_of("arcade"), self.gateway["hub"]
        fee = self.on["hub"].view("quote", arcade, HELLO, sender=SENDER.address)
        hub.send("setAllowance", self.address, fee, sender=SENDER.address)
        before = hub.view("credit", SENDER.address)
        sent = self.on["hub"].send("greet", arcade, HELLO, sender=SENDER.address)
        assert hub.view("credit", SENDER.address) == before - fee
        assert hub.view("allowance", SENDER.address, self.address) == 0
        ((id_, *_),) = sent.named("MessageSent")
        return bytes(id_)

    def said(self, event: str, result: PassResult) -> list[tuple[Any, ...]]:
        """Values of every such event in the transactions of a pass."""
        return logged(event, result, {name: contract.chain for name, contract in self.on.items()})


@pytest.fixture
def greeters(chains: dict[str, BoundChain], deployment: Deployment, mesh: Deployment) -> Greeters:
    return Greeters(chains, deployment, mesh)


def follow(mesh: Deployment, exchange: DirectoryExchange, id_: bytes) -> Trace:
    return trace(mesh, exchange, id_)


def test_a_greeting_is_answered(
    greeters: Greeters, mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    greeters.endow("arcade")
    id_ = greeters.greet()
    there, back = relay(mesh, exchange, tmp_path, 2)
    assert greeters.said("Greeted", there) == [(id_, mesh.id_of("hub"), SENDER.address, HELLO)]
    ((answer, *heard),) = greeters.said("Greeted", back)
    assert heard == [mesh.id_of("arcade"), greeters.address, ANSWER]
    assert follow(mesh, exchange, id_).state is State.DELIVERED
    sent = follow(mesh, exchange, answer).sent.message
    assert (sent.origin, sent.destination, sent.sender) == (
        mesh.id_of("arcade"),
        mesh.id_of("hub"),
        greeters.address,
    )


def test_a_greeting_that_was_not_delivered_comes_home(
    greeters: Greeters, mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """M18: and what nobody earned goes from the greeter's credit to who paid it."""
    id_ = greeters.greet()
    mesh.pass_time(DAY + 60)
    before = greeters.era["hub"].view("balanceOf", SENDER.address)
    _, home = relay(mesh, exchange, tmp_path, 2)
    assert greeters.said("CameBack", home) == [(id_, mesh.id_of("arcade"), SENDER.address, HELLO)]
    returned = follow(mesh, exchange, id_)
    assert returned.state is State.RETURNED
    fee = Fee.unpack(returned.sent.message.fee)
    unspent = (fee.relay - fee.base) * GWEI
    assert greeters.era["hub"].view("balanceOf", SENDER.address) == before + unspent
    assert greeters.gateway["hub"].view("credit", greeters.address) == 0


def test_a_greeting_that_cannot_be_answered_waits_for_a_retry(
    greeters: Greeters, mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    id_ = greeters.greet()
    relay(mesh, exchange, tmp_path, 1)
    failed = follow(mesh, exchange, id_)
    assert failed.state is State.FAILED
    assert "InsufficientCredit" in failed.reason
    greeters.endow("arcade")
    retry(mesh.connections["arcade"], RELAYER, mesh.gateway, failed.sent.message)
    assert follow(mesh, exchange, id_).state is State.DELIVERED


def test_nobody_else_speaks_for_a_greeter(
    greeters: Greeters, mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """M10: its own address on another chain, through the gateway; what comes back, from the gateway."""
    (forged,) = mesh.send("hub", "arcade", b"Hello", recipient=greeters.address)
    relay(mesh, exchange, tmp_path, 1)
    failed = follow(mesh, exchange, forged.id)
    assert failed.state is State.FAILED
    assert "ERC7786RecipientUnauthorizedGateway" in failed.reason
    sender = bytes.fromhex("0001000002038514") + bytes.fromhex(greeters.address[2:])
    greeter, attacker = greeters.on["arcade"], RIVAL.address
    assert greeter.revert("receiveMessage", bytes(32), sender, b"", sender=attacker) == error(
        "ERC7786RecipientUnauthorizedGateway", attacker, sender
    )
    assert greeter.revert(
        "onMessageReturned", bytes(32), 901, forged.message.fields, 0, sender=attacker
    ) == error("NotGateway", attacker)


def documents() -> list[Path]:
    docs = repo_root() / "docs"
    return sorted([*docs.glob("*.md"), *(docs / "examples").glob("*.md")])


def test_the_code_that_the_documents_show_is_that_of_the_examples() -> None:
    folder = repo_root() / "contracts" / "examples"
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sol")))
    blocks = [block for path in documents() for block in _BLOCK.findall(path.read_text(encoding="utf-8"))]
    assert blocks
    for block in blocks:
        assert indent(block, "    ") in source or block in source, block


@pytest.mark.parametrize("path", [*documents(), repo_root() / "README.md"], ids=lambda path: path.name)
def test_the_commands_that_the_documents_name_exist(path: Path) -> None:
    """With the options that they give them."""
    for quoted, shown in _COMMAND.findall(path.read_text(encoding="utf-8")):
        _, _, name, *words = shlex.split(quoted or shown, comments=True)
        command = import_module(f"metalayer.cli.{name}").cli
        if isinstance(command, DefaultGroup) and words and words[0] not in command.commands:
            words.insert(0, command.default)
        if isinstance(command, click.Group) and words:
            command = command.commands[words.pop(0)]
        options = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        given = {word for word in words if word.startswith("--")} - {"--help"}
        assert given <= options, f"{name}: {given - options}"
