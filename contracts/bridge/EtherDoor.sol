// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {IEtherDoor} from "../interfaces/IEtherDoor.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {ITransferReceiver} from "../interfaces/ITransferReceiver.sol";
import {IWrappedEther} from "../interfaces/IWrappedEther.sol";
import {Door} from "./Door.sol";
import {Options} from "./types/Transfer.sol";

// How ether was paid is known once it was.
// slither-disable-start reentrancy-events

/// @title EtherDoor
/// @notice See {IEtherDoor}.
contract EtherDoor is IEtherDoor, Door {
    using SafeERC20 for IERC20;

    /// @inheritdoc IEtherDoor
    /// @dev 60,000 suffice if the token has limits, and no proxy stands before wrapped ether.
    uint24 public constant EXTRA_GAS = 80_000;
    /// @inheritdoc IEtherDoor
    uint256 public constant BENEFICIARY_GAS = 30_000;
    /// @dev To unwrap, and to call an account that is cold and new with value (37,000), or a cold contract.
    uint256 private constant UNWRAP_GAS = 60_000;
    /// @dev Kept back for what follows when ether is refused: wrapped ether goes to an account that had none.
    uint256 private constant KEPT_BACK = 50_000;

    /// @inheritdoc IEtherDoor
    address public immutable WRAPPED_ETHER;

    /// @param bridge The token bridge, which may be deployed later at that address.
    /// @param wrappedEther This chain's wrapped ether. Likewise.
    constructor(ITokenBridge bridge, address wrappedEther) Door(bridge) {
        // Nothing can be sent without one.
        // slither-disable-next-line missing-zero-check
        WRAPPED_ETHER = wrappedEther;
    }

    /// @notice Takes ether out of wrapped ether only.
    receive() external payable {
        require(msg.sender == WRAPPED_ETHER, EtherRefused(msg.sender));
    }

    /// @inheritdoc IEtherDoor
    function send(uint256 destination, address to, Options calldata options) external payable returns (bytes32 id) {
        return _wrapAndSend(destination, to, options);
    }

    /// @inheritdoc IEtherDoor
    function send(uint256 destination, address to, Options calldata options, FeePermit calldata permit)
        external
        payable
        returns (bytes32 id)
    {
        try IERC20Permit(BRIDGE.ERA())
            .permit(msg.sender, address(this), permit.amount, permit.deadline, permit.v, permit.r, permit.s) {
            // It was brought now, and not before.
        } catch {
            // Then the fees are taken from what is allowed already, or the call reverts.
        }
        return _wrapAndSend(destination, to, options);
    }

    /// @inheritdoc ITransferReceiver
    function onTransferReceived(
        bytes32 id,
        uint256,
        address,
        address token,
        uint256 amount,
        bytes calldata data
    ) external returns (bytes4) {
        require(msg.sender == address(BRIDGE), NotTheBridge(msg.sender));
        require(token == WRAPPED_ETHER, NotWrappedEther(token));
        address beneficiary = _beneficiary(data);
        uint256 available = gasleft();
        require(available >= (UNWRAP_GAS + BENEFICIARY_GAS) * 64 / 63 + KEPT_BACK, TooLittleGas());
        bool wrapped;
        // Whatever the beneficiary does with its gas, what is kept back remains; and nothing that it returns is copied.
        try this.payEther{gas: available - KEPT_BACK}(beneficiary, amount) {
            // Ether is paid.
        } catch {
            wrapped = true;
            IERC20(token).safeTransfer(beneficiary, amount);
        }
        emit EtherPaid(id, beneficiary, amount, wrapped);
        return ITransferReceiver.onTransferReceived.selector;
    }

    /// @inheritdoc IEtherDoor
    function payEther(address beneficiary, uint256 amount) external {
        require(msg.sender == address(this), NotTheDoor(msg.sender));
        IWrappedEther(WRAPPED_ETHER).withdraw(amount);
        require(LowLevelCall.callNoReturn(beneficiary, amount, ""), Errors.FailedCall());
    }

    function _wrapAndSend(uint256 destination, address to, Options calldata options) private returns (bytes32 id) {
        IWrappedEther(WRAPPED_ETHER).deposit{value: msg.value}();
        return _send(WRAPPED_ETHER, destination, to, msg.value, options, msg.sender);
    }

    /// @dev Reverts if it is none, without panic: the message then fails, and comes back.
    function _beneficiary(bytes calldata data) private view returns (address beneficiary) {
        if (data.length == 32 && uint256(bytes32(data)) <= type(uint160).max) {
            beneficiary = address(uint160(uint256(bytes32(data))));
        }
        require(
            beneficiary != address(0) && beneficiary != address(this) && beneficiary != address(BRIDGE)
                && beneficiary != WRAPPED_ETHER,
            InvalidBeneficiary(beneficiary)
        );
    }
}
// slither-disable-end reentrancy-events
