"""A node that is not anvil: py-evm, another implementation of the EVM, behind JSON-RPC as public providers offer it.

python -m tests.kit.pyevm PORT CHAIN_ID ADDRESS…

A chain of its own, in memory, with a block every second, whose first block gives the addresses ether. The node has no
accounts and none of anvil's methods, knows no pending state, answers for few blocks of logs and few requests at a time.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

from eth.chains.base import MiningChain
from eth.constants import POST_MERGE_DIFFICULTY, POST_MERGE_MIX_HASH, POST_MERGE_NONCE
from eth.db import get_db_backend
from eth.exceptions import HeaderNotFound, Revert, VMError
from eth.vm.forks.prague import PragueVM
from eth.vm.spoof import SpoofTransaction
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from rlp import encode

BLOCK_SECONDS = 1.0
GAS_LIMIT = 60_000_000
MOST_LOG_BLOCKS = 100
MOST_IN_BATCH = 25
DEPTHS = {"latest": 0, "safe": 1, "finalized": 2}
ETHER = 10**18
PLACER = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
PLACER_CODE = (
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe036016000816020"
    "82378035828234f58015156039578182fd5b8082525050506014600cf3"
)
"""The deterministic deployment proxy, which chains have from their first block on."""

_LIMIT, _REVERTED, _NO_METHOD, _WRONG = -32_005, 3, -32_601, -32_602
_TIP = 10**8


class Refused(Exception):
    """A JSON-RPC error."""

    def __init__(self, message: str, code: int = -32_000, data: str | None = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message} | ({} if data is None else {"data": data})


class Executed(NamedTuple):
    """What a call came to, and the gas that a transaction would have used."""

    computation: Any
    used: int


class PyEvm:
    """The chain and what it says of itself. One thing at a time: see `lock`."""

    def __init__(self, chain_id: int, rich: list[str]) -> None:
        configured = MiningChain.configure(
            __name__="PyEvm", vm_configuration=((0, PragueVM),), chain_id=chain_id
        )
        first: Any = {
            "difficulty": POST_MERGE_DIFFICULTY,
            "mix_hash": POST_MERGE_MIX_HASH,
            "nonce": POST_MERGE_NONCE,
            "gas_limit": GAS_LIMIT,
            "timestamp": int(time.time()) - 2,
        }
        state: Any = {
            to_canonical_address(one): {"balance": 1_000 * ETHER, "nonce": 0, "code": b"", "storage": {}}
            for one in rich
        }
        state[to_canonical_address(PLACER)] = {
            "balance": 0,
            "nonce": 1,
            "code": bytes.fromhex(PLACER_CODE),
            "storage": {},
        }
        self.chain_id = chain_id
        self.chain: Any = configured.from_genesis(get_db_backend(), first, state)
        self.lock = threading.RLock()
        self.pool: dict[tuple[bytes, int], Any] = {}
        self.receipts: dict[str, dict[str, Any]] = {}
        self.transactions: dict[str, dict[str, Any]] = {}
        self.logs: list[list[dict[str, Any]]] = [[]]

    # Blocks

    def mine(self) -> None:
        """A block of what the pool has, as far as it can be executed now."""
        now = max(self._at("latest").timestamp + 1, int(time.time()))
        self.chain.header = self.chain.header.copy(timestamp=now, gas_limit=GAS_LIMIT)
        done = []
        for place in sorted(self.pool):
            transaction = self.pool[place]
            if transaction.max_fee_per_gas < self.chain.header.base_fee_per_gas:
                continue
            if self.chain.header.gas_used + transaction.gas > GAS_LIMIT:
                continue
            try:
                _, receipt, computation = self.chain.apply_transaction(transaction)
            except ValidationError as error:
                if "nonce" not in str(error).lower():
                    del self.pool[place]
                continue
            done.append((transaction, receipt, computation))
            del self.pool[place]
        block = self.chain.mine_block(mix_hash=os.urandom(32), blob_gas_used=0)
        self._record(block, done)

    def _record(self, block: Any, done: list[tuple[Any, Any, Any]]) -> None:
        number, hash_ = hex(block.number), _hex(block.hash)
        logs: list[dict[str, Any]] = []
        before = 0
        for position, (transaction, receipt, _) in enumerate(done):
            place = {
                "blockNumber": number,
                "blockHash": hash_,
                "transactionHash": _hex(transaction.hash),
                "transactionIndex": hex(position),
            }
            own = [
                {
                    **place,
                    "address": _hex(log.address),
                    "topics": [f"0x{topic:064x}" for topic in log.topics],
                    "data": _hex(log.data),
                    "logIndex": hex(len(logs) + index),
                    "removed": False,
                }
                for index, log in enumerate(receipt.logs)
            ]
            created = None
            if not transaction.to:
                created = to_checksum_address(keccak(encode([transaction.sender, transaction.nonce]))[12:])
            base_fee = block.header.base_fee_per_gas
            self.receipts[_hex(transaction.hash)] = {
                **place,
                "from": _hex(transaction.sender),
                "to": _hex(transaction.to) if transaction.to else None,
                "contractAddress": created,
                "gasUsed": hex(receipt.gas_used - before),
                "cumulativeGasUsed": hex(receipt.gas_used),
                "effectiveGasPrice": hex(
                    min(transaction.max_fee_per_gas, base_fee + transaction.max_priority_fee_per_gas)
                ),
                "status": hex(receipt.state_root == b"\x01"),
                "type": "0x2",
                "logs": own,
                "logsBloom": "0x" + "00" * 256,
            }
            self.transactions[_hex(transaction.hash)] |= place
            logs += own
            before = receipt.gas_used
        self.logs.append(logs)

    def _at(self, block: str) -> Any:
        """Header of a block, by tag or number."""
        head = self.chain.header.block_number - 1
        if block == "pending":
            raise Refused("pending state is not available on this node", _WRONG)
        if block not in DEPTHS and block != "earliest" and not block.startswith("0x"):
            raise Refused(f"invalid block tag: {block}", _WRONG)
        number = (
            0 if block == "earliest" else max(0, head - DEPTHS[block]) if block in DEPTHS else int(block, 16)
        )
        if number > head:
            raise Refused("header not found")
        return self.chain.get_canonical_block_header_by_number(number)

    def _state(self, block: str) -> Any:
        return self.chain.get_vm(self._at(block)).state

    # Methods

    def eth_chainId(self) -> str:
        return hex(self.chain_id)

    def eth_blockNumber(self) -> str:
        return hex(self._at("latest").block_number)

    def eth_gasPrice(self) -> str:
        return hex(self._at("latest").base_fee_per_gas + _TIP)

    def eth_maxPriorityFeePerGas(self) -> str:
        return hex(_TIP)

    def eth_getBlockByNumber(self, block: str, full: bool = False) -> dict[str, Any] | None:
        try:
            header = self._at(block)
        except Refused as refused:
            if refused.error["message"] == "header not found":
                return None
            raise
        return self._block(header)

    def eth_getBlockByHash(self, hash_: str, full: bool = False) -> dict[str, Any] | None:
        try:
            return self._block(self.chain.get_block_header_by_hash(bytes.fromhex(hash_[2:])))
        except HeaderNotFound:
            return None

    def _block(self, header: Any) -> dict[str, Any]:
        number = hex(header.block_number)
        return {
            "number": number,
            "hash": _hex(header.hash),
            "parentHash": _hex(header.parent_hash),
            "timestamp": hex(header.timestamp),
            "gasLimit": hex(header.gas_limit),
            "gasUsed": hex(header.gas_used),
            "baseFeePerGas": hex(header.base_fee_per_gas),
            "stateRoot": _hex(header.state_root),
            "miner": _hex(header.coinbase),
            "transactions": [one for one, said in self.receipts.items() if said["blockNumber"] == number],
        }

    def eth_getBalance(self, account: str, block: str = "latest") -> str:
        block = "latest" if block == "pending" else block
        return hex(self._state(block).get_balance(to_canonical_address(account)))

    def eth_getCode(self, account: str, block: str = "latest") -> str:
        return _hex(self._state(block).get_code(to_canonical_address(account)))

    def eth_getStorageAt(self, account: str, slot: str, block: str = "latest") -> str:
        return f"0x{self._state(block).get_storage(to_canonical_address(account), int(slot, 16)):064x}"

    def eth_getTransactionCount(self, account: str, block: str = "latest") -> str:
        address = to_canonical_address(account)
        count = self._state("latest" if block == "pending" else block).get_nonce(address)
        while block == "pending" and (address, count) in self.pool:
            count += 1
        return hex(count)

    def eth_getTransactionReceipt(self, hash_: str) -> dict[str, Any] | None:
        return self.receipts.get(hash_)

    def eth_getTransactionByHash(self, hash_: str) -> dict[str, Any] | None:
        return self.transactions.get(hash_)

    def eth_call(
        self,
        message: dict[str, Any],
        block: str = "latest",
        accounts: dict[str, Any] | None = None,
        there: dict[str, str] | None = None,
    ) -> str:
        """With geth's overrides: of accounts their code and whole storage, of the block its time."""
        gas = int(message.get("gas", hex(GAS_LIMIT)), 16)
        return _hex(self._run(message, block, gas, accounts or {}, there or {}).computation.output)

    def eth_estimateGas(self, message: dict[str, Any], block: str = "latest") -> str:
        low, high = 20_999, min(GAS_LIMIT, int(message.get("gas", hex(GAS_LIMIT)), 16))
        used = self._run(message, block, high).used
        # Often what is used is enough, or a little more: calls keep a 64th back, and refunds come at the end.
        for gas in (used, used + used // 8, used + used // 3):
            if self._passes(message, block, gas):
                high = gas
                break
            low = gas
        while high - low > high // 50:
            middle = (low + high) // 2
            if self._passes(message, block, middle):
                high = middle
            else:
                low = middle
        return hex(high)

    def _passes(self, message: dict[str, Any], block: str, gas: int) -> bool:
        try:
            self._run(message, block, gas)
        except Refused:
            return False
        return True

    def _run(
        self,
        message: dict[str, Any],
        block: str,
        gas: int,
        accounts: Mapping[str, Any] = MappingProxyType({}),
        there: Mapping[str, str] = MappingProxyType({}),
    ) -> Executed:
        state = self._after(block, there)
        for account, changed in accounts.items():
            address = to_canonical_address(account)
            if "code" in changed:
                state.set_code(address, bytes.fromhex(changed["code"][2:]))
            if "state" in changed:
                state.delete_storage(address)
        executed = self._execute(state, message, gas)
        computation = executed.computation
        if computation.is_error:
            failure: VMError = computation.error
            if isinstance(failure, Revert):
                raise Refused("execution reverted", _REVERTED, _hex(computation.output))
            raise Refused(f"{type(failure).__name__}: {failure}")
        return executed

    def _after(self, block: str, there: Mapping[str, str]) -> Any:
        """A state of its own that follows a block's, where gas costs nothing."""
        header = self._at(block)
        vm = self.chain.get_vm(header)
        following = vm.generate_block_from_parent_header_and_coinbase(header, header.coinbase).header
        time_ = int(there["time"], 16) if "time" in there else max(following.timestamp, int(time.time()))
        free = following.copy(base_fee_per_gas=0, gas_limit=GAS_LIMIT, timestamp=time_)
        hashes = chain((header.hash,), vm.previous_hashes)
        return vm.build_state(self.chain.chaindb.db, free, vm.chain_context, hashes)

    def _execute(self, state: Any, message: dict[str, Any], gas: int) -> Executed:
        sender = to_canonical_address(message.get("from", "0x" + "00" * 20))
        transaction = SpoofTransaction(
            self.chain.create_unsigned_transaction(
                nonce=state.get_nonce(sender),
                gas_price=0,
                gas=min(gas, GAS_LIMIT),
                to=to_canonical_address(message["to"]) if message.get("to") else b"",
                value=int(message.get("value", "0x0"), 16),
                data=bytes.fromhex(message.get("data", message.get("input", "0x"))[2:]),
            ),
            from_=sender,
        )
        try:
            computation = state.costless_execute_transaction(transaction)
        except ValidationError as error:
            raise Refused(str(error)) from error
        # The next one's gas depends on what the storage was before it.
        state.lock_changes()
        used = transaction.intrinsic_gas + computation.get_gas_used()
        used -= min(computation.get_gas_refund(), used // 5)
        data = transaction.data
        # EIP-7623: calldata has a least price.
        least = 21_000 + 10 * (4 * len(data) - 3 * data.count(0))
        return Executed(computation, max(used, least))

    def eth_simulateV1(self, what: dict[str, Any], block: str = "latest") -> list[dict[str, Any]]:
        """Calls one after the other, of which the time of the first block may be given: the others are one with it."""
        wanted = what["blockStateCalls"]
        state = self._after(block, wanted[0].get("blockOverrides", {}))
        first, blocks = state.block_number, list[dict[str, Any]]()
        for one in wanted:
            number = hex(first + len(blocks))
            calls = [self._simulated(state, message, number) for message in one["calls"]]
            blocks.append({"number": number, "calls": calls})
        return blocks

    def _simulated(self, state: Any, message: dict[str, Any], number: str) -> dict[str, Any]:
        computation, used = self._execute(state, message, int(message["gas"], 16))
        place = {"blockNumber": number, "transactionHash": f"0x{0:064x}", "logIndex": "0x0"}
        logs = [
            {"address": _hex(address), "topics": [f"0x{topic:064x}" for topic in topics], "data": _hex(data)}
            for address, topics, data in computation.get_log_entries()
        ]
        return {
            "status": hex(computation.is_success),
            "returnData": _hex(computation.output),
            "gasUsed": hex(used),
            "logs": [log | place for log in logs],
        }

    def eth_getLogs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        first, last = (self._at(wanted.get(end, "latest")).block_number for end in ("fromBlock", "toBlock"))
        if last - first >= MOST_LOG_BLOCKS:
            raise Refused(f"block range is too wide, expected at most {MOST_LOG_BLOCKS} blocks", _LIMIT)
        addresses = wanted.get("address", [])
        among = {one.lower() for one in ([addresses] if isinstance(addresses, str) else addresses)}
        return [
            log
            for logs in self.logs[first : last + 1]
            for log in logs
            if (not among or log["address"] in among) and _fits(log["topics"], wanted.get("topics", []))
        ]

    def eth_sendRawTransaction(self, raw: str) -> str:
        transaction = self.chain.get_vm().get_transaction_builder().decode(bytes.fromhex(raw[2:]))
        sender, hash_ = transaction.sender, _hex(transaction.hash)
        if transaction.chain_id != self.chain_id:
            raise Refused("invalid sender: invalid chain id for signer")
        state = self._state("latest")
        if transaction.nonce < state.get_nonce(sender):
            raise Refused("nonce too low")
        if transaction.gas > GAS_LIMIT:
            raise Refused("exceeds block gas limit")
        if state.get_balance(sender) < transaction.gas * transaction.max_fee_per_gas + transaction.value:
            raise Refused("insufficient funds for gas * price + value")
        if transaction.gas < transaction.intrinsic_gas:
            raise Refused("intrinsic gas too low")
        known = self.pool.get((sender, transaction.nonce))
        if known is not None:
            if known.hash == transaction.hash:
                raise Refused("already known")
            if transaction.max_fee_per_gas * 10 < known.max_fee_per_gas * 11:
                raise Refused("replacement transaction underpriced")
        self.pool[sender, transaction.nonce] = transaction
        self.transactions[hash_] = {
            "hash": hash_,
            "from": _hex(sender),
            "to": _hex(transaction.to) if transaction.to else None,
            "nonce": hex(transaction.nonce),
            "input": _hex(transaction.data),
            "value": hex(transaction.value),
            "gas": hex(transaction.gas),
            "maxFeePerGas": hex(transaction.max_fee_per_gas),
            "maxPriorityFeePerGas": hex(transaction.max_priority_fee_per_gas),
            "type": "0x2",
            "blockNumber": None,
            "blockHash": None,
        }
        return hash_

    # JSON-RPC

    def reply(self, body: Any) -> Any:
        if not isinstance(body, list):
            return self._answer(body)
        if len(body) > MOST_IN_BATCH:
            error = {"code": _LIMIT, "message": f"batch of more than {MOST_IN_BATCH} requests"}
            return {"jsonrpc": "2.0", "id": None, "error": error}
        return [self._answer(one) for one in body]

    def _answer(self, one: dict[str, Any]) -> dict[str, Any]:
        said = {"jsonrpc": "2.0", "id": one.get("id")}
        method: Callable[..., Any] | None = None
        if str(one["method"]).startswith("eth_"):
            method = getattr(self, one["method"], None)
        if method is None:
            message = f"the method {one['method']} does not exist/is not available"
            return said | {"error": {"code": _NO_METHOD, "message": message}}
        try:
            with self.lock:
                return said | {"result": method(*one.get("params", []))}
        except Refused as refused:
            return said | {"error": refused.error}
        except Exception as error:  # noqa: BLE001
            return said | {"error": {"code": -32_603, "message": f"{type(error).__name__}: {error}"}}


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def _fits(topics: list[str], wanted: list[Any]) -> bool:
    if len(wanted) > len(topics):
        return False
    return all(
        one is None or topic in ([one] if isinstance(one, str) else one)
        for topic, one in zip(topics, wanted, strict=False)
    )


def serve(port: int, chain_id: int, rich: list[str]) -> None:
    """Until the process ends."""
    node = PyEvm(chain_id, rich)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            answer = node.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        time.sleep(BLOCK_SECONDS)
        with node.lock:
            node.mine()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
