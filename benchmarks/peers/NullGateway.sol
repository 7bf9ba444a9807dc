// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC7786GatewaySource, IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";

/// @title NullGateway: a gateway that costs next to nothing
/// @notice Drops what it is given and brings what anyone hands it: what is left to measure is its client alone.
contract NullGateway is IERC7786GatewaySource {
    function sendMessage(bytes calldata, bytes calldata, bytes[] calldata) external payable returns (bytes32 sendId) {}

    function supportsAttribute(bytes4) external pure returns (bool) {
        return false;
    }

    function deliver(IERC7786Recipient recipient, bytes32 receiveId, bytes calldata sender, bytes calldata payload)
        external
    {
        recipient.receiveMessage(receiveId, sender, payload);
    }
}
