// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {IMessageReturned} from "../interfaces/IMessageReturned.sol";
import {Message} from "../metalayer/types/Message.sol";

// Misbehaving needs what Solidity keeps from us.
// solhint-disable no-inline-assembly, avoid-low-level-calls

/// @title ScriptedSender: a sending contract that misbehaves on demand when a message comes back
/// @notice Keeps a ledger of what was returned to it. Anyone may make it send or call.
contract ScriptedSender is IMessageReturned {
    enum Behaviour {
        Accept,
        Revert,
        BurnAllGas,
        RevertBomb,
        CallTarget
    }

    struct Returned {
        bytes32 id;
        uint256 destination;
        address caller;
        bytes payload;
        uint256 unspent;
    }

    Behaviour public behaviour;
    address public target;
    bytes public callToTarget;
    Returned[] private _returned;

    error Refused(bytes32 id);
    error TargetRefused(bytes reason);

    function setBehaviour(Behaviour newBehaviour) external {
        behaviour = newBehaviour;
    }

    /// @notice Makes it call `newTarget` with `data` when a message comes back; it refuses if that call fails.
    function setCall(address newTarget, bytes calldata data) external {
        behaviour = Behaviour.CallTarget;
        target = newTarget;
        callToTarget = data;
    }

    /// @notice Calls anything as this contract: to approve, deposit, withdraw or send.
    function execute(address to, bytes calldata data) external returns (bytes memory result) {
        bool success;
        (success, result) = to.call(data);
        require(success, TargetRefused(result));
    }

    function send(address gateway, bytes calldata recipient, bytes calldata payload, bytes[] calldata attributes)
        external
        returns (bytes32)
    {
        return IERC7786GatewaySource(gateway).sendMessage(recipient, payload, attributes);
    }

    function onMessageReturned(bytes32 id, uint256 destination, Message calldata message, uint256 unspent) external {
        Behaviour current = behaviour;
        if (current == Behaviour.Revert) revert Refused(id);
        if (current == Behaviour.BurnAllGas) {
            assembly {
                invalid()
            }
        }
        if (current == Behaviour.RevertBomb) {
            assembly {
                revert(0, 1000000)
            }
        }
        if (current == Behaviour.CallTarget) {
            (bool success, bytes memory reason) = target.call(callToTarget);
            require(success, TargetRefused(reason));
        }
        _returned.push(Returned(id, destination, msg.sender, message.payload, unspent));
    }

    function returnedCount() external view returns (uint256) {
        return _returned.length;
    }

    function returned(uint256 position) external view returns (Returned memory) {
        return _returned[position];
    }

    /// @notice Ids in the order in which they came back, from `start` on.
    function returnedIds(uint256 start) external view returns (bytes32[] memory ids) {
        ids = new bytes32[](_returned.length - start);
        for (uint256 i; i < ids.length; ++i) {
            ids[i] = _returned[start + i].id;
        }
    }
}
