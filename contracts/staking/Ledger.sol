// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Exits} from "./types/Exits.sol";
import {Position} from "./types/Position.sol";
import {Validator, ValidatorState} from "./types/Validator.sol";

/// @title Ledger: what all parts of Staking share
/// @notice See {IStaking}.
abstract contract Ledger is IStaking, ReentrancyGuardTransient {
    /// @notice What leaves in one period leaves together.
    uint256 public constant PERIOD = 3 days;
    /// @notice Periods from the beginning of the one in which stake leaves to its maturity.
    uint256 public constant UNBONDING_PERIODS = 8;
    /// @notice Time for which a validator is liable after its seat, and a key after its retirement.
    uint256 public constant LIABILITY = UNBONDING_PERIODS * PERIOD;
    /// @notice Most that a validator's stake is of its own, as a factor.
    uint256 public constant MAX_LEVERAGE = 20;

    uint256 internal constant BASIS_POINTS = 10_000;

    /// @inheritdoc IStaking
    IERC20 public immutable ERA;
    /// @inheritdoc IStaking
    uint256 public immutable MIN_OWN;

    mapping(uint256 id => Validator) internal _validators;
    // Written through pointers.
    // slither-disable-next-line uninitialized-state
    mapping(address holder => mapping(uint256 id => Position)) internal _positions;
    mapping(uint256 id => mapping(uint256 period => Exits)) internal _exits;
    /// @inheritdoc IStaking
    mapping(address holder => mapping(uint256 id => mapping(uint256 period => uint256))) public unbonding;

    constructor(IERC20 era, uint256 minOwn) {
        require(address(era) != address(0), ZeroAddress());
        // The supply, streamed to one ERA 280,000 times over, fits the 128 bits of `earnedPerUnit`.
        require(minOwn >= 1e18, InvalidMinimum(minOwn));
        ERA = era;
        MIN_OWN = minOwn;
    }

    /// @inheritdoc IStaking
    function validator(uint256 id) external view returns (Validator memory) {
        return _validators[id];
    }

    /// @inheritdoc IStaking
    function position(address holder, uint256 id) external view returns (Position memory) {
        return _positions[holder][id];
    }

    /// @inheritdoc IStaking
    function exits(uint256 id, uint256 period) external view returns (Exits memory) {
        return _exits[id][period];
    }

    /// @dev The validator, if the caller is its operator.
    function _operated(uint256 id) internal view returns (Validator storage v) {
        v = _validators[id];
        require(msg.sender == v.operator, NotOperator(id, msg.sender));
    }

    /// @dev Reverts unless stake may come to the validator, and the validator to a seat.
    function _requireSound(uint256 id, Validator storage v) internal view virtual {
        require(v.state == ValidatorState.Open, WrongState(id, v.state));
        require(v.openCases == 0, ValidatorAccused(id));
    }

    function _requireNotEnded(uint256 id, Validator storage v) internal view virtual {
        require(v.state != ValidatorState.Ended, WrongState(id, ValidatorState.Ended));
    }

    function _requireEnded(uint256 id, Validator storage v) internal view {
        require(v.state == ValidatorState.Ended, WrongState(id, v.state));
    }

    /// @dev True if nothing that the validator signed can be held against its stake. Never within a transaction in
    /// which it has, or had, a seat: borrowed stake that took one cannot be given back.
    function _isFree(Validator storage v) internal view virtual returns (bool) {
        if (v.seat != 0 || v.openCases != 0) return false;
        uint256 since = v.unseatedAt;
        return since == 0 || block.timestamp >= since + LIABILITY;
    }

    function _checkOwn(uint256 own) internal view virtual {
        require(own >= MIN_OWN, OwnTooLow(own, MIN_OWN));
    }

    function _checkLeverage(uint256 stake, uint256 own) internal view virtual {
        uint256 maximum = own * MAX_LEVERAGE;
        require(stake <= maximum, StakeTooHigh(stake, maximum));
    }

    function _period() internal view returns (uint256) {
        return block.timestamp / PERIOD;
    }
}
