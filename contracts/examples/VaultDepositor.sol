// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ITransferReceiver} from "../interfaces/ITransferReceiver.sol";

/// @title VaultDepositor: what arrives over the bridge goes into a vault (ERC-4626)
/// @notice Send the vault's asset to this contract, with `abi.encode(beneficiary, minShares)` as data. In the same
/// transaction in which it arrives, the beneficiary gets shares. If the vault refuses, or gives fewer, the transfer can
/// be retried, and returns in the end: nothing stays here.
contract VaultDepositor is ITransferReceiver {
    using SafeERC20 for IERC20;

    /// @notice The token bridge.
    address public immutable BRIDGE;
    /// @notice The vault.
    IERC4626 public immutable VAULT;

    /// @notice Thrown when anyone but the bridge says that something arrived.
    error NotTheBridge(address caller);
    /// @notice Thrown when another token than the vault's arrives: anyone can send one here.
    error NotTheAsset(address token);
    /// @notice Thrown when the vault gives fewer shares than the sender wants.
    error TooFewShares(uint256 shares, uint256 minShares);

    constructor(address bridge, IERC4626 vault) {
        // Without one nothing ever arrives.
        // slither-disable-next-line missing-zero-check
        BRIDGE = bridge;
        VAULT = vault;
    }

    /// @inheritdoc ITransferReceiver
    function onTransferReceived(
        bytes32,
        uint256,
        address,
        address token,
        uint256 amount,
        bytes calldata data
    ) external returns (bytes4) {
        require(msg.sender == BRIDGE, NotTheBridge(msg.sender));
        require(token == VAULT.asset(), NotTheAsset(token));
        (address beneficiary, uint256 minShares) = abi.decode(data, (address, uint256));
        IERC20(token).forceApprove(address(VAULT), amount);
        uint256 shares = VAULT.deposit(amount, beneficiary);
        require(shares >= minShares, TooFewShares(shares, minShares));
        return ITransferReceiver.onTransferReceived.selector;
    }
}
