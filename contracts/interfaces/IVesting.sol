// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";

/// @title Vesting: locked ERA that votes
/// @notice Holds what a beneficiary has of a share at genesis. Nothing leaves before `start`, then an equal part each
/// second until `end`; the time before `start` counts for nothing. Everything here is OpenZeppelin's VestingWallet and
/// Ownable2Step, where the owner is the beneficiary, but for what this interface names.
///
/// Anyone may `release` what is vested, to the beneficiary only: ERA, any other ERC-20 and ether, each on the same
/// schedule, whoever sent it here. What is released votes as the beneficiary's own account delegates, no longer as this
/// one does: who wants to keep its votes delegates in both.
///
/// The beneficiary may hand over what is locked, in two steps, and never renounce it. The delegate stays until the next
/// beneficiary names another one. There is no other owner: nobody can take back, stop or hasten anything.
interface IVesting {
    /// @notice Thrown when the beneficiary would renounce: whatever vests later could never be released.
    error BeneficiaryRemains();

    /// @notice Delegates the votes of all ERA that is held here, now and later. For the beneficiary only. Until it is
    /// first called they are nobody's; the zero address makes them nobody's again. Logged by ERA.
    /// @param delegatee Who votes with it from the next second on.
    function delegate(address delegatee) external;

    /// @notice The token whose votes `delegate` delegates.
    function ERA() external view returns (IVotes);
}
