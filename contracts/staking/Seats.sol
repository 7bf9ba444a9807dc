// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStaking} from "../interfaces/IStaking.sol";
import {Attestations} from "../metalayer/libraries/Attestations.sol";
import {Earnings} from "./Earnings.sol";
import {Validator, ValidatorState} from "./types/Validator.sol";

/// @title Seats: who is seated
/// @notice Seats have no order: the last one fills the gap that another leaves.
abstract contract Seats is Earnings {
    /// @notice Time without a check-in after which a seated validator is silent, and time for which it then stays away.
    uint256 public constant SILENCE = 9 days;

    /// @inheritdoc IStaking
    uint256 public immutable SEATS;

    uint16[32] private _seats;

    constructor(uint256 count) {
        require(
            count >= Attestations.MIN_VALIDATORS && count <= Attestations.MAX_VALIDATORS, InvalidSeats(count)
        );
        SEATS = count;
    }

    /// @inheritdoc IStaking
    function join(uint256 id) external {
        Validator storage v = _operated(id);
        _requireSound(id, v);
        require(v.seat == 0, AlreadySeated(id));
        uint256 aliveAt = block.timestamp;
        uint256 unseatedAt = v.unseatedAt;
        if (unseatedAt != 0 && block.timestamp < unseatedAt + SILENCE) {
            uint256 silent = unseatedAt - v.aliveAt;
            _checkAlive(silent, unseatedAt);
            // Two validators that evict each other in turn would otherwise never be silent.
            aliveAt -= silent;
        }
        uint256 stake = v.stake;
        if (_seatCount == SEATS) {
            (uint256 lowestId, uint256 lowest) = _lowest();
            require(stake > lowest, NotBetter(stake, lowest));
            _unseat(lowestId, _validators[lowestId]);
        }
        _mark(v);
        _adoptCommission(v);
        uint256 seat = _seatCount;
        _seats[seat] = uint16(id);
        _seatCount = uint8(seat + 1);
        _seatedStake += uint96(stake);
        v.seat = uint8(seat + 1);
        v.aliveAt = uint32(aliveAt);
        emit Seated(id);
    }

    /// @inheritdoc IStaking
    function leave(uint256 id) external {
        Validator storage v = _operated(id);
        require(v.state == ValidatorState.Open, WrongState(id, v.state));
        if (v.seat != 0) _unseat(id, v);
        v.state = ValidatorState.Left;
        emit Left(id);
    }

    /// @inheritdoc IStaking
    function vacate(uint256 id) external {
        Validator storage v = _validators[id];
        require(v.seat != 0, NotSeated(id));
        _checkSilence(v.aliveAt);
        _unseat(id, v);
    }

    /// @inheritdoc IStaking
    function seats() external view returns (uint256[] memory ids) {
        ids = new uint256[](_seatCount);
        for (uint256 i; i < ids.length; ++i) {
            ids[i] = _seats[i];
        }
    }

    function _checkSilence(uint256 aliveAt) internal view virtual {
        uint256 earliest = aliveAt + SILENCE;
        require(block.timestamp >= earliest, TooEarly(earliest));
    }

    function _checkAlive(uint256 silent, uint256 unseatedAt) internal view virtual {
        require(silent < SILENCE, TooEarly(unseatedAt + SILENCE));
    }

    /// @dev Takes the seat of a validator that has one.
    function _unseat(uint256 id, Validator storage v) internal virtual {
        _touch(v);
        uint256 seat = v.seat - 1;
        uint256 last = _seatCount - 1;
        if (seat != last) {
            uint16 moved = _seats[last];
            _seats[seat] = moved;
            _validators[moved].seat = uint8(seat + 1);
        }
        _seats[last] = 0;
        _seatCount = uint8(last);
        _seatedStake -= v.stake;
        v.seat = 0;
        v.unseatedAt = uint32(block.timestamp);
        emit Unseated(id);
    }

    /// @dev Changes the stake of a validator that is up to date.
    function _setStake(Validator storage v, uint256 stake) internal {
        if (v.seat != 0) _seatedStake = uint96(_seatedStake + stake - v.stake);
        v.stake = uint96(stake);
    }

    function _seated(uint256 seat) internal view returns (Validator storage) {
        return _validators[_seats[seat]];
    }

    /// @dev Of all seated validators the one with least stake; of equal ones the first.
    function _lowest() private view returns (uint256 lowestId, uint256 lowest) {
        lowest = type(uint256).max;
        for (uint256 i; i < SEATS; ++i) {
            uint256 id = _seats[i];
            uint256 stake = _validators[id].stake;
            if (stake < lowest) (lowestId, lowest) = (id, stake);
        }
    }
}
