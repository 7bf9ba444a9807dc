// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {IPermit2} from "../interfaces/IPermit2.sol";
import {ISendDoor} from "../interfaces/ISendDoor.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Door} from "./Door.sol";
import {Options} from "./types/Transfer.sol";

/// @title SendDoor
/// @notice See {ISendDoor}.
contract SendDoor is ISendDoor, Door, Multicall {
    string private constant ORDER_TYPE = "Order(address token,uint256 destination,address to,uint256 amount,"
        "address returnTo,uint40 deadline,uint32 tip,uint16 ramp,uint64 fee,uint24 extraGas,bytes data)";
    bytes32 private constant ORDER_TYPEHASH = keccak256(bytes(ORDER_TYPE));
    /// @dev The end of the type that Permit2 hashes: the witness, then the types that it refers to, by their names.
    string private constant WITNESS_TYPE =
        string.concat("Order witness)", ORDER_TYPE, "TokenPermissions(address token,uint256 amount)");

    /// @inheritdoc ISendDoor
    IPermit2 public immutable PERMIT2;

    /// @param bridge The token bridge, which may be deployed later at that address.
    /// @param permit2 Permit2. Likewise.
    constructor(ITokenBridge bridge, IPermit2 permit2) Door(bridge) {
        PERMIT2 = permit2;
    }

    /// @inheritdoc ISendDoor
    function send(Order calldata order, Signed calldata signed, uint256 maxFee) external returns (bytes32 id) {
        uint256 received = _take(order, signed);
        Options memory options = Options({
            returnTo: order.returnTo,
            deadline: order.deadline,
            tip: order.tip,
            ramp: order.ramp,
            fee: order.fee,
            maxFee: maxFee,
            fromBalance: true,
            extraGas: order.extraGas,
            data: order.data
        });
        return _send(order.token, order.destination, order.to, received, options, signed.signer);
    }

    /// @inheritdoc ISendDoor
    function permit(
        address token,
        address owner,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        // solhint-disable-next-line no-empty-blocks
        try IERC20Permit(token).permit(owner, address(PERMIT2), amount, deadline, v, r, s) {} catch {}
    }

    /// @inheritdoc ISendDoor
    function hashOf(Order calldata order) public pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ORDER_TYPEHASH,
                order.token,
                order.destination,
                order.to,
                order.amount,
                order.returnTo,
                order.deadline,
                order.tip,
                order.ramp,
                order.fee,
                order.extraGas,
                keccak256(order.data)
            )
        );
    }

    /// @dev Takes the signer's tokens.
    /// @return received What arrived: less than was ordered, if the token takes a fee.
    function _take(Order calldata order, Signed calldata signed) private returns (uint256 received) {
        IERC20 token = IERC20(order.token);
        uint256 before = token.balanceOf(address(this));
        PERMIT2.permitWitnessTransferFrom(
            IPermit2.PermitTransferFrom(
                IPermit2.TokenPermissions(order.token, order.amount), signed.nonce, signed.deadline
            ),
            IPermit2.SignatureTransferDetails(address(this), order.amount),
            signed.signer,
            hashOf(order),
            WITNESS_TYPE,
            signed.signature
        );
        return token.balanceOf(address(this)) - before;
    }
}
