// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RestartRecord} from "../metalayer/types/RestartRecord.sol";
import {ReturnNotice} from "../metalayer/types/ReturnNotice.sol";
import {IRefunds} from "./IRefunds.sol";

/// @title Settlement: how messages end on their origin
/// @notice Refunds the senders of what was not delivered, and pays relayers for what was. Whatever a destination says
/// here, it costs no more than the escrow of that destination's lane, and returns nothing that was not sent to it.
///
/// A chain that lied can be trusted again: once the lane from it to here is restarted and the restart followed here, a
/// new epoch begins. What it said before about returns and restarts no longer counts, and honest notices are sent
/// again.
interface ISettlement is IRefunds {
    /// @notice Emitted when a destination says that a message did not reach its recipient. The first carrier of such a
    /// notice is paid.
    event ReturnNoticed(bytes32 indexed id, uint256 indexed destination, address indexed carrier, bool expired);
    /// @notice Emitted when a claim is paid into the credit of a relayer and of its carrier, in gwei of ERA. `amount`
    /// includes `carriage`.
    event ClaimPaid(
        uint256 indexed destination, address indexed relayer, address indexed carrier, uint64 amount, uint64 carriage
    );
    /// @notice Emitted when a destination says where it left a lane that was restarted at `nonce`.
    event RestartNoticed(uint256 indexed destination, uint64 indexed nonce, uint64 lastNonce, bytes32 lastHead);

    /// @notice What is known about a message's return. All zero if nothing is. It counts if its epoch is the present.
    function returnNotice(uint256 destination, bytes32 id) external view returns (ReturnNotice memory);

    /// @notice What is known about the restart of a lane at a place. All zero if nothing is. It counts if its epoch is
    /// the present.
    function restartRecord(uint256 destination, uint64 nonce) external view returns (RestartRecord memory);

    /// @notice What a relayer's claims from a destination were paid so far, in gwei of ERA.
    function paid(uint256 destination, address relayer) external view returns (uint256);

    /// @notice How many restarts of the lane from `destination` to this chain were followed here.
    function laneEpoch(uint256 destination) external view returns (uint16);

    /// @notice When the route to `destination` was closed (Unix time); zero if it is open, or never was.
    function closedSince(uint256 destination) external view returns (uint64);
}
