// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {IERC5313} from "@openzeppelin/contracts/interfaces/IERC5313.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IGuardian} from "../interfaces/IGuardian.sol";
import {ILimits} from "../interfaces/ILimits.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {IRemoteGovernor} from "../interfaces/IRemoteGovernor.sol";
import {Terms} from "./types/Route.sol";

/// @title Guardian
/// @notice See {IGuardian}.
contract Guardian is IGuardian {
    /// @notice How long deliveries are paused, or value is held, from the beginning of a watcher's pause or hold, in
    /// seconds.
    uint64 public constant WATCHER_PAUSE = 3 days;
    /// @notice Shortest time between two restarts of a lane by the council, in seconds.
    uint64 public constant RESTART_INTERVAL = 7 days;
    /// @notice How many times higher, or lower, than the reference the fee keeper may set a fee.
    uint256 public constant FEE_FACTOR = 8;

    /// @inheritdoc IGuardian
    IMetalayer public immutable GATEWAY;
    /// @inheritdoc IGuardian
    ILimits public immutable BRIDGE;
    /// @inheritdoc IGuardian
    address public immutable GOVERNOR;

    /// @inheritdoc IGuardian
    address public council;
    /// @inheritdoc IGuardian
    address public feeKeeper;
    /// @inheritdoc IGuardian
    mapping(address account => bool) public isWatcher;
    /// @inheritdoc IGuardian
    mapping(uint256 destination => uint64) public restartableFrom;

    mapping(uint256 chainId => Terms) private _references;
    /// @dev Hash of the terms that the fee keeper set last.
    mapping(uint256 chainId => bytes32) private _kept;

    modifier onlyCouncil() {
        require(msg.sender == council, NotCouncil(msg.sender));
        _;
    }

    /// @param gateway The Metalayer of this chain, which may be deployed later at that address.
    /// @param bridge The token bridge. Likewise.
    /// @param governor EraGovernor on the hub, RemoteGovernor elsewhere. Likewise.
    /// @param initialCouncil Not zero.
    /// @param initialFeeKeeper Zero for nobody.
    /// @param watchers The first watchers.
    constructor(
        IMetalayer gateway,
        ILimits bridge,
        address governor,
        address initialCouncil,
        address initialFeeKeeper,
        address[] memory watchers
    ) {
        GATEWAY = gateway;
        BRIDGE = bridge;
        // Without one it postpones and cancels nothing.
        // slither-disable-next-line missing-zero-check
        GOVERNOR = governor;
        _setCouncil(initialCouncil);
        _setFeeKeeper(initialFeeKeeper);
        for (uint256 i; i < watchers.length; ++i) {
            _setWatcher(watchers[i], true);
        }
    }

    /// @inheritdoc IGuardian
    function setCouncil(address newCouncil) external {
        require(msg.sender == IERC5313(address(GATEWAY)).owner(), NotOwner(msg.sender));
        _setCouncil(newCouncil);
    }

    /// @inheritdoc IGuardian
    function setWatcher(address account, bool watching) external onlyCouncil {
        _setWatcher(account, watching);
    }

    /// @inheritdoc IGuardian
    function setFeeKeeper(address newFeeKeeper) external onlyCouncil {
        _setFeeKeeper(newFeeKeeper);
    }

    /// @inheritdoc IGuardian
    function pauseInbound(uint256 origin, uint64 duration) external onlyCouncil {
        GATEWAY.pauseInbound(origin, duration);
    }

    /// @inheritdoc IGuardian
    function unpauseInbound(uint256 origin) external onlyCouncil {
        GATEWAY.unpauseInbound(origin);
    }

    /// @inheritdoc IGuardian
    function emergencyPause(uint256 origin) external {
        require(isWatcher[msg.sender], NotWatcher(msg.sender));
        uint256 duration = _watchersDuration(origin, GATEWAY.pausedUntil(origin), GATEWAY.pausableFrom(origin));
        // forge-lint: disable-next-line(unsafe-typecast)
        GATEWAY.pauseInbound(origin, uint64(duration));
    }

    /// @inheritdoc IGuardian
    function hold(uint256 chainId, uint256 duration) external onlyCouncil {
        BRIDGE.hold(chainId, duration);
    }

    /// @inheritdoc IGuardian
    function unhold(uint256 chainId) external onlyCouncil {
        BRIDGE.unhold(chainId);
    }

    /// @inheritdoc IGuardian
    function emergencyHold(uint256 chainId) external {
        require(isWatcher[msg.sender], NotWatcher(msg.sender));
        (uint256 until, uint256 holdableFrom) = BRIDGE.heldUntil(chainId);
        BRIDGE.hold(chainId, _watchersDuration(chainId, until, holdableFrom));
    }

    /// @inheritdoc IGuardian
    function restart(uint256 destination, uint64 nonce) external onlyCouncil {
        uint64 earliest = restartableFrom[destination];
        require(block.timestamp >= earliest, RestartTooSoon(destination, earliest));
        restartableFrom[destination] = uint64(block.timestamp) + RESTART_INTERVAL;
        GATEWAY.restart(destination, nonce);
    }

    /// @inheritdoc IGuardian
    function postpone(bytes32 id) external {
        require(isWatcher[msg.sender] || msg.sender == council, NotWatcher(msg.sender));
        IRemoteGovernor(GOVERNOR).postpone(id);
    }

    /// @inheritdoc IGuardian
    function cancelProposal(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata calldatas,
        bytes32 descriptionHash
    ) external onlyCouncil returns (uint256 proposalId) {
        return IGovernor(GOVERNOR).cancel(targets, values, calldatas, descriptionHash);
    }

    /// @inheritdoc IGuardian
    function setTerms(uint256 chainId, Terms calldata terms) external {
        require(msg.sender == feeKeeper, NotFeeKeeper(msg.sender));
        Terms memory bounds = referenceTerms(chainId);
        require(
            terms.defaultGasLimit == bounds.defaultGasLimit && terms.maxGasLimit == bounds.maxGasLimit
                && terms.defaultReturnGasLimit == bounds.defaultReturnGasLimit
                && terms.protocolShare == bounds.protocolShare,
            NotAFee(chainId)
        );
        _checkFee(chainId, terms.baseFee, bounds.baseFee);
        _checkFee(chainId, terms.gasFee, bounds.gasFee);
        _checkFee(chainId, terms.byteFee, bounds.byteFee);
        _checkFee(chainId, terms.returnGasFee, bounds.returnGasFee);
        _references[chainId] = bounds;
        _kept[chainId] = _hash(terms);
        GATEWAY.setTerms(chainId, terms);
    }

    /// @inheritdoc IGuardian
    function referenceTerms(uint256 chainId) public view returns (Terms memory) {
        Terms memory present = GATEWAY.route(chainId).terms;
        return _hash(present) == _kept[chainId] ? _references[chainId] : present;
    }

    function _setCouncil(address newCouncil) private {
        require(newCouncil != address(0), ZeroCouncil());
        council = newCouncil;
        emit CouncilSet(newCouncil);
    }

    function _setFeeKeeper(address newFeeKeeper) private {
        feeKeeper = newFeeKeeper;
        emit FeeKeeperSet(newFeeKeeper);
    }

    function _setWatcher(address account, bool watching) private {
        isWatcher[account] = watching;
        emit WatcherSet(account, watching);
    }

    /// @dev Seconds from now until `WATCHER_PAUSE` after the beginning of the pause or hold that is running; of the one
    /// that begins now, if none is.
    /// @param until When the last one ends or ended.
    /// @param next When the cool-down after it ends: it is as long as the pause or hold, see {IInbox} and {ILimits}.
    function _watchersDuration(uint256 chainId, uint256 until, uint256 next) private view returns (uint256) {
        uint256 since = block.timestamp < until ? 2 * until - next : block.timestamp;
        uint256 end = since + WATCHER_PAUSE;
        require(block.timestamp < end, WatcherPauseOver(chainId, since));
        return end - block.timestamp;
    }

    function _checkFee(uint256 chainId, uint256 fee, uint256 bound) private pure {
        uint256 lowest = Math.ceilDiv(bound, FEE_FACTOR);
        uint256 highest = bound * FEE_FACTOR;
        require(fee >= lowest && fee <= highest, FeeOutOfRange(chainId, fee, lowest, highest));
    }

    function _hash(Terms memory terms) private pure returns (bytes32) {
        return keccak256(abi.encode(terms));
    }
}
