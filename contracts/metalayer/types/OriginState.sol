// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {LaneState} from "./LaneState.sol";
import {RestartRecord} from "./RestartRecord.sol";
import {ReturnNotice} from "./ReturnNotice.sol";

/// @notice A lane to one destination. Two words: each message writes both.
struct OutboxLane {
    bytes32 head;
    LaneState state;
}

/// @notice How far a chain can be trusted again: see {ISettlement}.
/// @param number How many restarts of the lane from it to here were followed.
/// @param since Place of the last of them. What stands there or below belongs to an earlier epoch.
struct LaneEpoch {
    uint16 number;
    uint64 since;
}

/// @notice What a gateway keeps about the messages that it sent.
/// @custom:storage-location erc7201:metalayer.origin
/// @param credit See {ICredit-credit}.
/// @param lanes By destination, as everything but credit and Inbox heads.
/// @param storedHeads Heads of lanes by nonce: see {IOutbox-storedHead}.
/// @param notices By id of the message.
/// @param restarts By nonce of the restart.
/// @param epochs Of the lane back, from the destination to here.
/// @param closedSince When the owner closed the route (Unix time); zero while it is open.
/// @param inboxHeads Heads that an Inbox had before it left a lane: by the hash of where it left it, and by nonce.
struct OriginState {
    mapping(address account => uint256) credit;
    mapping(uint256 destination => OutboxLane) lanes;
    mapping(uint256 destination => mapping(uint64 nonce => bytes32)) storedHeads;
    mapping(uint256 destination => mapping(bytes32 id => ReturnNotice)) notices;
    mapping(uint256 destination => mapping(uint64 nonce => RestartRecord)) restarts;
    mapping(uint256 destination => LaneEpoch) epochs;
    mapping(uint256 destination => uint64) closedSince;
    mapping(bytes32 recordHash => mapping(uint64 nonce => bytes32)) inboxHeads;
}

/// @notice The state, at one fixed place (ERC-7201): the gateway shares it with {Annex}, whose code it runs.
function originState() pure returns (OriginState storage state) {
    // solhint-disable-next-line no-inline-assembly
    assembly ("memory-safe") {
        // keccak256(abi.encode(uint256(keccak256("metalayer.origin")) - 1)) & ~bytes32(uint256(0xff))
        state.slot := 0xb10f6869b7e17576e89db9f95f0c3bb5d38528dab71168671efae59312a73100
    }
}
