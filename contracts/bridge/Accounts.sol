// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SlotDerivation} from "@openzeppelin/contracts/utils/SlotDerivation.sol";
import {TransientSlot} from "@openzeppelin/contracts/utils/TransientSlot.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IAccounts} from "../interfaces/IAccounts.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Gateways} from "./Gateways.sol";

/// @title Accounts
/// @notice See {IAccounts}. Votes are counted at full hours. One entry for each hour in which ERA's account of a chain
/// changed is enough for that: of a busy account's changes, only the first of an hour costs a new storage word.
abstract contract Accounts is Gateways {
    using Checkpoints for Checkpoints.Trace208;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;
    using SlotDerivation for bytes32;
    using TransientSlot for *;

    /// @dev Of a token at home here and another chain: one word. `since`, of ERA alone, is the full hour before the
    /// last change: at every later one, the amount was the present `amount`.
    struct Account {
        uint128 amount;
        uint40 since;
        bool described;
        bool limited;
    }

    /// @dev keccak256("metalayer.bridge.locking"): of the transient words that say which tokens are being locked.
    bytes32 private constant _LOCKING = keccak256("metalayer.bridge.locking");

    mapping(address token => mapping(uint256 chainId => Account)) internal _accounts;
    /// @dev Of ERA, by the full hour before the first change of each hour, the amount there. A change in the second of
    /// a full hour belongs to the hour that ends with it, as votes that change then count then.
    mapping(uint256 chainId => Checkpoints.Trace208) internal _past;
    /// @dev Chains that ERA was ever sent to. A total that is kept would cost each transfer 5,000 gas. Only the owner
    /// of the gateway opens routes: nobody else makes this list longer.
    uint256[] internal _holders;

    /// @dev Takes tokens of the caller. A token may take a part for itself: what counts is what arrived. It may call
    /// anybody while it moves: what is locked in between would be counted twice.
    /// @return received What arrived, not zero.
    function _lock(address token, uint256 amount) internal virtual returns (uint256 received) {
        TransientSlot.BooleanSlot locking = _LOCKING.deriveMapping(token).asBoolean();
        require(!locking.tload(), IAccounts.TokenLocked(token));
        locking.tstore(true);
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        received = IERC20(token).balanceOf(address(this)) - before;
        locking.tstore(false);
        require(received != 0, ITokenBridge.ZeroAmount());
        require(received <= type(uint128).max, ITokenBridge.AmountTooLarge(received));
    }

    function _lend(address token, uint256 chainId, uint256 amount) internal virtual {
        Account storage account = _accounts[token][chainId];
        _set(account, token, chainId, account.amount + amount);
    }

    function _takeBack(address token, uint256 chainId, uint256 amount) internal virtual {
        Account storage account = _accounts[token][chainId];
        uint256 held = account.amount;
        require(amount <= held, IAccounts.OutstandingExceeded(token, chainId, amount, held));
        _set(account, token, chainId, held - amount);
    }

    /// @dev Reverts unless a chain holds as much. Whether it has limits stands in the same word.
    function _checkHeld(address token, uint256 chainId, uint256 amount) internal view virtual returns (bool limited) {
        Account storage account = _accounts[token][chainId];
        require(amount <= account.amount, IAccounts.OutstandingExceeded(token, chainId, amount, account.amount));
        return account.limited;
    }

    /// @dev The last full hour before this second.
    function _hourBefore() internal view virtual returns (uint40) {
        // slither-disable-next-line divide-before-multiply
        return uint40((block.timestamp - 1) / 1 hours * 1 hours);
    }

    function _set(Account storage account, address token, uint256 chainId, uint256 amount) private {
        if (token == _ERA && account.since != _hourBefore()) _remember(account, chainId);
        account.amount = amount.toUint128();
    }

    function _remember(Account storage account, uint256 chainId) internal virtual {
        uint40 since = _hourBefore();
        if (account.since == 0) _holders.push(chainId);
        // It returns what was there before and is now.
        // slither-disable-next-line unused-return
        _past[chainId].push(since, account.amount);
        account.since = since;
    }
}
