"""The network as `ape metalayer deploy apply` deploys it, and everything that tests do to it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from metalayer.assets.tokens import APPROVE
from metalayer.attesting.exchange import Exchange
from metalayer.attesting.sets import read_sets
from metalayer.deploy import names
from metalayer.deploy.artifacts import load_layout
from metalayer.lanes import logs as lane
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import Registry
from metalayer.network.rpc import Reverted, RpcError
from metalayer.network.transactions import KeySender, Receipt, Sender, Transaction
from metalayer.protocol import bridge, gateway, staking
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import Attestation, ValidatorSet, compact
from metalayer.protocol.facts import RestartFact, SetFact
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import interoperable
from metalayer.protocol.rpc import call_request
from metalayer.relayer.loops import Loops
from metalayer.relayer.memory import Memory
from metalayer.relayer.passes import Relayer
from metalayer.relayer.results import Kept
from metalayer.services import clock, crew
from metalayer.staking.chores import KEEPER_GAS
from metalayer.staking.keeper import Keeper
from metalayer.validator.process import Validator
from tests.kit.chains import BoundChain
from tests.kit.evm import Contract, created_address, init_code
from tests.kit.owning import act_as
from tests.kit.paper import DAY
from tests.kit.roles import CANDIDATES, OPERATORS, RELAYER, SENDER, TREASURY, VALIDATORS
from tests.kit.stack import Stack

ERA = 10**18
CREDIT = 1_000_000 * ERA
"""What the sender can spend on messages, on each chain, in wei of ERA."""
TRANSACTION_GAS = 50_000_000
CHAIN_IS_OLD = "finality stands still"
"""What validators say of a chain of tests that is some minutes old: its clock goes back with its state."""

_SIGNERS = (*VALIDATORS, *CANDIDATES)
_PLACER = KeySender(Account.from_key(keccak(text="who places the recipients")))
ACCEPTING, SCRIPTED = (created_address(_PLACER.address, nonce) for nonce in range(2))
"""Recipients at one address on all chains: one accepts everything, the other can be told to misbehave."""

_TRANSFER = Function("transfer(address,uint256)", "bool")
_MINT = Function("crosschainMint(address,uint256)")
_SET_BEHAVIOUR = Function("setBehaviour(uint8)")
# The first bits of an account are its amount, the next ones the hour of its last change: of what never changed, zero.
_AMOUNT_BITS, _HOUR_BITS = 128, 40
# Runtime code that answers every call with the magic value of ERC-7786: PUSH4, shift to the left, MSTORE, RETURN.
_ANSWER = b"\x63" + gateway.RECEIVE_MESSAGE.selector + bytes.fromhex("60e01b5f5260205ff3")
_CREATE_ACCEPTING = bytes.fromhex(f"60{len(_ANSWER):02x}8060095f395ff3") + _ANSWER


@dataclass(frozen=True)
class Deployment(Mesh):
    """The mesh, the contracts beside its gateways, the keys of its validators, and who sends and relays messages.

    Addresses are the same on every chain. Chains are named as in networks.yaml.
    """

    registry: Registry
    chains: Mapping[str, BoundChain] = field(default_factory=dict)
    keys: Mapping[str, LocalAccount] = field(
        default_factory=lambda: {role.address: role.account for role in _SIGNERS}
    )
    """Of whoever may be a validator, by address."""

    @classmethod
    def of(
        cls,
        registry: Registry,
        connections: Mapping[str, Connection],
        chains: Mapping[str, BoundChain] | None = None,
    ) -> Deployment:
        """What a registry knows. `on` has the contracts of these chains."""
        return cls(registry.domain, connections, registry.address(names.STAKING), registry, chains or {})

    @cached_property
    def era(self) -> str:
        return self.registry.address(names.ERA)

    @cached_property
    def annex(self) -> str:
        return self.registry.address(names.ANNEX)

    @cached_property
    def guardian(self) -> str:
        return self.registry.address(names.GUARDIAN)

    @cached_property
    def bridge(self) -> str:
        return self.registry.address(names.BRIDGE)

    @cached_property
    def owner(self) -> str:
        """The timelock that owns everything on its chain. The nodes of the tests sign for it."""
        return self.registry.address(names.TIMELOCK)

    @cached_property
    def validator_set(self) -> ValidatorSet:
        """The first one."""
        return self.registry.first_validator_set()

    @cached_property
    def on(self) -> dict[str, Stack]:
        """The contracts of every chain, by its name."""
        return {name: self._stack(chain) for name, chain in self.chains.items()}

    def _stack(self, chain: BoundChain) -> Stack:
        declared = {
            name: Contract(chain, names.artifact_of(name), contract.address)
            for name, contract in self.registry.chain(chain.name).contracts.items()
        }
        return Stack(chain, declared, Contract(chain, "ScriptedRecipient", SCRIPTED))

    def id_of(self, name: str) -> int:
        return self.connections[name].chain_id

    def name_of(self, chain_id: int) -> str:
        return self.by_id[chain_id].name

    def cut_off_from(self, name: str) -> Deployment:
        """The same network, seen by someone whose node of that chain does not answer."""
        silent = replace(self.connections[name].chain, base_port=None, remote_url="http://127.0.0.1:9")
        return replace(self, connections={**self.connections, name: Connection(silent)})

    # ERA and credit

    def bring(self, account: str, amount: int, chains: Iterable[str] | None = None) -> None:
        """ERA (wei) of an account on these chains, all if not given, as if the bridge had brought it there.

        The books hold (P4), and no lane has a message of it.
        """
        hub = next(iter(self.connections.values()))
        for name in self.connections if chains is None else chains:
            connection = self.connections[name]
            if connection is hub:
                hub.send(TREASURY, self.era, _TRANSFER.encode(account, amount))
                continue
            chain_id = connection.chain.chain_id
            hub.send(TREASURY, self.era, _TRANSFER.encode(self.bridge, amount))
            held = self._outstanding(hub, chain_id)
            self._owe(hub, chain_id, amount)
            after = self._outstanding(hub, chain_id)
            assert after == (held[0] + amount, held[1] + amount), "outstanding is stored elsewhere"
            with impersonated(connection, self.bridge):
                self.must(name, self.bridge, self.era, _MINT.encode(account, amount))

    def _outstanding(self, hub: Connection, chain_id: int) -> tuple[int, int]:
        """ERA of one chain, and of all."""
        one = hub.view(self.bridge, bridge.OUTSTANDING, self.era, chain_id)
        return one, hub.view(self.bridge, bridge.TOTAL_OUTSTANDING)

    def _owe(self, hub: Connection, chain_id: int, amount: int) -> None:
        """Raises what is outstanding on a chain, as if it had been so since the last change."""
        layout = load_layout(names.BRIDGE)
        accounts, holders = layout.slot("_accounts"), layout.slot("_holders")

        def word(slot: int) -> int:
            return int(hub.rpc("eth_getStorageAt", self.bridge, hex(slot), "latest"), 16)

        def write(slot: int, value: int) -> None:
            hub.rpc("anvil_setStorageAt", self.bridge, f"0x{slot:064x}", f"0x{value:064x}")

        def place(key: str, value: Any, slot: int) -> int:
            return int.from_bytes(keccak(encode([key, "uint256"], [value, slot])), "big")

        account = place("uint256", chain_id, place("address", self.era, accounts))
        held = word(account)
        if not held >> _AMOUNT_BITS & (1 << _HOUR_BITS) - 1:
            held, count = held | 1 << _AMOUNT_BITS, word(holders)
            write(int.from_bytes(keccak(encode(["uint256"], [holders])), "big") + count, chain_id)
            write(holders, count + 1)
        write(account, held + amount)

    def prepay(
        self,
        sender: Sender,
        amount: int = 10 * ERA,
        chains: Iterable[str] | None = None,
        account: str | None = None,
    ) -> None:
        """Credit (wei) of an account, the sender if not given, on these chains, all if not given. The sender pays
        from ERA that is brought to it.
        """
        names = list(self.connections if chains is None else chains)
        self.bring(sender.address, amount, names)
        approval = Transaction(self.era, APPROVE.encode(self.gateway, amount), 100_000)
        credited = gateway.DEPOSIT_FOR.encode(account or sender.address, amount)
        deposit = Transaction(self.gateway, credited, 300_000)
        for name in names:
            self.connections[name].send_many(sender, [approval, deposit])

    # The owner

    def as_owner(self, chain: str, to: str, data: bytes) -> Receipt:
        """A transaction of a chain's timelock, as if a vote had decided it."""
        return act_as(self.connections[chain], self.owner, to, data)

    # Messages

    def place(self, placer: KeySender, *codes: bytes, chains: Iterable[str] | None = None) -> list[str]:
        """Addresses of contracts that an account creates alike on these chains, all if not given. It has done nothing
        else there: they are the same.
        """

        def create(name: str) -> tuple[str, ...]:
            connection = self.connections[name]
            connection.rpc("anvil_setBalance", placer.address, hex(10**20))
            return tuple(connection.send(placer, None, code)["contractAddress"] for code in codes)

        (addresses,) = set(in_parallel(create, self.connections if chains is None else chains))
        return list(addresses)

    def place_recipients(self) -> None:
        """Puts ACCEPTING and SCRIPTED on every chain, unless they are there."""
        if all(connection.code(SCRIPTED) for connection in self.connections.values()):
            return
        placed = self.place(_PLACER, _CREATE_ACCEPTING, init_code("ScriptedRecipient"))
        assert placed == [ACCEPTING, SCRIPTED]

    def script(self, chain: str, behaviour: int) -> None:
        """Tells a chain's scripted recipient how to behave."""
        self.connections[chain].send(SENDER, SCRIPTED, _SET_BEHAVIOUR.encode(behaviour))

    def send(
        self,
        origin: str,
        destination: str,
        payload: bytes = b"",
        *,
        count: int = 1,
        recipient: str = ACCEPTING,
        gas_limit: int | None = None,
        deliver_before: int | None = None,
    ) -> list[Sent]:
        """Sends `count` equal messages, and returns what their origin logged."""
        to = interoperable(self.id_of(destination), recipient)
        data = gateway.send_call(to, payload, gas_limit, deliver_before)
        transaction = Transaction(self.gateway, data, 120_000 + 60 * len(payload))
        receipts = _send_together(self.connections[origin], [transaction] * count)
        logs = [entry for receipt in receipts for entry in receipt["logs"]]
        return lane.parse(logs, self.network_id, self.id_of(origin))

    def inbox(self, origin: str, destination: str) -> tuple[int, bytes]:
        """Nonce and head of a lane at its destination."""
        return self.connections[destination].view(self.gateway, gateway.INBOX_LANE, self.id_of(origin))

    def outbox(self, origin: str, destination: str) -> tuple[int, bytes]:
        """Nonce and head of a lane at its origin."""
        lane = self.connections[origin].view(self.gateway, gateway.OUTBOX_LANE, self.id_of(destination))
        return lane.nonce, lane.head

    def restart(self, origin: str, destination: str, nonce: int) -> None:
        """Restarts a lane, as the owner of its origin."""
        self.as_owner(origin, self.gateway, gateway.RESTART.encode(self.id_of(destination), nonce))

    # Time

    def finalize(self) -> None:
        """Mines until everything that was sent is final."""
        clock.finalize(self.connections.values())

    def pass_time(self, seconds: int, *names: str) -> None:
        """On these chains, all if none is given."""
        clock.forward([self.connections[name] for name in names or self.connections], seconds)

    # Validators and relayers

    def attest(
        self, root: bytes, validator_set: ValidatorSet | None = None, signers: int | Iterable[str] = 4
    ) -> Attestation:
        """A root signed by members of a set, the first one if not given: by so many, or by these addresses."""
        chosen = validator_set or self.validator_set
        if isinstance(signers, int):
            signers = [signer for signer, _ in chosen.members][:signers]
        hash_ = self.domain.digest(root)
        signatures = {signer: compact(self.keys[signer].unsafe_sign_hash(hash_)) for signer in signers}
        return Attestation(root, chosen, signatures)

    def next_set(self, version: int = 2, positions: Sequence[int] = range(1, 6)) -> ValidatorSet:
        """Equal validators at these positions, for as many days longer than the first set as versions later."""
        expires = self.validator_set.expires + DAY * (version - self.validator_set.version)
        return ValidatorSet.of(version, expires, {_SIGNERS[i].address: 100 for i in positions})

    def rotate(self, chain: str, following: ValidatorSet, present: ValidatorSet | None = None) -> None:
        """Installs a set on a chain that has `present`, the first one if not given. The hub takes none this way."""
        attestation = self.attest(SetFact(following.version, following.hash).leaf, present)
        data = gateway.ROTATE.encode(attestation, following, [])
        self.connections[chain].send(RELAYER, self.gateway, data)

    def publish(self, *, after: int = staking.TERM) -> ValidatorSet:
        """The set that Staking publishes so many seconds later."""
        if after:
            self.pass_time(after)
        receipt = self.connections["hub"].send(RELAYER, self.staking, staking.SNAPSHOT.encode())
        (published,) = staking.SET_PUBLISHED.found_in(receipt["logs"], self.staking)
        return published

    def adopt(self, published: ValidatorSet) -> None:
        """The hub's gateway takes the newest set."""
        self.connections["hub"].send(RELAYER, self.gateway, gateway.ADOPT.encode(published))

    def wait_out(self, seconds: int) -> None:
        """On all chains, which then have the next set: for up to 17 days the one before brings it."""
        self.pass_time(seconds)
        published = self.publish(after=0)
        for name, connection in self.connections.items():
            if connection is self.connections["hub"]:
                self.adopt(published)
            else:
                self.rotate(name, published, read_sets(connection, self.gateway).installed)

    def replace_key(self, position: int, successor: int) -> None:
        """The validator at a position of the first set signs with the key at another one from the next set on."""
        hub, operator, signer = self.connections["hub"], OPERATORS[position], _SIGNERS[successor]
        proof = staking.possession(hub.chain_id, self.staking, operator.address, signer.address)
        id_ = hub.view(self.staking, staking.VALIDATOR_OF, _SIGNERS[position].address)
        data = staking.ROTATE_KEY.encode(id_, signer.address, compact(signer.account.sign_message(proof)))
        hub.send(operator, self.staking, data)

    def bond(self, position: int, own: int = 200_000 * ERA) -> None:
        """Another validator, with the key at a position, which is its own operator, bonds and joins."""
        hub, role = self.connections["hub"], _SIGNERS[position]
        self.bring(role.address, own, ["hub"])
        proof = staking.possession(hub.chain_id, self.staking, role.address, role.address)
        possession = compact(role.account.sign_message(proof))
        hub.send(role, self.era, APPROVE.encode(self.staking, own))
        hub.send(role, self.staking, staking.REGISTER.encode(role.address, 0, own, possession))
        id_ = hub.view(self.staking, staking.VALIDATOR_OF, role.address)
        hub.send(role, self.staking, staking.JOIN.encode(id_))

    def keep(
        self,
        exchange: Exchange,
        sender: Sender = RELAYER,
        memory: Memory | None = None,
        gas: int = KEEPER_GAS,
        patience: float = 20.0,
    ) -> Keeping:
        """One pass of a keeper that was just started."""
        senders = dict.fromkeys(self.connections, sender)
        keeper = Keeper(self, exchange, senders, memory or Memory.fleeting(), gas)
        chains, lines = list(self.connections.values()), list[str]()
        answers = keeper.keep(Loops(), chains, patience, lines.append)
        kept = {one.chain: one for one in answers if isinstance(one, Kept)}
        problems = [one for one in answers if isinstance(one, str)]
        return Keeping(kept, problems + [line for one in kept.values() for line in one.problems], lines)

    def validator(self, position: int, exchange: Exchange, folder: Path) -> Validator:
        """A validator with its record in a folder. From position 5 on they are not in the first set."""
        path = folder / f"record-{position}.sqlite"
        return Validator.open(_SIGNERS[position].account, self, exchange, path, begin=not path.exists())

    @contextmanager
    def signing(
        self,
        exchange: Exchange,
        folder: Path,
        positions: Sequence[int] = range(5),
    ) -> Iterator[list[Validator]]:
        """Validators at work, each in its own thread."""
        validators = [self.validator(position, exchange, folder) for position in positions]
        try:
            with crew.at_work(validators):
                yield validators
        finally:
            for validator in validators:
                validator.record.close()

    def trust_again(self, validators: Sequence[Validator], exchange: Exchange, name: str) -> None:
        """As the operators of validators at work after a chain was reorganised: of those who had signed for what is
        gone. Whoever was too late to sign for it has nothing to forgive.
        """
        chain_id = self.id_of(name)
        other = next(each for each in self.by_id if each != chain_id)
        root = exchange.propose([RestartFact(chain_id, other, 1 << 40)])
        deadline = time.monotonic() + 20
        for validator in validators:
            while validator.address not in exchange.refusals(root):
                assert time.monotonic() < deadline, f"{validator.address} did not look at {name}"
                time.sleep(0.02)
        saw = [validator for validator in validators if validator.chains.distrust(chain_id)]
        assert saw, f"{name} was not reorganised"
        for validator in saw:
            validator.chains.trust_again(name)
        exchange.remove(root)

    def relayer(
        self,
        exchange: Exchange,
        sender: Sender = RELAYER,
        timeout: float = 20.0,
        claim_multiple: float = float("inf"),
        memory: Memory | None = None,
    ) -> Relayer:
        """A relayer that claims nothing unless told to: a claim is one more message in a lane."""
        senders = dict.fromkeys(self.connections, sender)
        kept = memory or Memory.fleeting()
        return Relayer(self, exchange, senders, timeout, claim_multiple, kept)

    # Transactions of accounts that the node signs for

    def rpc(self, name: str, method: str, *params: Any) -> Any:
        return self.connections[name].rpc(method, *params)

    def read(self, name: str, requests: Sequence[tuple[str, bytes]]) -> list[bytes]:
        return self.connections[name].batch(call_request(to, data) for to, data in requests)

    def transact(
        self, name: str, sender: str, to: str, data: bytes, gas: int = TRANSACTION_GAS
    ) -> dict[str, Any]:
        """Receipt as the node gives it, reverted transactions included."""
        transaction = {"from": sender, "to": to, "data": to_hex(data), "gas": hex(gas)}
        receipt: dict[str, Any] = self.rpc(name, "eth_sendTransactionSync", transaction)
        return receipt

    def must(self, name: str, sender: str, to: str, data: bytes) -> None:
        """A transaction that cannot fail."""
        assert self.transact(name, sender, to, data)["status"] == "0x1"

    def recode(self, name: str, address: str, code: bytes) -> None:
        """Puts what this creation code makes at an address, immutables included. The storage there stays as it is."""
        place = {address: {"code": to_hex(code), "state": {}}}
        built = self.rpc(name, "eth_call", {"to": address, "data": "0x"}, "latest", place)
        self.rpc(name, "anvil_setCode", address, built)

    def refusal(self, name: str, sender: str, to: str, data: bytes, at: int) -> str | None:
        """Why a call in the second `at` reverts: the error, empty if it gives none. None if it does not."""
        request = call_request(to, data, sender=sender, gas=TRANSACTION_GAS)
        try:
            self.rpc(name, request.method, *request.params, {}, {"time": hex(at)})
        except Reverted as error:
            return error.reason if error.data else ""
        except RpcError as error:
            if "OutOfGas" not in str(error):
                raise
            return ""
        return None


@dataclass(frozen=True)
class Keeping:
    """What one pass of a keeper did on each chain, by name; all that went wrong; and what it said."""

    kept: Mapping[str, Kept]
    problems: list[str]
    lines: list[str]

    @property
    def done(self) -> dict[str, list[str]]:
        """Chores by chain, where there were any."""
        return {name: one.done for name, one in self.kept.items() if one.done}


@contextmanager
def impersonated(connection: Connection, account: str) -> Iterator[None]:
    """The node signs for an account that no one has the key of; it pays for gas only meanwhile."""
    connection.rpc("anvil_impersonateAccount", account)
    connection.rpc("anvil_setBalance", account, hex(10**20))
    yield
    connection.rpc("anvil_setBalance", account, "0x0")
    connection.rpc("anvil_stopImpersonatingAccount", account)


def _send_together(connection: Connection, transactions: list[Transaction]) -> list[Receipt]:
    """Receipts of transactions that are mined together: a block for each takes ten times as long."""
    if len(transactions) < 10:
        return connection.send_many(SENDER, transactions)
    connection.rpc("evm_setAutomine", False)
    signed = connection.sign_many(SENDER, transactions)
    connection.broadcast(signed)
    connection.rpc("anvil_mine", hex(1 + sum(t.gas or 0 for t in transactions) // 30_000_000))
    connection.rpc("evm_setAutomine", True)
    receipts = connection.receipts([one.hash for one in signed])
    assert all(receipt["status"] == 1 for receipt in receipts)
    return receipts
