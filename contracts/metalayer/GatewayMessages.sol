// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/// @title GatewayMessages: what the gateways tell each other
/// @notice Messages from gateway to gateway travel in the lanes like all others, but are sent free, fixed in size and
/// gas, never expire, and are never returned. The Inbox of one chain sends them, the Outbox of the other acts on them:
/// - `Return`: the id of a message that did not reach its recipient, whether it expired before its first attempt, and
///   the return part of its fee (gwei), for the carrier;
/// - `Claim`: a relayer, all that it ever earned on the lane (gwei), and how much of what is due the carrier gets;
/// - `Restart`: the nonce at which the lane was restarted, and the nonce and head at which the Inbox left it.
abstract contract GatewayMessages {
    enum Kind {
        Return,
        Claim,
        Restart
    }

    /// @dev Gas limit of every gateway message. The gateway runs it with what the transaction has, and reverts as a
    /// whole if that is too little, so that it is never lost.
    uint64 internal constant GATEWAY_GAS_LIMIT = 150_000;
    /// @dev Payload: the kind and three words.
    uint256 internal constant GATEWAY_PAYLOAD_LENGTH = 128;

    /// @dev Sends one, whether the route is open or not. Returns its nonce.
    function _sendGatewayMessage(uint256 destination, Kind kind, bytes32 a, bytes32 b, bytes32 c)
        internal
        virtual
        returns (uint64 nonce);

    /// @dev Acts on one. Must not revert, whatever it says: it would halt its lane.
    function _receiveGatewayMessage(uint256 origin, bytes calldata payload, address carrier) internal virtual;

    /// @dev True if the lane to `destination` was restarted after message `nonce` entered it: that may be lost then.
    function _mayBeLost(uint256 destination, uint64 nonce) internal view virtual returns (bool);

    /// @dev What a carrier gets for a gateway message to `destination`, in gwei: what any message pays of its gas.
    function _carriage(uint256 destination) internal view virtual returns (uint64);
}
