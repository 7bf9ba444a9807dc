// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/// @title Notices: what gateways tell each other
/// @notice A notice is a message from gateway to gateway. It travels in a lane like any other message, but it is free,
/// has a fixed length and gas limit, never expires and is never returned. The Inbox of one chain sends notices; the
/// Settlement of the other chain acts on them:
/// - `Return`: the id of a message that did not reach its recipient, whether it expired before its first attempt, and
///   the step part of its fee (gwei), which the carrier of the notice gets;
/// - `Claim`: a relayer, all that it ever earned on the lane (gwei), and how much of the payment the carrier gets;
/// - `Restart`: the nonce at which the lane was restarted, and the nonce and head at which the Inbox left it.
/// The carrier is whoever delivers the notice.
abstract contract Notices {
    enum Kind {
        Return,
        Claim,
        Restart
    }

    /// @dev Gas limit of every notice. The receiving gateway runs it with all the gas of the transaction, and reverts
    /// as a whole if that is too little: a notice is never lost for want of gas.
    uint64 internal constant NOTICE_GAS_LIMIT = 150_000;
    /// @dev Length of every notice, in bytes: the kind and three words.
    uint256 internal constant NOTICE_LENGTH = 128;

    /// @dev Sends a notice, whether the route is open or not. Returns its nonce.
    function _sendNotice(uint256 destination, Kind kind, bytes32 a, bytes32 b, bytes32 c)
        internal
        virtual
        returns (uint64 nonce);

    /// @dev Acts on a notice. Must not revert, whatever the notice says: that would halt its lane.
    function _receiveNotice(uint256 origin, bytes calldata payload, address carrier) internal virtual;

    /// @dev True if the lane to `destination` was restarted after message `nonce` entered it: the message may be lost.
    function _mayBeLost(uint256 destination, uint64 nonce) internal view virtual returns (bool);

    /// @dev What a carrier gets for a notice to `destination`, in gwei: what a relayer gets for any message of its
    /// length and gas limit.
    function _carriage(uint256 destination) internal view virtual returns (uint64);
}
