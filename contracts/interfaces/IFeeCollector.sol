// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IMetalayer} from "./IMetalayer.sol";
import {ITokenBridge} from "./ITokenBridge.sol";

/// @title FeeCollector: brings the protocol's share of fees to those who stake
/// @notice At one address on every chain, where it is the gateway's `COLLECTOR`. Whatever ERA it holds goes to the
/// hub's Staking, whoever sent it here: fees, gifts, and transfers that came back. Nobody owns it. Ether is refused.
///
/// Whoever forwards pays the gas, and gets 1 %. On a spoke the fee of the transfer comes out of what is held. Relayers
/// earn that fee, and one of them may be the caller: so it must be a twentieth at most. To forward more often gains
/// nothing: the bounty is a part of the amount, rounded down. If a transfer comes back, its bounty and what relayers
/// earned are gone; that takes two weeks in which nobody could deliver it.
interface IFeeCollector {
    /// @notice Emitted when ERA leaves for Staking. All that was held is `amount`, `fee` and `bounty`, in wei of ERA.
    /// @param caller Who got the bounty.
    /// @param fee What the gateway took for the transfer; zero on the hub.
    event Forwarded(address indexed caller, uint256 amount, uint256 fee, uint256 bounty);

    /// @notice Thrown when nothing is held, or less than `MIN_FEES` times the fee of the transfer, in wei of ERA.
    error NotWorthForwarding(uint256 held, uint256 fee);
    /// @notice Thrown at deployment without a Staking contract.
    error InvalidStaking(address staking);

    /// @notice Sweeps the protocol's share of the lanes to these chains, and sends everything that is held to Staking:
    /// over the bridge, or on the hub itself, where it becomes rewards at once. Anyone may call. Reverts as the gateway
    /// does if the route to the hub is closed: then everything stays here.
    /// @param destinations Chain ids. A lane that has nothing to sweep costs gas and is no error.
    /// @return amount What was sent.
    /// @return bounty What the caller got.
    function forward(uint256[] calldata destinations) external returns (uint256 amount, uint256 bounty);

    /// @notice Least that is forwarded, in fees of the transfer.
    function MIN_FEES() external view returns (uint256);

    /// @notice What the caller gets of what is left after the fee: one part in so many.
    function BOUNTY_PARTS() external view returns (uint256);

    /// @notice The gateway of this chain.
    function GATEWAY() external view returns (IMetalayer);

    function BRIDGE() external view returns (ITokenBridge);

    function ERA() external view returns (IERC20);

    function HUB_CHAIN_ID() external view returns (uint256);

    /// @notice Staking's address on the hub.
    function STAKING() external view returns (address);
}
