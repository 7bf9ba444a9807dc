// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Transfers} from "../bridge/libraries/Transfers.sol";
import {Kind, Transfer} from "../bridge/types/Transfer.sol";

/// @title TransfersHarness: what bridges tell each other, read and written again
contract TransfersHarness {
    using Transfers for Transfer;

    /// @notice Everything that a payload says, in the order of the Python class `Payload`.
    struct Parts {
        Kind kind;
        address token;
        address from;
        address to;
        uint256 chain;
        uint256 amount;
        uint256 fee;
        uint256 tip;
        uint256 ramp;
        uint256 sentAt;
        uint256 hopAt;
        uint256 deadline;
        uint256 extraGas;
        bytes32 id;
        address sender;
        bytes data;
    }

    function read(bytes calldata payload) external pure returns (Parts memory) {
        Transfer memory transfer = Transfers.decode(payload);
        return Parts({
            kind: transfer.kind(),
            token: transfer.token(),
            from: transfer.from(),
            to: transfer.to(),
            chain: transfer.chain(),
            amount: transfer.amount(),
            fee: transfer.fee(),
            tip: transfer.tip(),
            ramp: transfer.ramp(),
            sentAt: transfer.sentAt(),
            hopAt: transfer.hopAt(),
            deadline: transfer.deadline(),
            extraGas: transfer.extraGas(),
            id: transfer.id,
            sender: transfer.sender,
            data: transfer.data
        });
    }

    function rewrite(bytes calldata payload) external pure returns (bytes memory) {
        return Transfers.encode(Transfers.decode(payload));
    }

    function readDescription(bytes calldata payload)
        external
        pure
        returns (address token, uint8 decimals, string memory name, string memory symbol)
    {
        return Transfers.decodeDescription(payload);
    }

    function writeDescription(address token, uint8 decimals, bytes calldata name, bytes calldata symbol)
        external
        pure
        returns (bytes memory)
    {
        return Transfers.encodeDescription(token, decimals, name, symbol);
    }

    function readClaim(bytes calldata payload) external pure returns (bytes32 key, address solver) {
        return Transfers.decodeClaim(payload);
    }

    function writeClaim(bytes32 key, address solver) external pure returns (bytes memory) {
        return Transfers.encodeClaim(key, solver);
    }
}
