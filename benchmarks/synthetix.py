"""Gas of Synthetix's StakingRewards: the bytecode that its npm package says is deployed on mainnet.

What is staked is there again at once, nothing can be slashed, and nobody is chosen: the least that staking costs.
"""

from __future__ import annotations

import itertools
from typing import Any

from benchmarks.meter import Meter, gas_used
from benchmarks.npm import Package
from benchmarks.tokens import Token
from metalayer.assets.tokens import APPROVE, TRANSFER
from metalayer.protocol.abi import Function

_AMOUNT = 10**18
_REWARD = 70_000 * _AMOUNT

_GET_REWARD = Function("getReward()")
_NOTIFY = Function("notifyRewardAmount(uint256)")
_STAKE = Function("stake(uint256)")
_WITHDRAW = Function("withdraw(uint256)")


class Synthetix:
    """Stakes a token for rewards in it. The meter's sender has all of it."""

    def __init__(self, meter: Meter, package: Package, token: Token) -> None:
        self._meter = meter
        self._token = token
        self._names = itertools.count(1)
        deployed = package.json("publish/deployed/mainnet/deployment.json")
        creation = bytes.fromhex(deployed["sources"]["StakingRewards"]["bytecode"].removeprefix("0x"))
        owner = meter.sender
        self._pool = meter.deploy(creation, ["address"] * 4, [owner, owner, token.address, token.address])
        self._send(token.address, APPROVE, self._pool, 2**256 - 1)
        self._send(self._pool, _STAKE, _REWARD)

    def run(self) -> dict[str, int]:
        """Gas by name, while rewards stream."""
        self._send(self._token.address, TRANSFER, self._pool, _REWARD)
        self._send(self._pool, _NOTIFY, _REWARD)
        figures = self._meter.medians(f"synthetix, {self._token.name}: stake", self._staked)
        return figures | self._meter.medians(f"synthetix, {self._token.name}: reward", self._rewarded)

    def _staked(self) -> dict[str, int]:
        new = self._meter.account(f"synthetix {self._token.name} {next(self._names)}")
        self._send(self._token.address, TRANSFER, new, 2 * _AMOUNT)
        self._send(self._token.address, APPROVE, self._pool, 2**256 - 1, sender=new)
        self._token.hold(self._meter, new)
        return {
            "stake_first": self._send(self._pool, _STAKE, _AMOUNT, sender=new),
            "stake_more": self._send(self._pool, _STAKE, _AMOUNT),
            "withdraw": self._send(self._pool, _WITHDRAW, _AMOUNT),
        }

    def _rewarded(self) -> dict[str, int]:
        return {"get_reward": self._send(self._pool, _GET_REWARD)}

    def _send(self, to: str, function: Function, *values: Any, sender: str | None = None) -> int:
        return gas_used(self._meter.transact(to, function.encode(*values), sender=sender))
