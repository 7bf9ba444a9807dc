// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Ledger} from "./Ledger.sol";
import {Surrogate} from "./Surrogate.sol";
import {Account} from "./types/Account.sol";

// A surrogate's birth calls nothing but ERA, which calls nobody, and every entry is guarded. What is taken from a
// surrogate is what the account in question holds there.
// slither-disable-start reentrancy-no-eth,arbitrary-send-erc20

/// @title Custody: where stake lies, and whose votes it is
/// @notice An account's stake lies in one surrogate. The account names the surrogate, not the delegatee: whatever
/// happens to delegations, nobody's stake is ever drawn from where another's lies.
abstract contract Custody is Ledger {
    using SafeERC20 for IERC20;

    /// @inheritdoc IStaking
    mapping(address delegatee => address) public surrogateOf;
    // Written through storage pointers.
    // slither-disable-next-line uninitialized-state
    mapping(address holder => Account) internal _accounts;

    /// @inheritdoc IStaking
    function delegateVotes(address delegatee) external nonReentrant {
        Account storage stake = _accounts[msg.sender];
        uint256 held = stake.held;
        address from = stake.surrogate;
        address to = _surrogate(delegatee);
        stake.surrogate = to;
        emit VotesDelegated(msg.sender, delegatee);
        if (held != 0) ERA.safeTransferFrom(from, to, held);
    }

    /// @inheritdoc IStaking
    function permit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        try IERC20Permit(address(ERA)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
    }

    /// @inheritdoc IStaking
    function account(address holder) external view returns (Account memory) {
        return _accounts[holder];
    }

    /// @dev Takes ERA of the caller, who must have approved it, into its stake.
    function _take(uint256 amount) internal virtual {
        Account storage stake = _accounts[msg.sender];
        address surrogate = stake.surrogate;
        if (surrogate == address(0)) {
            surrogate = _surrogate(IVotes(address(ERA)).delegates(msg.sender));
            stake.surrogate = surrogate;
        }
        stake.held += uint96(amount);
        // The supply of ERA fits 96 bits: what was cut off above reverts here.
        ERA.safeTransferFrom(msg.sender, surrogate, amount);
    }

    /// @dev Gives stake of the owner to anyone. With the last of it, its choice of a delegatee is forgotten: it may
    /// have chosen another for its ERA meanwhile.
    function _give(address owner, address to, uint256 amount) internal virtual {
        if (amount == 0) return;
        Account storage stake = _accounts[owner];
        address surrogate = stake.surrogate;
        uint256 held = stake.held - amount;
        if (held == 0) delete _accounts[owner];
        else stake.held = uint96(held);
        ERA.safeTransferFrom(surrogate, to, amount);
    }

    function _surrogate(address delegatee) private returns (address surrogate) {
        surrogate = surrogateOf[delegatee];
        if (surrogate == address(0)) {
            surrogate = address(new Surrogate(address(ERA), delegatee));
            surrogateOf[delegatee] = surrogate;
        }
    }
}
// slither-disable-end reentrancy-no-eth,arbitrary-send-erc20
