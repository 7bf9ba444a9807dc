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

    /// @dev A claim writes one word.
    uint256 internal constant CLAIM_GAS_LIMIT = 60_000;
    /// @dev Stands for the solver of a transfer that has arrived.
    address internal constant DONE = address(1);

    mapping(bytes32 key => address) internal _solverOf;
    /// @dev Written by {BridgeAnnex}.
    // slither-disable-next-line uninitialized-state
    mapping(bytes32 key => mapping(uint256 chainId => address)) internal _claimantOf;

    /// @dev See {IFronting-keyOf}.
    function _keyOf(Front memory transfer) internal pure virtual returns (bytes32) {
        return keccak256(abi.encode(transfer));
    }

    /// @dev A transfer with a tip has arrived: who gets it. From now on nobody can front it.
    function _settle(Front memory terms) internal virtual returns (address payee) {
        bytes32 key = _keyOf(terms);
        address solver = _solverOf[key];
        _solverOf[key] = DONE;
        return solver == address(0) ? terms.to : solver;
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
            tip: transfer.tip(),
            ramp: transfer.ramp(),
            sentAt: transfer.sentAt(),
            deadline: transfer.deadline()
        });
    }

    function _checkBeneficiary(address account, address token) internal view {
        if (account == address(0)) revert ITokenBridge.InvalidBeneficiary(account);
        if (account == address(_GATEWAY)) revert ITokenBridge.InvalidBeneficiary(account);
        if (account == address(this)) revert ITokenBridge.InvalidBeneficiary(account);
        if (account == token) revert ITokenBridge.InvalidBeneficiary(account);
    }
}
