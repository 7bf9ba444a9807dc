// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Sets} from "./Sets.sol";
import {Withdrawals} from "./Withdrawals.sol";
import {Accused} from "./types/Accused.sol";
import {Exits} from "./types/Exits.sol";
import {Validator, ValidatorState} from "./types/Validator.sol";

/// @title Slashes: what the Slasher may do to a validator
/// @notice Costs the same whatever the number of delegators: each of them meets the loss when its stake leaves.
abstract contract Slashes is Withdrawals, Sets {
    using SafeCast for uint256;

    /// @notice In what accusations are summed up.
    uint256 public constant WEEK = 7 days;
    /// @notice Weeks before and after that of an accusation which count with it.
    uint256 public constant CORRELATED_WEEKS = 4;
    /// @notice Least part of the stake that a slash takes, in basis points.
    uint256 public constant MIN_FRACTION = 500;

    /// @inheritdoc IStaking
    address public immutable SLASHER;

    /// @inheritdoc IStaking
    mapping(uint256 week => Accused) public accusedIn;

    modifier onlySlasher() {
        require(msg.sender == SLASHER, NotSlasher(msg.sender));
        _;
    }

    constructor(address slasher) {
        require(slasher != address(0), ZeroAddress());
        SLASHER = slasher;
    }

    /// @inheritdoc IStaking
    function freeze(uint256 id, bool unseat) external onlySlasher {
        Validator storage v = _validators[id];
        ValidatorState state = v.state;
        require(state == ValidatorState.Open || state == ValidatorState.Left, WrongState(id, state));
        require(!_isFree(v), NotLiable(id));
        Accused storage accused = accusedIn[block.timestamp / WEEK];
        // Not what a set weighs that an accomplice has published after the first accusation.
        if (accused.weight == 0) accused.weight = uint96(_weight());
        if (_isFirst(v.openCases++)) {
            (uint256 own, uint256 delegated) = _slashable(id, v);
            v.frozenSince = uint32(block.timestamp);
            v.ownSlashable = own.toUint96();
            v.slashable = delegated.toUint96();
            // Once, however many cases there are: who reports more of them is not paid for it.
            accused.slashable += (own + delegated).toUint96();
            accused.latest = uint48(block.timestamp);
            emit Frozen(id, own, delegated);
        }
        if (unseat) _endTerm(id, v);
    }

    /// @inheritdoc IStaking
    function unfreeze(uint256 id) external onlySlasher {
        Validator storage v = _validators[id];
        if (v.state == ValidatorState.Ended || --v.openCases != 0) return;
        accusedIn[v.frozenSince / WEEK].slashable -= v.ownSlashable + v.slashable;
        emit Unfrozen(id);
    }

    /// @inheritdoc IStaking
    function settle(uint256 id, address reporter, uint256 before) external onlySlasher nonReentrant {
        Validator storage v = _validators[id];
        _requireNotEnded(id, v);
        require(v.openCases != 0, NotLiable(id));
        _endTerm(id, v);
        v.state = ValidatorState.Ended;
        (uint256 fraction, uint256 latest) = _fraction(v.frozenSince);
        require(latest <= before, AccusedSince(id, latest));
        uint256 ownSlashable = v.ownSlashable;
        uint256 loss = Math.ceilDiv((ownSlashable + v.slashable) * fraction, BASIS_POINTS);
        uint256 ownLoss = _ownLoss(loss, ownSlashable, v.slashable);
        v.loss = uint96(loss - ownLoss);
        v.ownLoss = uint96(ownLoss);
        uint256 own = v.own;
        uint256 taken = _part(own, ownLoss, ownSlashable);
        v.own = uint96(own - taken);
        v.stake -= uint96(taken);
        if (taken < ownLoss) _reporters[id] = reporter;
        emit Settled(id, reporter, fraction, ownLoss, loss - ownLoss);
        _takeOwn(v.operator, taken, reporter);
    }

    /// @inheritdoc IStaking
    function lastAccused(uint256 id) external view returns (uint256 latest) {
        Validator storage v = _validators[id];
        // The fraction may still change.
        // slither-disable-next-line unused-return
        if (v.openCases != 0) (, latest) = _fraction(v.frozenSince);
    }

    /// @dev Takes the seat of a validator, and lets another set follow at once.
    function _endTerm(uint256 id, Validator storage v) internal virtual {
        if (v.seat != 0) _unseat(id, v);
        // Or the newest set may still have it.
        if (v.unseatedAt >= setAt) termEnded = true;
    }

    /// @dev All stake of a validator that has not matured: as much as leaving could have hidden.
    function _slashable(uint256 id, Validator storage v)
        internal
        view
        virtual
        returns (uint256 own, uint256 delegated)
    {
        own = v.own;
        delegated = v.stake - own;
        uint256 present = _period();
        for (uint256 i; i < UNBONDING_PERIODS; ++i) {
            Exits storage leaving = _exits[id][present - i];
            own += leaving.own;
            delegated += leaving.delegated;
        }
    }

    function _isFirst(uint256 openCases) internal view virtual returns (bool) {
        return openCases == 0;
    }

    /// @dev Own stake answers first.
    function _ownLoss(uint256 loss, uint256 own, uint256) internal view virtual returns (uint256) {
        return Math.min(loss, own);
    }

    /// @dev What a signature is worth is decided by the sets, not by what is seated at this moment: whoever delegates
    /// changes that within a transaction. Before the first set nothing else is known.
    function _weight() internal view virtual returns (uint256) {
        return setVersion == 0 ? _seatedStake : setWeight;
    }

    /// @dev Of a validator, and when the last one was accused that counts with it. What sets weighed later does not
    /// count: an accomplice could make them heavier.
    function _fraction(uint256 frozenSince) internal view virtual returns (uint256 fraction, uint256 latest) {
        uint256 accused;
        uint256 weight;
        uint256 week = frozenSince / WEEK;
        for (uint256 w = week - CORRELATED_WEEKS; w <= week + CORRELATED_WEEKS; ++w) {
            Accused storage of_ = accusedIn[w];
            accused += of_.slashable;
            latest = Math.max(latest, of_.latest);
            if (w <= week) weight = Math.max(weight, of_.weight);
        }
        fraction = _fractionOf(accused, weight);
    }

    /// @dev 9 (S / T)^2 in basis points, rounded up.
    function _fractionOf(uint256 accused, uint256 weight) internal pure returns (uint256) {
        if (accused * 3 >= weight) return BASIS_POINTS;
        return Math.max(Math.ceilDiv(9 * BASIS_POINTS * accused * accused, weight * weight), MIN_FRACTION);
    }
}
