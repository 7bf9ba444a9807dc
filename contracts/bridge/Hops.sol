// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Fronting} from "./Fronting.sol";
import {Transfers} from "./libraries/Transfers.sol";
import {Transfer} from "./types/Transfer.sol";

// Gateways and ERA, which pay the hop before a description is noted, call nobody back.
// slither-disable-start reentrancy-no-eth,reentrancy-events

/// @title Hops: what {TokenBridge} and {BridgeAnnex} both do with a transfer
abstract contract Hops is Fronting {
    using Transfers for Transfer;
    using SafeERC20 for IERC20;

    /// @dev For the end of a transfer: in the worst case a first holder of ERA on the hub with a new entry of history,
    /// a delegate, a limit and a tip. If opcodes become dearer and it does not suffice, the hop fails and can be
    /// retried with more.
    uint256 internal constant ARRIVE_GAS_LIMIT = 200_000;
    /// @dev For a hop that the home sends on, with a description of the token before it.
    uint256 internal constant FORWARD_GAS_LIMIT = 400_000;
    /// @dev For what comes back to where it started.
    uint256 internal constant RETURN_GAS_LIMIT = 260_000;
    /// @dev For what comes back to the home, which sends it on to where it started.
    uint256 internal constant FORWARDED_RETURN_GAS_LIMIT = 300_000;

    /// @dev Sends the next hop of a transfer whose home this is, paid with what it brought and what was paid here.
    /// @param gasLimit For its recipient.
    /// @param deadline Zero for the gateway's default.
    /// @param brought In wei of ERA.
    /// @return sendId See {Gateways-_idOf}.
    /// @return cost In wei of ERA.
    function _sendOn(
        Transfer memory transfer,
        uint256 destination,
        uint256 gasLimit,
        uint256 deadline,
        uint256 brought
    ) internal virtual returns (bytes32 sendId, uint256 cost) {
        IMetalayer gateway = _gatewayOf(destination);
        address token = transfer.token();
        uint256 length = _length(transfer.hasData() ? transfer.data.length : 0, true);
        cost = gateway.quote(destination, gasLimit, FORWARDED_RETURN_GAS_LIMIT, length);
        bytes memory description = _needsDescription(token, destination) ? _description(token) : bytes("");
        if (description.length != 0) {
            cost += gateway.quote(destination, DESCRIBE_GAS_LIMIT, NOTE_RETURN_GAS_LIMIT, description.length);
        }
        transfer.stamp(_present(), _payPassage(transfer.id, gateway, brought, cost));
        if (description.length != 0) {
            // The id is in the event.
            // slither-disable-next-line unused-return
            _sendDescription(gateway, token, destination, description, address(this));
        }
        sendId = _sendHop(
            gateway,
            destination,
            Transfers.encode(transfer),
            gasLimit,
            FORWARDED_RETURN_GAS_LIMIT,
            address(this),
            deadline
        );
    }

    /// @dev Pays out of what is locked. Of ERA, a part is in the bridge's credit.
    function _release(address token, address to, uint256 amount) internal {
        if (token == _ERA) {
            uint256 held = IERC20(token).balanceOf(address(this));
            if (held < amount) _withdrawCredit(IMetalayer(msg.sender), address(this), amount - held);
        }
        IERC20(token).safeTransfer(to, amount);
    }

    function _present() internal view virtual returns (uint40) {
        return uint40(block.timestamp);
    }

    /// @dev Bytes of a transfer's payload.
    function _length(uint256 dataLength, bool hasId) internal pure returns (uint256 length) {
        length = Transfers.LENGTH;
        if (hasId) length += Transfers.ID_LENGTH;
        if (dataLength != 0) length += Transfers.SENDER_LENGTH + dataLength;
    }
}
// slither-disable-end reentrancy-no-eth,reentrancy-events
