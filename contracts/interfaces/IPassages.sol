// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Passages: what the hops of a transfer cost, and who pays
/// @notice All in ERA. The first hop is paid by the caller, from its credit in the gateway (of which it must have
/// allowed the bridge as much) or from its balance. The second hop of a token at home on the hub is prepaid with the
/// first; of a token at home elsewhere anybody pays it there. What is prepaid and not used goes along, for a way back.
interface IPassages {
    /// @notice Emitted when somebody pays for the next hop of a transfer, in gwei of ERA.
    event PassagePaid(bytes32 indexed id, address indexed from, uint256 amount);

    /// @notice Thrown when the next hop of a transfer costs more than was paid for it, in wei of ERA. Retry its message
    /// after `pay`.
    error PassageUnpaid(bytes32 id, uint256 cost, uint256 paid);
    /// @notice Thrown when the fees of a call exceed the caller's bound, in wei of ERA; or, where ERA has limits, when
    /// more than ten times the cost of a hop was prepaid for it.
    error FeeAboveBound(uint256 fee, uint256 maximum);
    /// @notice Thrown when a second hop is prepaid that does not start on the hub.
    error NothingToPrepay();

    /// @notice Pays for the next hop of a transfer that this chain, as the token's home, sends on, from the caller's
    /// ERA: on the hub the bridge must be allowed as much. It is not given back.
    /// @param id Id of the transfer.
    /// @param amount In gwei of ERA.
    function pay(bytes32 id, uint64 amount) external;

    /// @notice What `send` takes from the caller for the first hop, in wei of ERA, the description of a token that the
    /// destination does not know included. Reverts if the gateway would refuse.
    /// @param dataLength Bytes of data for the recipient.
    /// @param extraGas See {Options}.
    /// @return fee Without what is prepaid for a second hop.
    /// @return home Chain that sends it on, for what {quoteForward} says there; zero if there is one hop.
    function quoteSend(address token, uint256 destination, uint256 dataLength, uint256 extraGas)
        external
        view
        returns (uint256 fee, uint256 home);

    /// @notice What this chain, the home of `token`, pays to send a transfer on, in wei of ERA: a whole number of gwei.
    /// @param destination Chain where it ends.
    function quoteForward(address token, uint256 destination, uint256 dataLength, uint256 extraGas)
        external
        view
        returns (uint256);

    /// @notice What was paid for the next hop of a transfer, and not used, in gwei of ERA.
    function passage(bytes32 id) external view returns (uint256);
}
