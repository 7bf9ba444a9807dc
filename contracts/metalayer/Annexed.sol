// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IAnnexed} from "../interfaces/IAnnexed.sol";

/// @title Annexed: runs rare functions from a second contract
/// @notice The code of a contract is limited to 24,576 bytes. What gateway and bridge do rarely is the code of {Annex}
/// and {BridgeAnnex}, which they run on their own storage by `delegatecall`. Each function that they run so is named:
/// there is no fallback function.
abstract contract Annexed is IAnnexed {
    /// @inheritdoc IAnnexed
    address public immutable ANNEX;

    constructor(address annex) {
        require(annex != address(0), InvalidAnnex(annex));
        ANNEX = annex;
    }

    /// @dev Runs the function of the annex with the same selector and arguments, which returns nothing. Reverts if the
    /// annex does, or does not exist.
    function _runAnnex() internal {
        // Functions of the annex return nothing.
        // slither-disable-next-line unused-return
        Address.functionDelegateCall(ANNEX, msg.data);
    }

    /// @dev The same for a function that returns something: encoded.
    function _askAnnex() internal returns (bytes memory) {
        return Address.functionDelegateCall(ANNEX, msg.data);
    }
}
