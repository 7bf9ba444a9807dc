// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title TokenBridge: ERA across chains
/// @notice ERA is locked on the hub and minted on the other chains. Everything goes through the hub, which keeps one
/// account per chain and never lets a chain take out more than was sent to it: a chain that is compromised can only
/// lose what it holds. From one spoke to another a transfer makes two hops, without any action of the user: the fee of
/// the second is taken out of the amount, on the hub. A hop that is not executed comes back: what it carried goes to
/// where the transfer started.
interface ITokenBridge {
    /// @notice Emitted when a transfer starts.
    /// @param id Id of the message that carries its first hop.
    /// @param destination Chain id where it ends.
    event TransferSent(
        bytes32 indexed id, address indexed from, address indexed to, uint256 destination, uint256 amount
    );
    /// @notice Emitted on the hub when a transfer goes on, to another spoke or back to the one where it started.
    /// @param receiveId Id of the message that carried, or returned, the hop before.
    /// @param sendId Id of the message that carries the next hop.
    /// @param amount What goes on: the fee of the hop is taken off.
    /// @param fee Fee of the hop, in wei of ERA.
    event TransferForwarded(
        bytes32 indexed receiveId, bytes32 indexed sendId, uint256 destination, uint256 amount, uint256 fee
    );
    /// @notice Emitted when a transfer ends: ERA was released on the hub, or minted elsewhere.
    /// @param id Id of the message that carried its last hop.
    /// @param origin Chain id from which that hop came.
    event TransferReceived(bytes32 indexed id, address indexed to, uint256 origin, uint256 amount);
    /// @notice Emitted when a hop was not executed, and its ERA is with its sender again, on the chain of that hop.
    /// @param id Id of the message that carried the hop.
    event TransferReturned(bytes32 indexed id, address indexed from, uint256 amount);

    /// @notice Thrown when the amount is zero.
    error ZeroAmount();
    /// @notice Thrown when the beneficiary is the zero address, the gateway, the bridge or the token.
    error InvalidBeneficiary(address to);
    /// @notice Thrown when the destination is this chain, or one to which this chain's gateway does not send.
    error InvalidDestination(uint256 destination);
    /// @notice Thrown when a chain returns more than was sent to it.
    error OutstandingExceeded(uint256 chainId, uint256 amount, uint256 outstanding);
    /// @notice Thrown when a transfer does not hold more than the fee of its second hop.
    error AmountBelowFee(uint256 amount, uint256 fee);
    /// @notice Thrown when anyone but the gateway says that a message was returned.
    error NotGateway(address caller);

    /// @notice Sends `amount` (wei of ERA) of the caller to `to` on another chain. On the hub the caller must have
    /// approved the bridge; elsewhere the caller's ERA is burned without an approval. The gateway's fee is paid from
    /// the caller's credit there, of which the caller must have allowed the bridge to spend that much.
    /// @return id Id of the message that carries the first hop.
    function send(uint256 destination, address to, uint256 amount) external returns (bytes32 id);

    /// @notice Fees of a transfer from this chain, in wei of ERA.
    /// @return first What the first hop takes from the caller's credit.
    /// @return forwarded True if the hub forwards the transfer, and takes its gateway's fee for that out of the amount.
    function quote(uint256 destination) external view returns (uint256 first, bool forwarded);

    /// @notice ERA (wei) that was sent to a chain and has not come back. Kept on the hub, zero elsewhere.
    function outstanding(uint256 chainId) external view returns (uint256);
}
