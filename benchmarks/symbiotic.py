"""Gas of Symbiotic's vaults: the bytecode that Symbiotic's npm package of rewards ships of its core.

One network, one vault for each of the two slashers, with a NetworkRestakeDelegator, epochs of a week; set up as
Symbiotic's own scripts do it. Slashes take from an operator that was never slashed before, as ours do; no hints.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from eth_abi.abi import encode

from benchmarks.meter import Meter, gas_used
from benchmarks.npm import Package
from benchmarks.tokens import Token
from metalayer.assets.tokens import APPROVE
from metalayer.protocol.abi import Function
from metalayer.protocol.hex import from_hex

EPOCH = 7 * 86_400
VETO = 86_400
"""Seconds in which a resolver can veto a slash."""

_ZERO = "0x" + "00" * 20
_BURNER = "0x" + "77" * 20
_UNIT = 10**18
_STAKE = 1_000_000 * _UNIT
_NO_HINTS = b""

_CLAIM = Function("claim(address,uint256)")
_CREATE = Function("create((uint64,address,bytes,uint64,bytes,bool,uint64,bytes))", "address,address,address")
_CURRENT_EPOCH = Function("currentEpoch()", "uint256", int)
_DEPOSIT = Function("deposit(address,uint256)")
_EPOCH_START = Function("currentEpochStart()", "uint48", int)
_EXECUTE_SLASH = Function("executeSlash(uint256,bytes)")
_OPT_IN = Function("optIn(address)")
_REGISTER_NETWORK = Function("registerNetwork()")
_REGISTER_OPERATOR = Function("registerOperator()")
_REQUEST_SLASH = Function("requestSlash(bytes32,address,uint256,uint48,bytes)")
_SET_LIMIT = Function("setNetworkLimit(bytes32,uint256)")
_SET_MAX_LIMIT = Function("setMaxNetworkLimit(uint96,uint256)")
_SET_MIDDLEWARE = Function("setMiddleware(address)")
_SET_RESOLVER = Function("setResolver(uint96,address,bytes)")
_SET_SHARES = Function("setOperatorNetworkShares(bytes32,address,uint256)")
_SLASH = Function("slash(bytes32,address,uint256,uint48,bytes)")
_SLASH_REQUESTS = Function("slashRequestsLength()", "uint256", int)
_WHITELIST = Function("whitelist(address)")
_WITHDRAW = Function("withdraw(address,uint256)")


class Vault(NamedTuple):
    """A vault and its modules."""

    address: str
    delegator: str
    slasher: str


class Symbiotic:
    """Vaults of a token. The meter's sender has all of it, curates them, and is the network and its middleware."""

    def __init__(self, meter: Meter, package: Package, token: Token) -> None:
        self._meter = meter
        self._package = package
        self._token = token
        self._names = itertools.count(1)
        self._subnetwork = from_hex(meter.sender) + bytes(12)
        self._registries()
        self._instant, self._vetoed = self._vaults()

    def run(self) -> dict[str, int]:
        """Gas by name."""
        figures = self._medians("deposit", self._deposited)
        figures |= self._left()
        figures |= self._medians("slash", self._slashed)
        return dict(sorted(figures.items()))

    def _medians(self, what: str, once: Callable[[], Mapping[str, int]]) -> dict[str, int]:
        return self._meter.medians(f"symbiotic, {self._token.name}: {what}", once)

    # What is measured

    def _deposited(self) -> dict[str, int]:
        vault = self._instant.address
        new = self._meter.account(f"symbiotic {self._token.name} {next(self._names)}")
        return {
            "deposit_first": self._send(vault, _DEPOSIT, new, _UNIT),
            "deposit_more": self._send(vault, _DEPOSIT, self._meter.sender, _UNIT),
        }

    def _left(self) -> dict[str, int]:
        vault, owner = self._instant.address, self._meter.sender
        epochs: list[int] = []

        def leave() -> dict[str, int]:
            self._next_epoch()
            epochs.append(self._view(vault, _CURRENT_EPOCH) + 1)
            return {
                f"withdraw_{name}": self._send(vault, _WITHDRAW, owner, _UNIT) for name in ("first", "later")
            }

        left = self._medians("withdraw", leave)
        for _ in range(2):
            self._next_epoch()
        mature = iter(epochs)
        return left | self._medians(
            "claim", lambda: {"claim": self._send(vault, _CLAIM, owner, next(mature))}
        )

    def _slashed(self) -> dict[str, int]:
        """In an epoch in which some stake began to leave."""
        self._next_epoch()
        slasher = self._instant.slasher
        operators = [self._operator(vault) for vault in (self._instant, self._vetoed)]
        for vault in (self._instant, self._vetoed):
            self._send(vault.address, _WITHDRAW, self._meter.sender, _UNIT)
        slash = self._send(slasher, _SLASH, *self._capture(operators[0]))
        slasher = self._vetoed.slasher
        index = self._view(slasher, _SLASH_REQUESTS)
        request = self._send(slasher, _REQUEST_SLASH, *self._capture(operators[1]))
        self._meter.wait(VETO)
        execute = self._send(slasher, _EXECUTE_SLASH, index, _NO_HINTS)
        return {"slash": slash, "slash_request": request, "slash_execute": execute}

    def _capture(self, operator: str) -> tuple[bytes, str, int, int, bytes]:
        """A slash of what an operator had a block ago."""
        return self._subnetwork, operator, _UNIT // 10, self._meter.now, _NO_HINTS

    # What it takes

    def _registries(self) -> None:
        owner = self._meter.sender
        self._vault_factory, self._delegator_factory, self._slasher_factory = (
            self._deploy(f"{kind}Factory", ["address"], [owner]) for kind in ("Vault", "Delegator", "Slasher")
        )
        self._networks = self._deploy("NetworkRegistry")
        self._operators = self._deploy("OperatorRegistry")
        self._middlewares = self._deploy("NetworkMiddlewareService", ["address"], [self._networks])
        types = ["address", "address", "string"]
        self._vault_opt_ins, self._network_opt_ins = (
            self._deploy("OptInService", types, [self._operators, where, name])
            for where, name in (
                (self._vault_factory, "OperatorVaultOptInService"),
                (self._networks, "OperatorNetworkOptInService"),
            )
        )
        vaults, delegators, slashers = self._vault_factory, self._delegator_factory, self._slasher_factory
        opt_ins = self._vault_opt_ins, self._network_opt_ins
        self._whitelist("Vault", vaults, delegators, slashers, vaults)
        arguments = self._networks, vaults, *opt_ins, delegators
        self._whitelist("NetworkRestakeDelegator", delegators, *arguments, 0)
        self._whitelist("Slasher", slashers, vaults, self._middlewares, slashers, 0)
        self._whitelist("VetoSlasher", slashers, vaults, self._middlewares, self._networks, slashers, 1)
        self._send(self._networks, _REGISTER_NETWORK)
        self._send(self._middlewares, _SET_MIDDLEWARE, owner)

    def _whitelist(self, name: str, factory: str, *arguments: str | int) -> None:
        """An implementation that a factory may use, with addresses and its type as arguments."""
        types = ["address" if isinstance(value, str) else "uint64" for value in arguments]
        self._send(factory, _WHITELIST, self._deploy(name, types, arguments))

    def _vaults(self) -> list[Vault]:
        """One with the slasher that acts at once, one with that which can be vetoed; stake in each."""
        owner = self._meter.sender
        factories = [self._vault_factory, self._delegator_factory, self._slasher_factory]
        configurator = self._deploy("VaultConfigurator", ["address"] * 3, factories)
        terms = encode(
            ["(address,address,uint48,bool,bool,uint256,address,address,address,address,address)"],
            [(self._token.address, _BURNER, EPOCH, False, False, 0, *[owner] * 5)],
        )
        shares = encode(
            ["((address,address,address),address[],address[])"], [((owner, _ZERO, owner), [owner], [owner])]
        )
        slashers = [
            encode(["((bool))"], [((False,),)]),
            encode(["((bool),uint48,uint256)"], [((False,), VETO, 3)]),
        ]
        made = []
        for kind, slasher in enumerate(slashers):
            parameters = (1, owner, terms, 0, shares, True, kind, slasher)
            vault = Vault(*self._view(configurator, _CREATE, parameters))
            self._send(configurator, _CREATE, parameters)
            self._send(vault.delegator, _SET_MAX_LIMIT, 0, 2**255)
            self._send(vault.delegator, _SET_LIMIT, self._subnetwork, 2**255)
            self._send(self._token.address, APPROVE, vault.address, 2**256 - 1)
            self._send(vault.address, _DEPOSIT, owner, _STAKE)
            made.append(vault)
        self._send(made[1].slasher, _SET_RESOLVER, 0, self._meter.account("resolver"), _NO_HINTS)
        return made

    def _operator(self, vault: Vault) -> str:
        """A new one, with shares of a vault."""
        operator = self._meter.account(f"operator {self._token.name} {next(self._names)}")
        for to, function, *values in (
            (self._operators, _REGISTER_OPERATOR),
            (self._vault_opt_ins, _OPT_IN, vault.address),
            (self._network_opt_ins, _OPT_IN, self._meter.sender),
        ):
            self._meter.transact(to, function.encode(*values), sender=operator)
        self._send(vault.delegator, _SET_SHARES, self._subnetwork, operator, _UNIT)
        return operator

    def _next_epoch(self) -> None:
        """Of both vaults: each begins with the second of its creation."""
        starts = [self._view(vault.address, _EPOCH_START) for vault in (self._instant, self._vetoed)]
        self._meter.reach(max(starts) + EPOCH)

    def _deploy(self, name: str, types: Sequence[str] = (), values: Sequence[Any] = ()) -> str:
        return self._meter.deploy(self._package.forged(name), types, values)

    def _send(self, to: str, function: Function, *values: Any) -> int:
        return gas_used(self._meter.transact(to, function.encode(*values)))

    def _view(self, to: str, function: Function, *values: Any) -> Any:
        return self._meter.connection.view(to, function, *values)
