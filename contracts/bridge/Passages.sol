// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC7802} from "@openzeppelin/contracts/interfaces/draft-IERC7802.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IPassages} from "../interfaces/IPassages.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Limits} from "./Limits.sol";
import {GatewayCall} from "./libraries/GatewayCall.sol";

// A fee of zero is one that nobody has to pay.
// slither-disable-start incorrect-equality

/// @title Passages
/// @notice See {IPassages}. What the bridge pays itself comes from its credit in the gateway, and that from the ERA
/// that it holds: on the hub, where that is what is locked, a hop is only paid with what was taken out of an account
/// before.
abstract contract Passages is Limits {
    using SafeERC20 for IERC20;

    /// @dev How the caller pays: from its credit or its ERA, and at most so much, in wei.
    struct Payment {
        bool fromBalance;
        uint256 bound;
    }

    /// @dev Fees are counted in this many wei of ERA: see {Fees-UNIT}.
    uint256 internal constant FEE_UNIT = 1 gwei;
    /// @dev Hops for which the bridge fills its credit at once: a deposit costs as much gas as half a hop.
    uint256 internal constant HOPS_AT_ONCE = 100;

    mapping(bytes32 id => uint256) internal _passage;

    /// @dev Lets the caller pay for a message, within its bound.
    /// @return payer Whose credit the gateway has to charge. It charges what it says now.
    function _charge(
        Payment memory payment,
        IMetalayer gateway,
        uint256 destination,
        uint256 gasLimit,
        uint256 returnGasLimit,
        uint256 length
    ) internal returns (address payer) {
        if (!payment.fromBalance && payment.bound == type(uint256).max) return msg.sender;
        uint256 fee = gateway.quote(destination, gasLimit, returnGasLimit, length);
        require(fee <= payment.bound, IPassages.FeeAboveBound(fee, payment.bound));
        payment.bound -= fee;
        if (!payment.fromBalance) return msg.sender;
        _collect(msg.sender, fee);
        _fund(gateway, fee);
        return address(this);
    }

    /// @dev Pays for a hop that this chain sends on, with what came along (wei) and what was paid for it here.
    /// @param id Id of the transfer.
    /// @return left What is left, in gwei: it goes along.
    function _payPassage(bytes32 id, IMetalayer gateway, uint256 brought, uint256 cost)
        internal
        virtual
        returns (uint64 left)
    {
        uint256 paid = brought;
        if (paid < cost) {
            paid += _passage[id] * FEE_UNIT;
            delete _passage[id];
        }
        require(cost <= paid, IPassages.PassageUnpaid(id, cost, paid));
        _fund(gateway, cost);
        return uint64(Math.min((paid - cost) / FEE_UNIT, type(uint64).max));
    }

    /// @dev Sends a message to the bridge of another chain.
    /// @param gasLimit Below 2^32.
    /// @param deadline Below 2^40; zero for the gateway's default.
    /// @return id See {Gateways-_idOf}.
    function _sendHop(
        IMetalayer gateway,
        uint256 destination,
        bytes memory payload,
        uint256 gasLimit,
        uint256 returnGasLimit,
        address payer,
        uint256 deadline
    ) internal returns (bytes32 id) {
        id = GatewayCall.send(gateway, destination, payload, gasLimit, returnGasLimit, payer, deadline);
        return _idOf(address(gateway), id);
    }

    /// @dev Brings ERA of an account to the bridge. Elsewhere than on the hub it may burn and mint: nobody has to allow
    /// it anything.
    function _collect(address from, uint256 amount) internal {
        if (amount == 0) return;
        if (_isHub()) {
            IERC20(_ERA).safeTransferFrom(from, address(this), amount);
        } else {
            IERC7802(_ERA).crosschainBurn(from, amount);
            IERC7802(_ERA).crosschainMint(address(this), amount);
        }
    }

    /// @dev Lets the bridge have credit for a message that costs so much.
    function _fund(IMetalayer gateway, uint256 cost) internal {
        if (cost == 0 || gateway.credit(address(this)) >= cost) return;
        uint256 amount = Math.min(cost * HOPS_AT_ONCE, IERC20(_ERA).balanceOf(address(this)));
        IERC20(_ERA).forceApprove(address(gateway), amount);
        gateway.depositFor(address(this), amount);
    }

    /// @dev Takes ERA out of the bridge's credit. What was put there for somebody may have paid for other messages
    /// since: then the bridge holds as much. Does nothing for zero, unlike the gateway.
    function _withdrawCredit(IMetalayer gateway, address to, uint256 amount) internal {
        if (amount == 0) return;
        _fund(gateway, amount);
        gateway.withdraw(to, amount);
    }
}
// slither-disable-end incorrect-equality
