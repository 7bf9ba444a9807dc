// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IERC7802} from "@openzeppelin/contracts/interfaces/draft-IERC7802.sol";

/// @title IBridgedToken: the representation of a token that is at home on another chain
/// @notice An ERC-20 with permit (EIP-2612) and ERC-7802, that the bridge alone mints and burns. Nobody owns, pauses or
/// changes it. Its name is what the token at home says, which anyone can say: look at `homeChain` and `homeToken`.
interface IBridgedToken is IERC20Metadata, IERC20Permit, IERC7802 {
    /// @notice Thrown when anyone but the bridge mints, burns or initializes.
    error NotTheBridge(address caller);
    /// @notice Thrown when it is initialized a second time.
    error AlreadyInitialized();

    /// @notice Sets what it stands for, once. Only the bridge.
    function initialize(
        uint256 homeChain_,
        address homeToken_,
        uint8 decimals_,
        string calldata name_,
        string calldata symbol_
    ) external;

    /// @notice Chain id of the token's home.
    function homeChain() external view returns (uint256);

    /// @notice The token's address there.
    function homeToken() external view returns (address);

    /// @notice The token bridge.
    function BRIDGE() external view returns (address);
}
