// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IAnnexed} from "../interfaces/IAnnexed.sol";

/// @title Annexed: runs rare functions from a second contract
/// @notice The code of a contract is limited to 24,576 bytes. What the gateway does rarely is the code of {Annex},
/// which it runs on its own storage by `delegatecall`. Each function that it runs so is named: there is no fallback
/// function.
abstract contract Annexed is IAnnexed {
    /// @inheritdoc IAnnexed
    address public immutable ANNEX;

    constructor(address annex) {
        require(annex != address(0), InvalidAnnex(annex));
        ANNEX = annex;
    }

    /// @dev Runs the function of the annex with the same selector and arguments. Reverts if the annex does, or does not
    /// exist. Returns nothing: nor does any function of the annex.
    function _runAnnex() internal {
        // Functions of the annex return nothing.
        // slither-disable-next-line unused-return
        Address.functionDelegateCall(ANNEX, msg.data);
    }
}
