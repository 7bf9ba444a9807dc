// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IDoor} from "../interfaces/IDoor.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Options} from "./types/Transfer.sol";

/// @title Door
/// @notice See {IDoor}. What is in it during a call belongs to the caller, and has left at its end.
abstract contract Door is IDoor {
    using SafeERC20 for IERC20;

    /// @inheritdoc IDoor
    ITokenBridge public immutable BRIDGE;

    constructor(ITokenBridge bridge) {
        BRIDGE = bridge;
    }

    /// @dev Sends what is in the door; the fees are taken from the caller's ERA.
    /// @param user Gets it back if nobody else is named.
    function _send(
        address token,
        uint256 destination,
        address to,
        uint256 amount,
        Options memory options,
        address user
    ) internal returns (bytes32 id) {
        if (options.returnTo == address(0)) options.returnTo = user;
        // What arrives or returns here without a call would be nobody's.
        require(to != address(this) && options.returnTo != address(this), NotForTheDoor());
        options.fromBalance = true;
        // Where it goes over is the bridge's to know.
        // slither-disable-next-line unused-return
        (uint256 fee,) = BRIDGE.quoteSend(token, destination, options.data.length, options.extraGas);
        fee += uint256(options.fee) * 1 gwei;
        IERC20 era = IERC20(BRIDGE.ERA());
        if (fee != 0) {
            era.safeTransferFrom(msg.sender, address(this), fee);
            _allow(address(era), fee);
        }
        _allow(token, amount);
        id = BRIDGE.send(token, destination, to, amount, options);
        // A token that is locked may change its name meanwhile: describing it is cheaper then.
        uint256 left = era.balanceOf(address(this));
        if (left != 0) era.safeTransfer(msg.sender, left);
    }

    /// @dev Lets the bridge take a token at home here. Others it burns. For ever: the door keeps nothing.
    function _allow(address token, uint256 amount) private {
        // slither-disable-next-line unused-return
        (uint256 home,) = BRIDGE.homeOf(token);
        if (home != 0 || IERC20(token).allowance(address(this), address(BRIDGE)) >= amount) return;
        IERC20(token).forceApprove(address(BRIDGE), type(uint256).max);
    }
}
