// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMessageReturned} from "../interfaces/IMessageReturned.sol";
import {Message} from "../metalayer/types/Message.sol";

// Misbehaving needs what Solidity keeps from us.
// solhint-disable no-inline-assembly, avoid-low-level-calls

/// @title HostileSender: a sending contract that costs whoever brings its messages back as much as it can
/// @notice What {ScriptedSender} does is the same in a rehearsal and on chain. This one tells them apart.
contract HostileSender is IMessageReturned {
    enum Trap {
        // Accepts where gas has no price, as in a rehearsal that names none.
        Price,
        // Accepts with more gas than a transaction may have, as an estimate may try.
        Hunger,
        // Burns most of what there is, and reverts with as much data as the rest pays for.
        Bomb
    }

    Trap public trap;

    error Failed(bytes reason);

    function setTrap(Trap newTrap) external {
        trap = newTrap;
    }

    /// @notice Calls anything as this contract.
    function execute(address to, bytes calldata data) external returns (bytes memory result) {
        bool success;
        (success, result) = to.call(data);
        require(success, Failed(result));
    }

    function onMessageReturned(bytes32, uint256, Message calldata, uint256) external {
        Trap current = trap;
        if (current == Trap.Price && tx.gasprice != 0) _burn(0);
        if (current == Trap.Hunger && gasleft() < 20_000_000) _burn(0);
        if (current == Trap.Bomb) {
            _burn(gasleft() / 4);
            assembly {
                revert(0, 30000)
            }
        }
    }

    /// @dev Until so much gas is left.
    function _burn(uint256 left) private view {
        while (gasleft() > left + 5_000) {
            assembly {
                pop(keccak256(0, 0x400))
            }
        }
        if (left == 0) {
            assembly {
                invalid()
            }
        }
    }
}
