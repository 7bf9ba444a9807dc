"""A solver that knows ERC-7683 (draft of 13 May 2026) and nothing else: it reads what a resolver answers, and does it.

Everything in an order is calldata of interfaces that nobody implements. This reads those forms that our resolver uses;
any other one is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tests.kit.chains import BoundChain
from tests.kit.evm import CODEC, Contract, Receipt, Revert, call, now, transact

FORMS = (
    "Call(bytes,bytes4,bytes[],bytes[])",
    "PaymentRecipient()",
    "ExecutionOutput(string,uint256)",
    "Query(bytes,bytes4,bytes[],uint256)",
    "ERC20(bytes,bytes,bytes,uint256,uint256,uint256)",
    "SpendsERC20(bytes,bytes,bytes,bytes)",
    "TimingBounds(string,bytes,bytes)",
    "NeedsStep(uint256)",
    "RevertPolicy(string,bytes)",
    "Constant(uint256)",
    "Variable(uint256)",
)
_DYNAMIC = b"".join(word.to_bytes(32, "big") for word in (0x40, 0x60, 0))
LATEST = 2**256 - 1

Form = tuple[str, tuple[Any, ...]]
"""Name and values of what a piece of calldata says."""


def read_form(data: bytes) -> Form:
    """AssertionError if the draft has no such form, or it is not encoded as ABI encoders do."""
    for signature in FORMS:
        name, _, types = signature.removesuffix(")").partition("(")
        if data[:4] == keccak(text=signature)[:4]:
            listed = types.split(",") if types else []
            values = CODEC.decode(listed, data[4:])
            assert CODEC.encode(listed, values) == data[4:]
            return name, values
    raise AssertionError(f"no form of the draft: {data[:4].hex()}")


def place_of(interoperable: bytes) -> tuple[int, str]:
    """Chain id and address (ERC-7930, eip155)."""
    assert interoperable[:4] == bytes.fromhex("00010000")
    length = interoperable[4]
    account = interoperable[6 + length :]
    assert (interoperable[5 + length], len(account)) == (20, 20)
    return int.from_bytes(interoperable[5 : 5 + length], "big"), to_checksum_address(account)


@dataclass
class Solver:
    """An account that executes orders, on one chain."""

    chain: BoundChain
    account: str
    order: tuple[Any, ...]
    values: dict[int, bytes] = field(default_factory=dict)
    """What its variables are, as single words."""

    @property
    def steps(self) -> list[Form]:
        return [read_form(step) for step in self.order[0]]

    @property
    def payments(self) -> list[Form]:
        return [read_form(payment) for payment in self.order[2]]

    @property
    def assumptions(self) -> dict[str, bytes]:
        return dict(self.order[3])

    def attributes(self, step: int) -> list[Form]:
        return [read_form(attribute) for attribute in self.steps[step][1][3]]

    def value(self, index: int, at: int) -> bytes:
        """Decides a variable, if its role says how; `at`: the second in which the step runs that it may depend on."""
        if index not in self.values:
            role, values = read_form(self.order[1][index])
            if role == "PaymentRecipient":
                return bytes(12) + bytes.fromhex(self.account[2:])
            if role == "ExecutionOutput":
                assert values[0] == "block.timestamp"
                return at.to_bytes(32, "big")
            assert role == "Query"
            target, selector, arguments, block = values
            assert block == LATEST
            answer = call(self.chain, self._here(target), selector + self._encode(arguments, at))
            assert not isinstance(answer, Revert)
            return answer
        return self.values[index]

    def amount(self, formula: bytes, at: int) -> int:
        kind, (value,) = read_form(formula)
        return int(value) if kind == "Constant" else int.from_bytes(self.value(value, at), "big")

    def execute(self, step: int, at: int) -> Receipt:
        """Executes a step in a second, after it has allowed what the step spends, to the unit, and checked when."""
        name, (target, selector, arguments, _) = self.steps[step]
        assert name == "Call"
        for attribute, values in self.attributes(step):
            if attribute == "SpendsERC20":
                token, formula, spender, _ = map(self._maybe_here, values)
                erc20 = Contract(self.chain, "PlainToken", token)
                erc20.send("approve", spender, self.amount(formula, at), sender=self.account)
            if attribute == "TimingBounds":
                field_, lower, upper = values
                assert field_ == "block.timestamp"
                assert (self.amount(lower, at) if lower else 0) <= at <= self.amount(upper, at)
        data = selector + self._encode(arguments, at)
        assert at > now(self.chain)
        return transact(self.chain, self._here(target), data, self.account, at=at)

    def refusal(self, step: int, at: int) -> str | None:
        """What to do if the step would revert now, as the order says; None if it would not."""
        _, (target, selector, arguments, _) = self.steps[step]
        data = selector + self._encode(arguments, at)
        result = call(self.chain, self._here(target), data, sender=self.account, at=at)
        if not isinstance(result, Revert):
            return None
        policies = [values for name, values in self.attributes(step) if name == "RevertPolicy"]
        return next(str(policy) for policy, reason in policies if result.data.startswith(reason))

    def _encode(self, arguments: list[bytes], at: int) -> bytes:
        """Calldata of arguments, each the index of a variable or a framed value. All here are static."""
        return b"".join([self._argument(argument, at) for argument in arguments])

    def _argument(self, argument: bytes, at: int) -> bytes:
        if len(argument) == 32:
            return self.value(int.from_bytes(argument, "big"), at)
        assert not argument.startswith(_DYNAMIC)
        value = argument[32:-32]
        assert (int.from_bytes(argument[:32], "big"), argument[-32:]) == (32 + len(value), bytes(32))
        return value

    def _here(self, interoperable: bytes) -> str:
        chain_id, account = place_of(interoperable)
        assert chain_id == self.chain.chain_id
        return account

    def _maybe_here(self, value: bytes) -> Any:
        return self._here(value) if value.startswith(bytes.fromhex("00010000")) else value
