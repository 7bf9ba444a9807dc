// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IFeeCollector} from "../interfaces/IFeeCollector.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";

/// @title FeeCollector
/// @notice See {IFeeCollector}. It keeps no state, and calls only gateway, bridge, ERA and Staking, which call nobody
/// back: there is nothing to reenter.
contract FeeCollector is IFeeCollector {
    using SafeERC20 for IERC20;

    /// @inheritdoc IFeeCollector
    uint256 public constant MIN_FEES = 20;
    /// @inheritdoc IFeeCollector
    uint256 public constant BOUNTY_PARTS = 100;

    /// @inheritdoc IFeeCollector
    IMetalayer public immutable GATEWAY;
    /// @inheritdoc IFeeCollector
    ITokenBridge public immutable BRIDGE;
    /// @inheritdoc IFeeCollector
    IERC20 public immutable ERA;
    /// @inheritdoc IFeeCollector
    uint256 public immutable HUB_CHAIN_ID;
    /// @inheritdoc IFeeCollector
    address public immutable STAKING;

    /// @param gateway This chain's. On a spoke it must be there already, and so must ERA.
    /// @param bridge ERA's way to the hub.
    /// @param era The token in which fees are paid.
    /// @param hubChainId Chain id of the hub.
    /// @param staking Its address on the hub.
    constructor(IMetalayer gateway, ITokenBridge bridge, IERC20 era, uint256 hubChainId, address staking) {
        require(staking != address(0), InvalidStaking(staking));
        GATEWAY = gateway;
        BRIDGE = bridge;
        ERA = era;
        HUB_CHAIN_ID = hubChainId;
        STAKING = staking;
        if (block.chainid == hubChainId) return;
        // Once for all. The gateway takes ERA for deposits of this contract alone, and the bridge spends credit of its
        // caller alone.
        era.forceApprove(address(gateway), type(uint256).max);
        gateway.setAllowance(address(bridge), type(uint256).max);
    }

    /// @inheritdoc IFeeCollector
    function forward(uint256[] calldata destinations) external returns (uint256 amount, uint256 bounty) {
        for (uint256 i; i < destinations.length; ++i) {
            // As many lanes as the caller pays for. The gateway calls nothing but ERA.
            // slither-disable-next-line calls-loop
            GATEWAY.sweep(destinations[i]);
        }
        bool isHub = block.chainid == HUB_CHAIN_ID;
        uint256 held = ERA.balanceOf(address(this));
        uint256 fee = isHub ? 0 : _fee();
        require(held != 0 && held >= MIN_FEES * fee, NotWorthForwarding(held, fee));
        amount = held - fee;
        bounty = amount / BOUNTY_PARTS;
        amount -= bounty;
        // After the sweeps: what is held is known only then.
        // slither-disable-next-line reentrancy-events
        emit Forwarded(msg.sender, amount, fee, bounty);
        ERA.safeTransfer(msg.sender, bounty);
        if (isHub) {
            ERA.safeTransfer(STAKING, amount);
            IStaking(STAKING).fund();
        } else {
            GATEWAY.depositFor(address(this), fee);
            // The id is in the bridge's event.
            // slither-disable-next-line unused-return
            BRIDGE.send(address(ERA), HUB_CHAIN_ID, STAKING, amount);
        }
    }

    function _fee() private view returns (uint256 fee) {
        // A transfer to the hub has one hop.
        // slither-disable-next-line unused-return
        (fee,) = BRIDGE.quoteSend(address(ERA), HUB_CHAIN_ID, 0, 0);
    }
}
