// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ITransferReceiver} from "../interfaces/ITransferReceiver.sol";

/// @title ScriptedReceiver: a recipient of transfers with data that misbehaves on demand
/// @notice Keeps a hash of all that it heard, in order: who called, what was said, and what it had by then. It accepts
/// any caller on purpose.
contract ScriptedReceiver is ITransferReceiver {
    enum Behaviour {
        Accept,
        Refuse,
        AnswerOther,
        WantGas,
        CallTarget
    }

    /// @notice Gas without which one that wants gas refuses.
    uint256 public constant WANTED = 500_000;

    Behaviour public behaviour;
    uint256 public count;
    bytes32 public heard;

    address private _target;
    bytes private _call;

    error Refused(bytes32 id);
    error TargetRefused(bytes reason);

    function setBehaviour(Behaviour newBehaviour) external {
        behaviour = newBehaviour;
    }

    /// @notice Makes it call `target` with `data` when it receives; it refuses the transfer if that fails.
    function setCall(address target, bytes calldata data) external {
        behaviour = Behaviour.CallTarget;
        (_target, _call) = (target, data);
    }

    function onTransferReceived(
        bytes32 id,
        uint256 origin,
        address sender,
        address token,
        uint256 amount,
        bytes calldata data
    ) external returns (bytes4) {
        require(behaviour != Behaviour.Refuse, Refused(id));
        require(behaviour != Behaviour.WantGas || gasleft() >= WANTED, Refused(id));
        if (behaviour == Behaviour.AnswerOther) return 0xdeadbeef;
        if (behaviour == Behaviour.CallTarget) {
            // solhint-disable-next-line avoid-low-level-calls
            (bool success, bytes memory reason) = _target.call(_call);
            require(success, TargetRefused(reason));
        }
        ++count;
        uint256 held = IERC20(token).balanceOf(address(this));
        heard = keccak256(abi.encode(heard, msg.sender, id, origin, sender, token, amount, held, data));
        return this.onTransferReceived.selector;
    }
}
