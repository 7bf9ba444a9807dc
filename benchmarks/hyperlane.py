"""Gas of Hyperlane: the bytecode of its npm package, between two of its domains on one chain.

Two shapes. Bare: no proxies, the Merkle hook required, the gas paymaster as default hook, warp routes under a 3-of-5
MessageId ISM. Production: Mailbox, paymaster and warp routers behind transparent proxies, the protocol fee (zero)
required, FallbackRouting -> Aggregation[Pausable, MerkleTree, paymaster] as default hook, and the default ISM for warp
routes: 2/2[routing -> 1/2[MerkleRoot 3-of-5, MessageId 3-of-5], Pausable].
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from eth_utils.crypto import keccak

from benchmarks.meter import Meter, gas_used
from benchmarks.npm import Package
from metalayer.network.signers import local_key
from metalayer.protocol.abi import Function
from metalayer.protocol.hex import from_hex

PAYLOADS = (32, 256, 2048)
QUORUMS = ((3, 5), (5, 8), (7, 10))

_ZERO = "0x" + "00" * 20
_AMOUNT = 10**18
_TREE_DEPTH = 32
_DISPATCH_EVENT = keccak(text="Dispatch(address,uint32,bytes32,bytes)")

# The paymaster's terms: a rate of one, a gas price of 1 gwei, and gas to deliver. Any terms but zero cost the same.
_RATE_ONE = 10**10
_GAS_PRICE = 10**9
_OVERHEAD = 100_000
_HANDLE_GAS = 68_000

_APPROVE = Function("approve(address,uint256)")
_CHECKPOINT = Function("latestCheckpoint()", "bytes32,uint32")
_DEPLOY_HOOKS = Function("deploy(address[])", "address")
_DEPLOY_ISM = Function("deploy(address[],uint8)", "address")
_DEPLOY_ROUTING_ISM = Function("deploy(address,uint32[],address[])", "address")
_DISPATCH = Function("dispatch(uint32,bytes32,bytes)")
_ENROLL = Function("enrollRemoteRouter(uint32,bytes32)")
_INIT_COLLATERAL = Function("initialize(address,address,address)")
_INIT_MAILBOX = Function("initialize(address,address,address,address)")
_INIT_PAYMASTER = Function("initialize(address,address)")
_INIT_SYNTHETIC = Function("initialize(uint256,string,string,address,address,address)")
_PROCESS = Function("process(bytes,bytes)")
_QUOTE_DISPATCH = Function("quoteDispatch(uint32,bytes32,bytes)", "uint256")
_QUOTE_GAS = Function("quoteGasPayment(uint32)", "uint256")
_SET_DESTINATION_GAS = Function("setDestinationGas(uint32,uint256)")
_SET_GAS_CONFIGS = Function("setDestinationGasConfigs((uint32,(address,uint96))[])")
_SET_ISM = Function("setInterchainSecurityModule(address)")
_SET_REMOTE_GAS = Function("setRemoteGasData((uint32,uint128,uint128))")
_TRANSFER_REMOTE = Function("transferRemote(uint32,bytes32,uint256)")
_TREE = Function("tree()", "(bytes32[32],uint256)")


@dataclass(frozen=True)
class Domain:
    """What one domain's contracts are. `isms` by name."""

    number: int
    mailbox: str
    merkle_hook: str
    isms: Mapping[str, str]


@dataclass(frozen=True)
class Dispatched:
    """A message as Hyperlane packs it, with the checkpoint that validators sign right after it."""

    message: bytes
    origin: int
    hook: bytes
    root: bytes
    index: int
    proof: Sequence[bytes]

    @property
    def id(self) -> bytes:
        return keccak(self.message)

    def signatures(self, threshold: int) -> bytes:
        """Of the first validators over the checkpoint (CheckpointLib.digest), 65 bytes each."""
        domain_hash = keccak(self.origin.to_bytes(4, "big") + self.hook + b"HYPERLANE")
        checkpoint = keccak(domain_hash + self.root + self.index.to_bytes(4, "big") + self.id)
        signed = keccak(b"\x19Ethereum Signed Message:\n32" + checkpoint)
        return b"".join(_validator(i).unsafe_sign_hash(signed).signature for i in range(threshold))

    def message_id_metadata(self, threshold: int) -> bytes:
        """MessageIdMultisigIsmMetadata.sol."""
        return self.hook + self.root + self.index.to_bytes(4, "big") + self.signatures(threshold)

    def merkle_root_metadata(self, threshold: int) -> bytes:
        """MerkleRootMultisigIsmMetadata.sol, with the message itself as the signed one."""
        index = self.index.to_bytes(4, "big")
        return self.hook + index + self.id + b"".join(self.proof) + index + self.signatures(threshold)

    def default_metadata(self, threshold: int) -> bytes:
        """For the default ISM: the MessageId branch of its inner aggregation, and nothing for Pausable."""
        return aggregate([aggregate([None, self.message_id_metadata(threshold)]), b""])


class Hyperlane:
    """Two domains, deployed on construction, and what is measured between them."""

    def __init__(self, meter: Meter, package: Package, *, production: bool) -> None:
        self._meter = meter
        self._package = package
        self._production = production
        self._shape = "production" if production else "bare"
        self._admin = self._deploy("ProxyAdmin") if production else _ZERO
        self._home, self._away = self._domain(901, 902), self._domain(902, 901)

    def run(self) -> dict[str, int]:
        """Gas by name. `process_...` are for payloads of 32 bytes and a recipient that does nothing."""
        figures: dict[str, int] = {}
        recipient = self._recipient("default")
        for length in PAYLOADS:
            name = f"dispatch_{length}"
            figures |= self._medians(name, partial(self._dispatch_only, name, recipient, length))
        for threshold, validators in QUORUMS:
            ism = f"message_id_{threshold}_of_{validators}"
            figures |= self._process(ism, partial(Dispatched.message_id_metadata, threshold=threshold))
        figures |= self._process("merkle_root_3_of_5", partial(Dispatched.merkle_root_metadata, threshold=3))
        figures |= self._process("default_3_of_5", partial(Dispatched.default_metadata, threshold=3))
        figures |= self._warp()
        return dict(sorted(figures.items()))

    def _medians(self, what: str, once: Callable[[], Mapping[str, int]]) -> dict[str, int]:
        return self._meter.medians(f"hyperlane {self._shape}: {what}", once)

    def _dispatch_only(self, name: str, recipient: str, length: int) -> dict[str, int]:
        return {name: gas_used(self._dispatch(recipient, length)[1])}

    def _process(self, ism: str, metadata: Callable[[Dispatched], bytes]) -> dict[str, int]:
        recipient, name = self._recipient(ism), f"process_{ism}"

        def once() -> dict[str, int]:
            dispatched, _ = self._dispatch(recipient, 32)
            return {name: self._deliver(self._away, dispatched, metadata)}

        return self._medians(name, once)

    def _warp(self) -> dict[str, int]:
        token = self._deploy(
            "ERC20Test", ["string", "string", "uint256", "uint8"], ["T", "T", 10**9 * _AMOUNT, 18]
        )
        routes = ["uint256", "uint256", "address"]
        collateral = self._upgradeable(
            "HypERC20Collateral", ["address", *routes], [token, 1, 1, self._home.mailbox]
        )
        synthetic = self._upgradeable("HypERC20", ["uint8", *routes], [18, 1, 1, self._away.mailbox])
        owner = self._meter.sender
        self._send(collateral, _INIT_COLLATERAL.encode(_ZERO, _ZERO, owner))
        self._send(synthetic, _INIT_SYNTHETIC.encode(0, "T", "T", _ZERO, _ZERO, owner))
        for router, remote, other in (
            (collateral, self._away, synthetic),
            (synthetic, self._home, collateral),
        ):
            self._send(router, _ENROLL.encode(remote.number, _padded(other)))
            self._send(router, _SET_DESTINATION_GAS.encode(remote.number, _HANDLE_GAS))
        self._send(token, _APPROVE.encode(collateral, 2**256 - 1))
        if self._production:
            metadata = partial(Dispatched.default_metadata, threshold=3)
        else:
            metadata = partial(Dispatched.message_id_metadata, threshold=3)

        def once() -> dict[str, int]:
            there, collateral_send = self._transfer(self._home, self._away, collateral, _AMOUNT)
            mint = self._deliver(self._away, there, metadata)
            # Half of it, so that no balance is ever emptied.
            back, burn_send = self._transfer(self._away, self._home, synthetic, _AMOUNT // 2)
            return {
                "warp_burn_send": burn_send,
                "warp_collateral_send": collateral_send,
                "warp_mint": mint,
                "warp_release": self._deliver(self._home, back, metadata),
            }

        return self._medians("warp", once)

    def _dispatch(self, recipient: str, length: int) -> tuple[Dispatched, dict[str, Any]]:
        arguments = (self._away.number, _padded(recipient), os.urandom(length))
        mailbox = self._home.mailbox
        value = int(self._view(mailbox, _QUOTE_DISPATCH, *arguments))
        receipt = self._meter.transact(mailbox, _DISPATCH.encode(*arguments), value)
        return self._dispatched(self._home, receipt), receipt

    def _transfer(self, origin: Domain, remote: Domain, router: str, amount: int) -> tuple[Dispatched, int]:
        value = int(self._view(router, _QUOTE_GAS, remote.number))
        data = _TRANSFER_REMOTE.encode(remote.number, _padded(self._meter.sender), amount)
        receipt = self._meter.transact(router, data, value)
        return self._dispatched(origin, receipt), gas_used(receipt)

    def _deliver(
        self, domain: Domain, dispatched: Dispatched, metadata: Callable[[Dispatched], bytes]
    ) -> int:
        data = _PROCESS.encode(metadata(dispatched), dispatched.message)
        return gas_used(self._meter.transact(domain.mailbox, data))

    def _dispatched(self, origin: Domain, receipt: Mapping[str, Any]) -> Dispatched:
        (log,) = [log for log in receipt["logs"] if log.topics[0] == _DISPATCH_EVENT]
        message = Function("log()", "bytes").decode(log.data)
        root, index = self._view(origin.merkle_hook, _CHECKPOINT)
        branch, _ = self._view(origin.merkle_hook, _TREE)
        hook = _padded(origin.merkle_hook)
        return Dispatched(message, origin.number, hook, root, index, proof_of_last(branch, index))

    def _domain(self, number: int, remote: int) -> Domain:
        owner = self._meter.sender
        mailbox = self._upgradeable("Mailbox", ["uint32"], [number])
        merkle = self._deploy("MerkleTreeHook", ["address"], [mailbox])
        paymaster = self._paymaster(remote)
        isms = self._isms(remote)
        if self._production:
            required = self._deploy(
                "ProtocolFee", ["uint256", "uint256", "address", "address"], [10**18, 0, owner, owner]
            )
            hooks = [self._deploy("PausableHook"), merkle, paymaster]
            factory = self._deploy("StaticAggregationHookFactory")
            aggregation = self._made(factory, _DEPLOY_HOOKS, hooks)
            default = self._deploy(
                "FallbackDomainRoutingHook", ["address"] * 3, [mailbox, owner, aggregation]
            )
            ism = isms["default_3_of_5"]
        else:
            required, default, ism = merkle, paymaster, isms["message_id_3_of_5"]
        self._send(mailbox, _INIT_MAILBOX.encode(owner, ism, default, required))
        return Domain(number, mailbox, merkle, isms)

    def _paymaster(self, remote: int) -> str:
        owner = self._meter.sender
        oracle = self._deploy("StorageGasOracle")
        self._send(oracle, _SET_REMOTE_GAS.encode((remote, _RATE_ONE, _GAS_PRICE)))
        paymaster = self._upgradeable("InterchainGasPaymaster", [], [])
        self._send(paymaster, _INIT_PAYMASTER.encode(owner, owner))
        self._send(paymaster, _SET_GAS_CONFIGS.encode([(remote, (oracle, _OVERHEAD))]))
        return paymaster

    def _isms(self, remote: int) -> dict[str, str]:
        owner = self._meter.sender
        message_id = self._deploy("StaticMessageIdMultisigIsmFactory")
        isms = {
            f"message_id_{threshold}_of_{count}": self._made(
                message_id, _DEPLOY_ISM, _validators(count), threshold
            )
            for threshold, count in QUORUMS
        }
        merkle_root = self._deploy("StaticMerkleRootMultisigIsmFactory")
        isms["merkle_root_3_of_5"] = self._made(merkle_root, _DEPLOY_ISM, _validators(5), 3)
        aggregation = self._deploy("StaticAggregationIsmFactory")
        either = self._made(
            aggregation, _DEPLOY_ISM, [isms["merkle_root_3_of_5"], isms["message_id_3_of_5"]], 1
        )
        factory = self._deploy("DomainRoutingIsmFactory")
        routing = self._made(factory, _DEPLOY_ROUTING_ISM, owner, [remote], [either])
        pausable = self._deploy("PausableIsm", ["address"], [owner])
        isms["default_3_of_5"] = self._made(aggregation, _DEPLOY_ISM, [routing, pausable], 2)
        return isms

    def _recipient(self, ism: str) -> str:
        recipient = self._deploy("LightTestRecipient")
        if ism in self._away.isms:
            self._send(recipient, _SET_ISM.encode(self._away.isms[ism]))
        return recipient

    def _made(self, factory: str, function: Function, *values: Any) -> str:
        """What a factory deploys: it returns the address, which only a call shows."""
        address = str(self._view(factory, function, *values))
        self._send(factory, function.encode(*values))
        return address

    def _deploy(self, name: str, types: Sequence[str] = (), values: Sequence[Any] = ()) -> str:
        return self._meter.deploy(self._package.creation(name), types, values)

    def _upgradeable(self, name: str, types: Sequence[str], values: Sequence[Any]) -> str:
        implementation = self._deploy(name, types, values)
        if not self._production:
            return implementation
        return self._deploy(
            "TransparentUpgradeableProxy", ["address", "address", "bytes"], [implementation, self._admin, b""]
        )

    def _send(self, to: str, data: bytes) -> None:
        self._meter.transact(to, data)

    def _view(self, to: str, function: Function, *values: Any) -> Any:
        return function.decode(self._meter.connection.call(to, function.encode(*values)))


def aggregate(parts: Sequence[bytes | None]) -> bytes:
    """AggregationIsmMetadata.sol: where each module's metadata starts and ends, then all of it; None is absent."""
    ranges, body = b"", b""
    start = 8 * len(parts)
    for part in parts:
        if part is None:
            ranges += bytes(8)
            continue
        first = start + len(body)
        ranges += first.to_bytes(4, "big") + (first + len(part)).to_bytes(4, "big")
        body += part
    return ranges + body


def proof_of_last(branch: Sequence[bytes], index: int) -> list[bytes]:
    """Merkle proof of the newest leaf of an incremental tree of depth 32 (Merkle.sol), from its branch.

    To the left of that leaf are the subtrees in the branch, to the right of it is nothing.
    """
    proof, empty = [], bytes(32)
    for level in range(_TREE_DEPTH):
        proof.append(branch[level] if index >> level & 1 else empty)
        empty = keccak(empty + empty)
    return proof


def _validators(count: int) -> list[str]:
    return [_validator(i).address for i in range(count)]


def _validator(index: int) -> Any:
    # The accounts above those that a localnet gives a role.
    return local_key(index + 5)


def _padded(address: str) -> bytes:
    return from_hex(address).rjust(32, b"\x00")
