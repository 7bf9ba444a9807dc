// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Assets} from "./Assets.sol";
import {Transfers} from "./libraries/Transfers.sol";
import {Front, Transfer} from "./types/Transfer.sol";

/// @title Fronting
/// @notice See {IFronting}.
abstract contract Fronting is Assets {
    using Transfers for Transfer;

    /// @dev Who paid a transfer's recipient. In a whole word, of which nothing has to be kept: an address would be read
    /// before it is written.
    struct Solver {
        uint256 account;
    }

    /// @dev A {Front} as it stands in calldata: see `_wordsOf`.
    struct FrontWords {
        bytes32 id;
        uint256 start;
        uint256 homeChain;
        uint256 token;
        uint256 to;
        uint256 amount;
        uint256 tip;
        uint256 ramp;
        uint256 sentAt;
        uint256 deadline;
    }

    /// @dev A claim writes one word.
    uint256 internal constant CLAIM_GAS_LIMIT = 60_000;
    /// @dev Stands for the solver of a transfer that has arrived.
    address internal constant DONE = address(1);

    /// @dev Ten words.
    uint256 private constant FRONT_LENGTH = 320;

    mapping(bytes32 key => Solver) internal _solverOf;
    /// @dev Written by {BridgeAnnex}.
    // slither-disable-next-line uninitialized-state
    mapping(bytes32 key => mapping(uint256 chainId => address)) internal _claimantOf;

    /// @dev See {IFronting-keyOf}. The hash of `abi.encode(transfer)`: its members stand in memory as that writes them.
    function _keyOf(Front memory transfer) internal pure virtual returns (bytes32 key) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            key := keccak256(transfer, FRONT_LENGTH)
        }
    }

    /// @dev The same of what a caller says. If it has bits where a member has none, the key is nobody's.
    function _keyOfCall(Front calldata transfer) internal pure virtual returns (bytes32 key) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let copy := mload(0x40)
            calldatacopy(copy, transfer, FRONT_LENGTH)
            key := keccak256(copy, FRONT_LENGTH)
        }
    }

    /// @dev The words of what a caller says, whatever bits they have: the compiler would look at each member at each
    /// reading.
    function _wordsOf(Front calldata transfer) internal pure returns (FrontWords calldata words) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            words := transfer
        }
    }

    /// @dev A transfer with a tip has arrived: who gets it. From now on nobody can front it.
    function _settle(Front memory terms) internal virtual returns (address payee) {
        bytes32 key = _keyOf(terms);
        Solver storage solver = _solverOf[key];
        uint256 account = solver.account;
        solver.account = uint160(DONE);
        return account == 0 ? terms.to : address(uint160(account));
    }

    /// @dev Who gets what returns of a transfer that started here and should have ended on a chain. Only one with a tip
    /// can be fronted.
    function _returnee(Transfer memory transfer, uint256 homeChain, uint256 end)
        internal
        view
        virtual
        returns (address)
    {
        if (transfer.tip() == 0) return transfer.from();
        address solver = _claimantOf[_keyOf(_frontOf(transfer, block.chainid, homeChain))][end];
        return solver == address(0) ? transfer.from() : solver;
    }

    /// @dev The terms of a transfer.
    function _frontOf(Transfer memory transfer, uint256 start, uint256 homeChain)
        internal
        pure
        returns (Front memory)
    {
        return Front({
            id: transfer.id,
            start: start,
            homeChain: homeChain,
            token: transfer.token(),
            to: transfer.to(),
            amount: uint128(transfer.amount()),
            tip: uint32(transfer.tip()),
            ramp: transfer.ramp(),
            sentAt: transfer.sentAt(),
            deadline: transfer.deadline()
        });
    }

    /// @dev In assembly, as the compiler clears both sides of each comparison: 80 gas for an account, of which each
    /// send has two.
    function _checkBeneficiary(address account, address token) internal view {
        address gateway = address(_GATEWAY);
        bool refused;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            // Without the upper 96 bits, which may be anything.
            refused := iszero(shl(96, account))
            refused := or(refused, iszero(shl(96, xor(account, gateway))))
            refused := or(refused, iszero(shl(96, xor(account, address()))))
            refused := or(refused, iszero(shl(96, xor(account, token))))
        }
        if (refused) revert ITokenBridge.InvalidBeneficiary(account);
    }
}
