// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Terms} from "../metalayer/types/Route.sol";
import {ILimits} from "./ILimits.sol";
import {IMetalayer} from "./IMetalayer.sol";

/// @title Guardian: who may act on a gateway, its bridge and its governor at once, and within which bounds
/// @notice The guardian of the gateway, so of the token bridge, and of the governor, one on each chain, at the same
/// address. Its rights are those that these give to their guardian, held by three offices. It has no owner of its own:
/// the gateway's owner names the council, which names the others, and is rid of all of them by naming another guardian.
///
/// The **council** pauses deliveries for as long as the gateway allows, holds tokens for as long as the bridge allows,
/// ends both, restarts each lane at most once in `RESTART_INTERVAL`, cancels proposals on the hub and postpones
/// decisions elsewhere. If it is stolen, its thief can do that on every lane, which holds up deliveries and tokens for
/// half of the time, with every proposal and decision but those that only name another guardian, and fill the other
/// offices. The owner then better names another guardian than another council, which would have to remove each watcher
/// by itself.
///
/// A **watcher** pauses deliveries from a chain until `WATCHER_PAUSE` after the pause began, holds the tokens that come
/// from it for as long, and postpones decisions, each once: nothing else. The time of a pause or hold is not a choice:
/// the council always has all of it to end it or to extend it. What remains if a watcher's key is stolen: decisions are
/// late, and a cool-down, in which nobody can pause deliveries from that chain, follows each pause that the council
/// does not extend; likewise for holds. It is as long as the pause was, `WATCHER_PAUSE` at most. A pause of deliveries
/// from the hub cannot be extended, only ended early. And until the council removes the watcher, the next pause may
/// follow the cool-down.
///
/// The **fee keeper** sets fees, each from 1/8 of the reference to 8 times that. The reference of a chain is the
/// terms that stood when they were not what the fee keeper, this or a former one, set last: those of the owner. Terms
/// that the owner sets are no new reference if they equal these to the last gwei, which a fee keeper who knows them
/// before can bring about. An owner who must be sure changes a gas limit, too: that the fee keeper cannot follow.
/// Another guardian takes what stands when it comes for its first reference, so who names one should set terms, too.
interface IGuardian {
    /// @notice Emitted when the owner names the council.
    event CouncilSet(address indexed council);
    /// @notice Emitted when the council names or removes a watcher.
    event WatcherSet(address indexed account, bool watching);
    /// @notice Emitted when the council names the fee keeper; zero if nobody.
    event FeeKeeperSet(address indexed feeKeeper);

    /// @notice Thrown when anyone but the owner of the gateway names the council.
    error NotOwner(address caller);
    /// @notice Thrown when anyone but the council does what it alone may.
    error NotCouncil(address caller);
    /// @notice Thrown when anyone but a watcher pauses or holds as one, or anyone but watchers and council postpones.
    error NotWatcher(address caller);
    /// @notice Thrown when anyone but the fee keeper sets terms.
    error NotFeeKeeper(address caller);
    /// @notice Thrown when the council would be the zero address.
    error ZeroCouncil();
    /// @notice Thrown when a watcher extends a pause, or a hold, that began `WATCHER_PAUSE` ago or more, at `since`
    /// (Unix time).
    error WatcherPauseOver(uint256 origin, uint256 since);
    /// @notice Thrown when the council restarts a lane before `earliest` (Unix time).
    error RestartTooSoon(uint256 destination, uint64 earliest);
    /// @notice Thrown when the fee keeper sets a fee that is not within [lowest, highest], in gwei of ERA.
    error FeeOutOfRange(uint256 chainId, uint256 fee, uint256 lowest, uint256 highest);
    /// @notice Thrown when the fee keeper's terms differ from the reference in a gas limit or the protocol's share.
    error NotAFee(uint256 chainId);

    /// @notice Names the council. Only the owner of the gateway. Watchers and fee keeper stay until the new one acts.
    function setCouncil(address newCouncil) external;

    /// @notice Names a watcher, or removes one. Only the council.
    function setWatcher(address account, bool watching) external;

    /// @notice Names the fee keeper; the zero address for nobody. Only the council.
    function setFeeKeeper(address newFeeKeeper) external;

    /// @notice Pauses deliveries from a chain until `duration` seconds from now: see {IInbox-pauseInbound}. Only the
    /// council.
    function pauseInbound(uint256 origin, uint64 duration) external;

    /// @notice Ends a pause early: see {IInbox-unpauseInbound}. Only the council.
    function unpauseInbound(uint256 origin) external;

    /// @notice Pauses deliveries from a chain until `WATCHER_PAUSE` from now, or from the beginning of the pause that
    /// is running. Changes nothing if that one ends later. Only watchers.
    function emergencyPause(uint256 origin) external;

    /// @notice Holds tokens that come from a chain until `duration` seconds from now: see {ILimits-hold}. Only the
    /// council.
    function hold(uint256 chainId, uint256 duration) external;

    /// @notice Ends a hold early: see {ILimits-unhold}. Only the council.
    function unhold(uint256 chainId) external;

    /// @notice Holds tokens that come from a chain until `WATCHER_PAUSE` from now, or from the beginning of the hold
    /// that is running. Changes nothing if that one ends later. Only watchers.
    function emergencyHold(uint256 chainId) external;

    /// @notice Restarts a lane: see {IOutbox-restart}. Only the council, once in `RESTART_INTERVAL`; what the owner
    /// restarts does not count.
    function restart(uint256 destination, uint64 nonce) external;

    /// @notice Postpones a decision: see {IRemoteGovernor-postpone}. Watchers and the council, not on the hub.
    function postpone(bytes32 id) external;

    /// @notice Cancels a proposal, as {IGovernor-cancel} takes it. Only the council, on the hub.
    function cancelProposal(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata calldatas,
        bytes32 descriptionHash
    ) external returns (uint256 proposalId);

    /// @notice Sets the fees of messages to a chain that has terms: see {IRoutes-setTerms}. Only the fee keeper,
    /// within its bounds.
    function setTerms(uint256 chainId, Terms calldata terms) external;

    /// @notice The gateway that this is the guardian of, if its owner wants it so.
    function GATEWAY() external view returns (IMetalayer);

    /// @notice The token bridge, whose guardian is that of the gateway.
    function BRIDGE() external view returns (ILimits);

    /// @notice The governor whose proposals (EraGovernor, on the hub) or decisions (RemoteGovernor, elsewhere) this is
    /// the guardian of, if the owner wants it so.
    function GOVERNOR() external view returns (address);

    function council() external view returns (address);

    function isWatcher(address account) external view returns (bool);

    /// @notice The fee keeper; zero if nobody.
    function feeKeeper() external view returns (address);

    /// @notice When the council may restart the lane to a chain again (Unix time); 0 if it never did.
    function restartableFrom(uint256 destination) external view returns (uint64);

    /// @notice Terms from which the fee keeper's next ones may differ by up to 8 times.
    function referenceTerms(uint256 chainId) external view returns (Terms memory);
}
