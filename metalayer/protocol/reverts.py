"""What a contract said when it reverted: return data decoded through a table of known errors."""

import re
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

_DECLARATION = re.compile(r"(\w+)\((.*)\)")
_KNOWN: dict[bytes, tuple[str, list[str], list[str]]] = {}

# Solidity documentation, "Panic via assert and Error via require".
_PANICS = {
    0x01: "an assertion failed",
    0x11: "arithmetic overflow or underflow",
    0x12: "division by zero",
    0x21: "invalid enum value",
    0x22: "corrupt storage byte array",
    0x31: "pop from an empty array",
    0x32: "array index out of range",
    0x41: "too much memory",
    0x51: "call to an uninitialised function",
}


def declare(*declarations: str) -> None:
    """Adds errors to the table, each as `Name(type name, ...)` like in Solidity. Names are optional."""
    for declaration in declarations:
        match = _DECLARATION.fullmatch(declaration)
        if match is None:
            raise ValueError(f"not an error declaration: {declaration}")
        name, parameters = match.groups()
        fields = [field.split() for field in parameters.split(",")] if parameters else []
        types = [field[0] for field in fields]
        labels = [field[1] if len(field) > 1 else "" for field in fields]
        _KNOWN[keccak(text=f"{name}({','.join(types)})")[:4]] = (name, types, labels)


def selectors() -> dict[bytes, str]:
    """Selector -> canonical signature of every known error."""
    return {selector: f"{name}({','.join(types)})" for selector, (name, types, _) in _KNOWN.items()}


def explain(data: bytes) -> str:
    """One line for the return data of a reverted call. Of unknown data the first 100 bytes."""
    if not data:
        return "reverted without a reason"
    known = _KNOWN.get(data[:4])
    if known is None:
        return f"unknown error 0x{data[:100].hex()}"
    name, types, labels = known
    try:
        values = decode(types, data[4:])
    except (DecodingError, OverflowError):
        return f"{name} with malformed arguments 0x{data[4:104].hex()}"
    if name == "Error":
        return str(values[0])
    if name == "Panic":
        return f"panic 0x{values[0]:02x}: {_PANICS.get(values[0], 'unknown code')}"
    shown = ", ".join(
        f"{label}={_show(type_, value)}" if label else _show(type_, value)
        for type_, label, value in zip(types, labels, values, strict=True)
    )
    return f"{name}({shown})"


def _show(type_: str, value: Any) -> str:
    if type_ == "address":
        return to_checksum_address(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value)


declare(
    "Error(string)",
    "Panic(uint256)",
    "OwnableUnauthorizedAccount(address account)",
    "OwnableInvalidOwner(address owner)",
    "ERC20InsufficientBalance(address sender,uint256 balance,uint256 needed)",
    "ERC20InvalidSender(address sender)",
    "ERC20InvalidReceiver(address receiver)",
    "ERC20InsufficientAllowance(address spender,uint256 allowance,uint256 needed)",
    "ERC20InvalidApprover(address approver)",
    "ERC20InvalidSpender(address spender)",
    "SafeERC20FailedOperation(address token)",
    "ReentrancyGuardReentrantCall()",
    "FailedDeployment()",
    "InsufficientBalance(uint256 balance,uint256 needed)",
    "CheckpointUnorderedInsertion()",
    "Create2EmptyBytecode()",
    "Create3EmptyBytecode()",
    "ECDSAInvalidSignature()",
    "ECDSAInvalidSignatureLength(uint256 length)",
    "ECDSAInvalidSignatureS(bytes32 s)",
    "ERC20ExceededSafeSupply(uint256 increasedSupply,uint256 cap)",
    "ERC2612ExpiredSignature(uint256 deadline)",
    "ERC2612InvalidSigner(address signer,address owner)",
    "ERC5267ExtensionsNotSupported()",
    "ERC5805FutureLookup(uint256 timepoint,uint48 clock)",
    "InteroperableAddressParsingError(bytes )",
    "InvalidAccountNonce(address account,uint256 currentNonce)",
    "InvalidBridge(address bridge)",
    "InvalidShortString()",
    "SafeCastOverflowedUintDowncast(uint8 bits,uint256 value)",
    "StringTooLong(string str)",
    "VotesExpiredSignature(uint256 expiry)",
    # ERA, TokenBridge, Create3Factory
    "NoSupplyHistory()",
    "UnauthorizedBridge(address caller)",
    "ZeroAmount()",
    "InvalidBeneficiary(address to)",
    "InvalidDestination(uint256 destination)",
    "OutstandingExceeded(uint256 chainId,uint256 amount,uint256 outstanding)",
    "NotController(address namespace,address caller,address controller)",
    "InvalidController(address controller)",
)


declare(
    "InvalidRecipient(bytes recipient)",
    "PayloadTooLong(uint256 length,uint256 maximum)",
    "ValueNotAccepted(uint256 value)",
    "InvalidAttribute(bytes attribute)",
    "UnsupportedAttribute(bytes4 selector)",
    "DuplicateAttribute(bytes4 selector)",
    "GasLimitTooHigh(uint256 gasLimit,uint256 maximum)",
    "DeadlineOutOfRange(uint256 deliverBefore,uint256 earliest,uint256 latest)",
    "InvalidRestart(uint256 destination,uint64 nonce,uint64 lowest,uint64 highest)",
    "InsufficientCredit(address account,uint256 credit,uint256 needed)",
    "InsufficientAllowance(address payer,address sender,uint256 allowance,uint256 needed)",
    "InvalidAccount(address account)",
    "InvalidToken(address token)",
    "NotInLane(bytes32 id,uint256 destination,uint64 nonce)",
    "WalkTooLong(uint256 ids,uint256 maximum)",
    "NotReturned(bytes32 id)",
    "AlreadyRefunded(bytes32 id)",
    "NotAbandoned(bytes32 id,uint64 restartNonce)",
    "NotReplaced(bytes32 id)",
    "LaneGap(uint256 origin,uint64 first,uint64 expected)",
    "FactNotProven(bytes32 root,bytes32 leaf)",
    "HeadNotProven(uint256 origin,uint64 nonce,bytes32 head)",
    "UnknownValidatorSet(bytes32 given,bytes32 installed)",
    "SetNotNewer(uint64 version,uint64 expires,uint64 installedVersion,uint64 installedExpires)",
    "InsufficientGas(bytes32 id,uint256 available,uint256 required)",
    "MessageNotFailed(bytes32 id,uint8 status)",
    "MessageExpired(bytes32 id,uint64 deliverBefore)",
    "RetryFailed(bytes32 id)",
    "MessageNotExpired(bytes32 id,uint64 deliverBefore)",
    "MessageNotReturnable(bytes32 id,uint8 status,uint64 noticeNonce)",
    "NothingToClaim(uint256 origin,address relayer,uint256 unclaimed,uint64 carriage)",
    "RestartNotAhead(uint256 origin,uint64 nonce,uint64 laneNonce)",
    "OwnershipNotRenounceable()",
    "RouteClosed(uint256 chainId)",
    "RoutePaused(uint256 chainId,uint64 until)",
    "InvalidRouteChain(uint256 chainId)",
    "InvalidRouteGas(uint32 defaultGasLimit,uint32 maxGasLimit,uint32 ceiling)",
    "InvalidProtocolShare(uint16 share,uint16 maximum)",
    "NotGuardian(address caller)",
    "InvalidPause(uint64 duration,uint64 maximum)",
    "CoolingDown(uint256 origin,uint64 earliest)",
    "NotPaused(uint256 origin)",
    "InvalidValidatorCount(uint256 count)",
    "InvalidSigner(uint256 position,address signer)",
    "InvalidWeight(uint256 position,uint256 weight,uint256 total)",
    "ValidatorSetExpired(uint64 version,uint64 expires)",
    "SignersMismatch(uint256 signers,uint256 validators,uint256 signatures)",
    "InvalidSignature(uint256 position,address expected)",
    "QuorumNotReached(uint256 signed,uint256 total)",
    "ERC7786RecipientUnauthorizedGateway(address gateway,bytes sender)",
)

declare(
    "ZeroAmount()",
    "InvalidBeneficiary(address to)",
    "InvalidDestination(uint256 destination)",
    "OutstandingExceeded(uint256 chainId,uint256 amount,uint256 outstanding)",
    "AmountBelowFee(uint256 amount,uint256 fee)",
    "NotGateway(address caller)",
    "UnauthorizedBridge(address caller)",
)
