// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title TokenBridge: ERA across chains
/// @notice ERA is locked on the hub and minted on the other chains, the spokes. Every transfer goes through the hub,
/// which keeps an account for each spoke and never lets a spoke take out more than was sent to it: a compromised spoke
/// can lose no more than it holds. A transfer from one spoke to another makes two hops, without any action of the user:
/// the hub takes the fee of the second hop out of the amount. A hop that is not executed comes back: what it carried
/// returns to where the transfer started.
interface ITokenBridge {
    /// @notice Emitted when a transfer starts.
    /// @param id Id of the message that carries its first hop.
    /// @param destination Chain id where it ends.
    event TransferSent(
        bytes32 indexed id, address indexed from, address indexed to, uint256 destination, uint256 amount
    );
    /// @notice Emitted when the hub forwards a transfer, to another spoke or back to the one where it started.
    /// @param receiveId Id of the message of the hop before, delivered or returned.
    /// @param sendId Id of the message that carries the next hop.
    /// @param amount What is forwarded, without the fee of the hop.
    /// @param fee Fee of the hop, in wei of ERA.
    event TransferForwarded(
        bytes32 indexed receiveId, bytes32 indexed sendId, uint256 destination, uint256 amount, uint256 fee
    );
    /// @notice Emitted when a transfer ends: ERA was released on the hub, or minted elsewhere.
    /// @param id Id of the message that carried its last hop.
    /// @param origin Chain id from which that hop came.
    event TransferReceived(bytes32 indexed id, address indexed to, uint256 origin, uint256 amount);
    /// @notice Emitted when a hop was not executed and the sender of the transfer has its ERA again, on the chain from
    /// which that hop went.
    /// @param id Id of the message that carried the hop.
    event TransferReturned(bytes32 indexed id, address indexed from, uint256 amount);

    /// @notice Thrown when the amount is zero.
    error ZeroAmount();
    /// @notice Thrown when the beneficiary is the zero address, the gateway, the bridge or the token.
    error InvalidBeneficiary(address to);
    /// @notice Thrown when the destination is this chain, or has no open route from this chain.
    error InvalidDestination(uint256 destination);
    /// @notice Thrown when a chain returns more than was sent to it.
    error OutstandingExceeded(uint256 chainId, uint256 amount, uint256 outstanding);
    /// @notice Thrown when a transfer does not hold more than the fee of its second hop.
    error AmountBelowFee(uint256 amount, uint256 fee);
    /// @notice Thrown when what arrives was sent at a second (Unix time) that this chain's clock has not reached. Retry
    /// it then. So no ERA has votes on two chains at one time, however their clocks differ.
    error ClockBehind(uint256 sentAt);
    /// @notice Thrown when the past is asked for at a time that is no full hour, or has not passed.
    error InvalidHour(uint48 hour);

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

    /// @notice ERA (wei) that was outstanding on a chain at a full hour that has passed (Unix time), changes in that
    /// very second included. Kept on the hub, zero elsewhere.
    function pastOutstanding(uint256 chainId, uint48 hour) external view returns (uint256);

    /// @notice ERA (wei) that is outstanding on all other chains together. Kept on the hub, zero elsewhere.
    function totalOutstanding() external view returns (uint256);

    /// @notice ERA (wei) that was outstanding on all other chains at a full hour that has passed (Unix time).
    function pastTotalOutstanding(uint48 hour) external view returns (uint256);
}
