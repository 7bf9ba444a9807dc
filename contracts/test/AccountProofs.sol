// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Accounts} from "../bridge/Accounts.sol";
import {Gateways} from "../bridge/Gateways.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";

/// @title AccountProofs: what a token's home owes each chain
/// @notice Like {Proofs}, on the bridge's own accounts, of any token but ERA, whose accounts also keep a history. That
/// a transfer moves accounts by what it carries, and only then, is for the machine of tokens.
contract AccountProofs is Accounts {
    address private constant TOKEN = address(7);

    /// @dev Of this contract as a token that may keep a part, or give more, and calls the bridge while it moves.
    uint256 private _balance;
    uint256 private _arriving;
    bool private _nested;

    constructor() Gateways(IMetalayer(address(1)), address(2), 3) {}

    /// @notice What is locked for a chain is added to its account, and to no other.
    function checkLent(uint256 chainId, uint256 other, uint128[2] calldata held, uint128 amount) external {
        if (other == chainId) return;
        _hold(chainId, other, held);
        _lend(TOKEN, chainId, amount);
        unchecked {
            assert(_amount(chainId) == uint256(held[0]) + amount && _amount(other) == held[1]);
        }
    }

    /// @notice What is released was in the account of the chain that it comes from, and is taken out of that alone.
    function checkTakenBack(uint256 chainId, uint256 other, uint128[2] calldata held, uint256 amount) external {
        if (other == chainId) return;
        _hold(chainId, other, held);
        _takeBack(TOKEN, chainId, amount);
        unchecked {
            assert(amount <= held[0]);
            assert(_amount(chainId) == held[0] - amount && _amount(other) == held[1]);
        }
    }

    /// @notice Sending on leaves the sum of accounts as it is.
    function checkSentOn(uint256 chainId, uint256 other, uint128[2] calldata held, uint256 amount) external {
        if (other == chainId) return;
        _hold(chainId, other, held);
        _takeBack(TOKEN, chainId, amount);
        _lend(TOKEN, other, amount);
        unchecked {
            assert(_amount(chainId) + _amount(other) == uint256(held[0]) + held[1]);
            assert(_amount(chainId) <= held[0]);
        }
    }

    /// @notice Something can be sent on.
    /// @custom:halmos --early-exit
    function findSentOn(uint256 chainId, uint256 other, uint128[2] calldata held, uint256 amount) external {
        if (other == chainId || amount == 0) return;
        _hold(chainId, other, held);
        _takeBack(TOKEN, chainId, amount);
        _lend(TOKEN, other, amount);
        assert(false);
    }

    /// @notice What counts as locked is what arrived, whatever a token says or keeps, and not nothing. While it moves,
    /// none of it can be locked a second time.
    function checkLocked(uint128 before, uint128 arriving, uint256 amount) external {
        (_balance, _arriving) = (before, arriving);
        uint256 received = _lock(address(this), amount);
        assert(received == arriving && received != 0);
        assert(!_nested);
    }

    /// @notice Something can be locked.
    /// @custom:halmos --early-exit
    function findLocked(uint128 before, uint128 arriving, uint256 amount) external {
        (_balance, _arriving) = (before, arriving);
        _lock(address(this), amount);
        assert(false);
    }

    /// @notice The balance of anybody, as this contract is the token.
    function balanceOf(address) external view returns (uint256) {
        return _balance;
    }

    /// @notice Moves what it likes, and tries to have it counted twice.
    function transferFrom(address, address, uint256) external returns (bool) {
        try this.lockAgain() {
            _nested = true;
        } catch {
            _nested = false;
        }
        _balance += _arriving;
        return true;
    }

    /// @notice What a token would call.
    function lockAgain() external {
        _lock(address(this), 1);
    }

    function _hold(uint256 chainId, uint256 other, uint128[2] calldata held) private {
        (_accounts[TOKEN][chainId].amount, _accounts[TOKEN][other].amount) = (held[0], held[1]);
    }

    function _amount(uint256 chainId) private view returns (uint256) {
        return _accounts[TOKEN][chainId].amount;
    }
}
