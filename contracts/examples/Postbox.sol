// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MetalayerClient} from "../client/MetalayerClient.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Message} from "../metalayer/types/Message.sol";

/// @title Postbox: the smallest useful recipient of messages
/// @notice Announces every letter, from anyone on any chain. While it is closed it refuses: the gateway marks the
/// message as failed and goes on, and once the postbox is open again anyone may retry.
contract Postbox is MetalayerClient {
    /// @notice Who opens and closes it.
    address public immutable KEEPER;

    /// @notice True while it refuses letters.
    bool public closed;
    /// @notice Number of letters received.
    uint64 public count;

    /// @notice Emitted when a letter arrives.
    event LetterReceived(bytes32 indexed id, uint256 indexed origin, address indexed sender, bytes payload);

    /// @notice Thrown when anyone but the keeper opens or closes it.
    error NotKeeper(address caller);
    /// @notice Thrown when a letter arrives while it is closed.
    error Closed();

    constructor(IMetalayer gateway, bool startsClosed) MetalayerClient(gateway) {
        KEEPER = msg.sender;
        closed = startsClosed;
    }

    /// @notice Opens or closes it. Only the keeper.
    function setClosed(bool isClosed) external {
        require(msg.sender == KEEPER, NotKeeper(msg.sender));
        closed = isClosed;
    }

    /// @dev From anyone.
    function _isAuthorizedSender(uint256, address) internal pure override returns (bool) {
        return true;
    }

    function _onMessageReceived(bytes32 id, uint256 origin, address sender, bytes calldata payload) internal override {
        require(!closed, Closed());
        ++count;
        emit LetterReceived(id, origin, sender, payload);
    }

    /// @dev It sends nothing, so that nothing comes back.
    function _onMessageReturned(bytes32, uint256, Message calldata, uint256) internal override {}
}
