// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC7786Recipient} from "@openzeppelin/contracts/crosschain/ERC7786Recipient.sol";
import {InteroperableAddress} from "@openzeppelin/contracts/utils/draft-InteroperableAddress.sol";

/// @title Postbox: the smallest useful recipient of messages
/// @notice Announces every letter, from anyone on any chain. While it is closed it refuses: the gateway marks the
/// message as failed and goes on, and once the postbox is open again anyone may retry.
contract Postbox is ERC7786Recipient {
    /// @notice The gateway of this chain, the only caller that may bring letters.
    address public immutable GATEWAY;
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
    /// @notice Thrown at deployment without a gateway.
    error InvalidGateway(address gateway);

    constructor(address gateway, bool startsClosed) {
        require(gateway != address(0), InvalidGateway(gateway));
        GATEWAY = gateway;
        KEEPER = msg.sender;
        closed = startsClosed;
    }

    /// @notice Opens or closes it. Only the keeper.
    function setClosed(bool isClosed) external {
        require(msg.sender == KEEPER, NotKeeper(msg.sender));
        closed = isClosed;
    }

    function _isAuthorizedGateway(address gateway, bytes calldata) internal view override returns (bool) {
        return gateway == GATEWAY;
    }

    function _processMessage(address, bytes32 receiveId, bytes calldata sender, bytes calldata payload)
        internal
        override
    {
        require(!closed, Closed());
        (uint256 origin, address account) = InteroperableAddress.parseEvmV1Calldata(sender);
        ++count;
        emit LetterReceived(receiveId, origin, account, payload);
    }
}
