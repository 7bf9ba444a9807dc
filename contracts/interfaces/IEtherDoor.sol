// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Options} from "../bridge/types/Transfer.sol";
import {IDoor} from "./IDoor.sol";
import {ITransferReceiver} from "./ITransferReceiver.sol";

/// @title EtherDoor: ether over the bridge, out of this chain and back into it
/// @notice Ether that leaves is wrapped, and what arrives elsewhere is the representation of this chain's wrapped
/// ether. If it does not arrive, wrapped ether returns, not ether.
///
/// To get ether for that representation, send it here: to the address of this door, with `abi.encode(beneficiary)` as
/// data and `EXTRA_GAS`, or more if the beneficiary is a contract that needs more than `BENEFICIARY_GAS`. If it refuses
/// ether, it gets wrapped ether.
/// Without data, the door has nobody to pay it to: then it is lost, as is whatever token is sent to it otherwise.
interface IEtherDoor is IDoor, ITransferReceiver {
    /// @notice Lets the door take ERA for fees, by the caller's signature (EIP-2612).
    /// @param amount In wei of ERA.
    /// @param deadline Last second (Unix time) at which it counts.
    struct FeePermit {
        uint256 amount;
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice Emitted when ether that arrived is paid.
    /// @param id Id of the transfer.
    /// @param amount In wei.
    /// @param wrapped Whether the beneficiary refused ether, and got wrapped ether.
    event EtherPaid(bytes32 indexed id, address indexed beneficiary, uint256 amount, bool wrapped);

    /// @notice Thrown when anyone but the bridge says that something arrived.
    error NotTheBridge(address caller);
    /// @notice Thrown when something else than wrapped ether arrives.
    error NotWrappedEther(address token);
    /// @notice Thrown when ether comes from elsewhere than out of wrapped ether.
    error EtherRefused(address from);
    /// @notice Thrown when the data of what arrives is no address, or one that ether or wrapped ether would be lost at:
    /// zero, the door, the bridge or wrapped ether.
    error InvalidBeneficiary(address beneficiary);
    /// @notice Thrown when what arrives has too little gas to pay ether and, if that is refused, wrapped ether. Retry
    /// it with more.
    error TooLittleGas();
    /// @notice Thrown when anyone but the door unwraps.
    error NotTheDoor(address caller);

    /// @notice Wraps the ether of the call and sends it. Takes the fees from the caller's ERA.
    /// @param options See {Options}. `returnTo` zero is the caller. `fromBalance` is true, whatever it says. If there
    /// are data, their receiver hears of this door as the sender.
    /// @return id Id of the transfer.
    function send(uint256 destination, address to, Options calldata options) external payable returns (bytes32 id);

    /// @notice The same in one transaction with a permit. If ERA refuses that, what was allowed before counts: somebody
    /// may have brought it.
    function send(uint256 destination, address to, Options calldata options, FeePermit calldata permit)
        external
        payable
        returns (bytes32 id);

    /// @notice Unwraps ether and pays it, or reverts. Only the door itself: so one refusal undoes both.
    function payEther(address beneficiary, uint256 amount) external;

    /// @notice The ERC-20 that stands for ether on this chain.
    function WRAPPED_ETHER() external view returns (address);

    /// @notice For `Options.extraGas` of what is sent to the door.
    function EXTRA_GAS() external view returns (uint24);

    /// @notice What the beneficiary gets of it at least, to take ether.
    function BENEFICIARY_GAS() external view returns (uint256);
}
