// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC7786Recipient} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";

// Misbehaving needs what Solidity keeps from us.
// solhint-disable no-inline-assembly, avoid-low-level-calls

/// @title ScriptedRecipient: a recipient that misbehaves on demand
/// @notice Keeps a ledger of what it accepted, so that a test sees every execution, its order and its gas. It accepts
/// any caller on purpose: what it records is who called.
contract ScriptedRecipient is IERC7786Recipient {
    enum Behaviour {
        Accept,
        Revert,
        BurnAllGas,
        ReturnBomb,
        RevertBomb,
        ReturnNothing,
        ReturnShort,
        ReturnWrongValue,
        ReturnDirtyValue,
        ReturnLong,
        CallTarget
    }

    struct Acceptance {
        bytes32 id;
        address caller;
        bytes sender;
        bytes payload;
        uint256 gasAtEntry;
    }

    Behaviour public behaviour;
    address public target;
    bytes public callToTarget;
    mapping(bytes32 id => uint256) public executions;
    Acceptance[] private _accepted;

    error Refused(bytes32 id);
    error TargetRefused(bytes reason);

    function setBehaviour(Behaviour newBehaviour) external {
        behaviour = newBehaviour;
    }

    /// @notice Makes it call `newTarget` with `data` while it receives; it refuses the message if that call fails.
    function setCall(address newTarget, bytes calldata data) external {
        behaviour = Behaviour.CallTarget;
        target = newTarget;
        callToTarget = data;
    }

    function receiveMessage(bytes32 id, bytes calldata sender, bytes calldata payload)
        external
        payable
        returns (bytes4)
    {
        uint256 gasAtEntry = gasleft();
        Behaviour current = behaviour;
        if (current == Behaviour.Revert) revert Refused(id);
        if (current == Behaviour.BurnAllGas) {
            assembly {
                invalid()
            }
        }
        if (current == Behaviour.ReturnBomb || current == Behaviour.RevertBomb) _bomb(current == Behaviour.RevertBomb);
        if (current == Behaviour.ReturnNothing) _return(0, 0);
        if (current == Behaviour.ReturnShort) _return(bytes32(this.receiveMessage.selector), 31);
        if (current == Behaviour.ReturnWrongValue) _return(bytes32(bytes4(0xdeadbeef)), 32);
        if (current == Behaviour.ReturnDirtyValue) {
            _return(bytes32(this.receiveMessage.selector) | bytes32(uint256(1)), 32);
        }
        if (current == Behaviour.CallTarget) {
            (bool success, bytes memory reason) = target.call(callToTarget);
            require(success, TargetRefused(reason));
        }
        ++executions[id];
        _accepted.push(Acceptance(id, msg.sender, sender, payload, gasAtEntry));
        if (current == Behaviour.ReturnLong) _return(bytes32(this.receiveMessage.selector), 320);
        return this.receiveMessage.selector;
    }

    function acceptedCount() external view returns (uint256) {
        return _accepted.length;
    }

    function accepted(uint256 position) external view returns (Acceptance memory) {
        return _accepted[position];
    }

    /// @notice Ids in the order of acceptance, from `start` on.
    function acceptedIds(uint256 start) external view returns (bytes32[] memory ids) {
        ids = new bytes32[](_accepted.length - start);
        for (uint256 i; i < ids.length; ++i) {
            ids[i] = _accepted[start + i].id;
        }
    }

    /// @dev Returns or reverts with as many bytes as the gas at hand allows.
    function _bomb(bool fails) private view {
        assembly {
            let size := mul(div(gas(), 12), 32)
            // Memory costs 3 gas a word and size² / 512: the root bounds what can be paid.
            if gt(size, 1000000) { size := 1000000 }
            if fails { revert(0, size) }
            return(0, size)
        }
    }

    function _return(bytes32 word, uint256 size) private pure {
        assembly {
            mstore(0, word)
            return(0, size)
        }
    }
}
