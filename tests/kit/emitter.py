"""A contract that logs what it is told to, for readers of logs."""

from __future__ import annotations

from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import word
from tests.kit.chains import BoundChain

EMITTER = "0x" + "e1" * 20
# The number of the block as data, the first word of the calldata as topic: NUMBER PUSH0 MSTORE PUSH0 CALLDATALOAD PUSH1
# 32 PUSH0 LOG1.
_CODE = "0x435f525f3560205fa1"
# Anvil loses the state of old blocks at a snapshot's return if there were more than 500 since.
EMPTY = 300
BLOCKS = 40
TOPICS = 3


def emit(chain: BoundChain) -> None:
    """Puts EMITTER behind 300 empty blocks, and has it log topics 1 to 3 in each of the next 40."""
    caller = chain.rpc("eth_accounts")[0]
    chain.rpc("anvil_mine", [hex(EMPTY)])
    chain.rpc("anvil_setCode", [EMITTER, _CODE])
    chain.rpc("evm_setAutomine", [False])
    for _ in range(BLOCKS):
        for topic in range(1, TOPICS + 1):
            data = {"from": caller, "to": EMITTER, "gas": hex(50_000), "data": to_hex(word(topic))}
            chain.rpc("eth_sendTransaction", [data])
        chain.rpc("anvil_mine", ["0x1"])
    chain.rpc("evm_setAutomine", [True])
