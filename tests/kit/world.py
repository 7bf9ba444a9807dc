"""Three chains between which tokens move: who has what, where it goes, and how to tell bridges anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.message import Message, interoperable
from metalayer.protocol.transfers import Front, Kind, Options, Payload
from tests.kit.evm import Contract, Receipt, Revert, deploy, now
from tests.kit.hops import AMOUNT, CREDIT, FUNDS, SECOND_FEE, Asset, Courier, carried, deposit
from tests.kit.paper import DAY, Validators
from tests.kit.roles import BENEFICIARY, DEPOSITOR, DEVELOPER, GUARDIAN, OWNER, RELAYER
from tests.kit.stack import Stack

ENDLESS = 2**256 - 1
PREPAID = SECOND_FEE // GWEI
"""What the second hop costs over the hub, in gwei."""
TRANSFER_KINDS = (Kind.OUT, Kind.BACK, Kind.RETURN)


@dataclass(frozen=True)
class World:
    """The depositor has ERA, gems (at home on the hub) and coins (at home on arcade) everywhere, and credit."""

    stacks: dict[str, Stack]
    courier: Courier
    assets: dict[str, Asset]

    @classmethod
    def found(cls, stacks: dict[str, Stack], validators: Validators, treasury: str) -> World:
        """As a network is after some transfers: nothing is under way, and every token is described everywhere."""
        courier = Courier(stacks, validators, RELAYER.address)
        world = cls(stacks, courier, {"era": courier.assets[0]})
        hub = stacks["hub"]
        hub.era.send("transfer", DEPOSITOR.address, 10 * FUNDS, sender=treasury)
        hub.era.send("approve", hub.bridge.address, ENDLESS, sender=DEPOSITOR.address)
        deposit(hub, DEPOSITOR.address, 10 * CREDIT)
        world._spread("era", "hub", FUNDS + 10 * CREDIT)
        for name in ("arcade", "perps"):
            deposit(stacks[name], DEPOSITOR.address, 10 * CREDIT)
        for token, home, decimals in (("gem", "hub", 18), ("coin", "arcade", 6)):
            world.issue(token, home, "TestToken", token.title(), token.upper(), decimals, DEPOSITOR.address)
            world._spread(token, home, FUNDS)
        return world

    def issue(
        self, token: str, home: str, contract: str, *arguments: Any, supply: int = 1_000 * FUNDS
    ) -> Contract:
        """Deploys a token. Whoever is named last has its supply; the depositor lets the bridge take it. Its books are
        checked from now on.
        """
        stack = self.stacks[home]
        issued = deploy(stack.chain, contract, *arguments, supply, sender=DEVELOPER.address)
        self.assets[token] = self.courier.watch(home, issued)
        issued.send("approve", stack.bridge.address, ENDLESS, sender=DEPOSITOR.address)
        return issued

    def _spread(self, token: str, home: str, amount: int) -> None:
        """The depositor sends to itself on the other chains."""
        for name in self.stacks:
            if name != home:
                self.send(token, home, name, DEPOSITOR.address, amount)
                self.courier.carry(home, name)

    def fork(self) -> World:
        """The same, for one test."""
        courier = self.courier.fork()
        names = dict(zip(self.assets, courier.assets, strict=True))
        return replace(self, courier=courier, assets=names)

    # What is where

    @property
    def depositor(self) -> str:
        return DEPOSITOR.address

    def id_of(self, name: str) -> int:
        return self.stacks[name].chain.chain_id

    def bridge(self, name: str) -> Contract:
        return self.stacks[name].bridge

    def home_of(self, token: str) -> str:
        return self.assets[token].home

    def address(self, token: str) -> str:
        """On its home."""
        return self.assets[token].token.address

    def local(self, token: str, name: str) -> Contract:
        """What stands for a token on a chain, or the token itself."""
        asset = self.assets[token]
        if asset.home == name:
            return asset.token
        stack = self.stacks[name]
        address = stack.bridge.view("localOf", self.id_of(asset.home), asset.token.address)
        return Contract(stack.chain, "ERA" if asset.is_era else "BridgedToken", address)

    def balance(self, token: str, name: str, account: str) -> int:
        return int(self.local(token, name).view("balanceOf", account))

    def outstanding(self, token: str, name: str) -> int:
        home = self.bridge(self.home_of(token))
        return int(home.view("outstanding", self.address(token), self.id_of(name)))

    def path(self, token: str, origin: str, destination: str) -> list[tuple[str, str]]:
        """Hops of a transfer."""
        home = self.home_of(token)
        if home in (origin, destination):
            return [(origin, destination)]
        return [(origin, home), (home, destination)]

    # Transfers

    def call(
        self, token: str, origin: str, destination: str, to: str, amount: int, options: Options | None = None
    ) -> tuple[Any, ...]:
        """Arguments of `send`."""
        plain = (self.local(token, origin).address, self.id_of(destination), to, amount)
        return plain if options is None else (*plain, options.fields)

    def send(
        self,
        token: str,
        origin: str,
        destination: str,
        to: str = BENEFICIARY.address,
        amount: int = AMOUNT,
        options: Options | None = None,
        *,
        sender: str = DEPOSITOR.address,
        at: int | None = None,
    ) -> Message:
        """Starts a transfer: its first hop."""
        call = self.call(token, origin, destination, to, amount, options)
        return self.noted(origin, self.bridge(origin).send("send", *call, sender=sender, at=at))

    def send_unchecked(self, token: str, origin: str, destination: str, amount: int, at: int) -> None:
        """The same when the books are none, because a gateway told what nobody had sent."""
        call = self.call(token, origin, destination, BENEFICIARY.address, amount)
        self.bridge(origin).send("send", *call, sender=DEPOSITOR.address, at=at)

    def noted(self, name: str, receipt: Receipt) -> Message:
        """The one hop that a transaction of a bridge sent, perhaps with a description before it."""
        messages = self.courier.note(name, receipt)
        self.courier.check_balances()
        (hop,) = [message for message in messages if carried(message)]
        return hop

    def refusal(
        self,
        token: str,
        origin: str,
        destination: str,
        to: str = BENEFICIARY.address,
        amount: int = AMOUNT,
        options: Options | None = None,
        *,
        sender: str = DEPOSITOR.address,
        at: int | None = None,
    ) -> Revert:
        """Why a transfer does not start."""
        call = self.call(token, origin, destination, to, amount, options)
        return self.bridge(origin).revert("send", *call, sender=sender, at=at)

    def carry(self, message: Message, at: int | None = None) -> Receipt:
        """Delivers a hop with everything before it."""
        names = self.courier.names
        return self.courier.carry(names[message.origin], names[message.destination], at=at)

    def only_open(self) -> Message:
        """The one hop that has not ended."""
        (message,) = [message for message in self.courier.open.values() if carried(message)]
        return message

    def arrive(self, first: Message) -> Receipt:
        """Carries a transfer to its end: the receipt of its last hop. Its second hop is paid, if it has one."""
        receipt = self.carry(first)
        for id_, send_id, *_ in receipt.named("TransferForwarded"):
            if id_ == first.id:
                return self.carry(self.courier.open[send_id])
        return receipt

    def prepaid(self, token: str, origin: str, destination: str) -> Options | None:
        """With the fee of a second hop over the hub."""
        hops = self.path(token, origin, destination)
        return Options(fee=PREPAID) if len(hops) == 2 and hops[1][0] == "hub" else None

    def pay(self, name: str, id_: bytes, amount: int = PREPAID) -> None:
        """The depositor pays for the next hop of a transfer (gwei)."""
        bridge = self.bridge(name)
        self.courier.note(name, bridge.send("pay", id_, amount, sender=DEPOSITOR.address))
        self.courier.check_balances()

    def second_hop(self, token: str, origin: str, destination: str, **wish: Any) -> tuple[Message, Message]:
        """A transfer on its second hop: both hops."""
        options = wish.pop("options", Options())
        if self.home_of(token) == "hub":
            options = replace(options, fee=options.fee or PREPAID)
        first = self.send(token, origin, destination, options=options, **wish)
        if self.home_of(token) != "hub":
            self.pay(self.home_of(token), first.id)
        ((_, send_id, *_),) = self.carry(first).named("TransferForwarded")
        return first, self.courier.open[send_id]

    def front_of(self, first: Message) -> Front:
        """Terms of a transfer, as a solver sees them."""
        payload = Payload.read(first.payload)
        home = first.destination if payload.kind is Kind.BACK else first.origin
        return payload.front(first.id, first.origin, home)

    # What owner and guardian do

    def limit(
        self, token: str, name: str, other: str, out: int, in_: int, window: int, at: int | None = None
    ) -> None:
        """Sets limits of a token on a chain for another one."""
        call = ("setLimits", self.local(token, name).address, self.id_of(other), out, in_, window)
        self.bridge(name).send(*call, sender=OWNER.address, at=at)

    def free(self, token: str, name: str, other: str, at: int | None = None) -> tuple[int, int]:
        """What is free of limits, out and in."""
        call = ("limitsOf", self.local(token, name).address, self.id_of(other))
        return tuple(self.bridge(name).view(*call, at=at)[4:])

    def hold(self, name: str, other: str, seconds: int, at: int | None = None) -> None:
        """Holds value from another chain."""
        self.bridge(name).send("hold", self.id_of(other), seconds, sender=GUARDIAN.address, at=at)

    def now(self, name: str) -> int:
        return now(self.stacks[name].chain)

    # What a gateway may say

    def tell(
        self,
        name: str,
        origin: int,
        payload: bytes,
        *,
        id_: bytes = b"\7" * 32,
        caller: str | None = None,
        sender: str | None = None,
        at: int | None = None,
    ) -> Revert:
        """What a bridge says to a message that its gateway brings, without any validator involved. AssertionError if it
        takes it.
        """
        call = self.brought(name, origin, payload, id_, sender)
        return self.bridge(name).revert(*call, sender=caller or self.stacks[name].gateway.address, at=at)

    def told(
        self, name: str, origin: int, payload: bytes, *, id_: bytes = b"\7" * 32, at: int | None = None
    ) -> Receipt:
        """The same of a message that it takes, or lets wait. The books do not know of it."""
        gateway = self.stacks[name].gateway.address
        impersonate(self.stacks[name], gateway)
        return self.bridge(name).send(*self.brought(name, origin, payload, id_), sender=gateway, at=at)

    def brought(
        self, name: str, origin: int, payload: bytes, id_: bytes, sender: str | None = None
    ) -> tuple[Any, ...]:
        account = sender or self.bridge(name).address
        return "receiveMessage", id_, interoperable(origin, account), payload

    def forge(
        self,
        origin: str,
        destination: str,
        *payloads: bytes,
        gas_limit: int = 1_000_000,
        at: int | None = None,
    ) -> Receipt:
        """Delivers what no bridge sent, but a whole quorum signed. The lane's place is used up."""
        gateway, bridge = self.stacks[destination].gateway, self.bridge(origin).address
        lane = self.courier.lane(origin, destination)
        for payload in payloads:
            deadline = (at or now(gateway.chain)) + DAY
            lane.append(bridge, bridge, deliver_before=deadline, gas_limit=gas_limit, payload=payload)
        call = self.courier.arguments(origin, destination)
        return gateway.send("deliver", *call, sender=self.courier.relayer, at=at)

    def payload(self, token: str, kind: Kind, chain: str, **members: Any) -> Payload:
        """A transfer of a token, as a bridge sends it."""
        plain: dict[str, Any] = {
            "from_": DEPOSITOR.address,
            "to": BENEFICIARY.address,
            "amount": AMOUNT,
            "id": b"\5" * 32 if kind is Kind.RETURN else None,
        }
        return Payload(kind, self.address(token), chain=self.id_of(chain), **plain | members)


def impersonate(stack: Stack, account: str) -> None:
    """The node signs for an account, which can pay for gas."""
    stack.chain.rpc("anvil_impersonateAccount", [account])
    stack.chain.rpc("anvil_setBalance", [account, hex(10**20)])
