// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {
    IAttribute,
    IFormula,
    IPayment,
    IResolver,
    IStep,
    IVariableRole
} from "../interfaces/draft-IERC7683.sol";
import {IAssets} from "../interfaces/IAssets.sol";
import {IFronting} from "../interfaces/IFronting.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {ITransferResolver} from "../interfaces/ITransferResolver.sol";
import {Erc7930} from "../metalayer/libraries/Erc7930.sol";
import {Transfers} from "./libraries/Transfers.sol";
import {Front} from "./types/Transfer.sol";

/// @title TransferResolver
/// @notice See {ITransferResolver}.
contract TransferResolver is ITransferResolver {
    /// @inheritdoc ITransferResolver
    uint256 public constant CLAIM_TIME = 4 days;
    string private constant TIME = "block.timestamp";
    // Indices of the order's variables, and of its first step.
    uint256 private constant RECIPIENT = 0;
    uint256 private constant FRONTED_AT = 1;
    uint256 private constant PAID = 2;
    uint256 private constant CLAIM_FEE = 3;
    uint256 private constant FRONT_STEP = 0;

    /// @inheritdoc ITransferResolver
    ITokenBridge public immutable BRIDGE;

    /// @param bridge The token bridge, which may be deployed later at that address.
    constructor(ITokenBridge bridge) {
        BRIDGE = bridge;
    }

    /// @inheritdoc IResolver
    function resolve(bytes calldata payload) external view returns (ResolvedOrder memory order) {
        Front memory transfer = abi.decode(payload, (Front));
        require(
            transfer.tip != 0 && transfer.tip <= Transfers.TIP_PARTS && block.timestamp <= transfer.deadline,
            IFronting.NotFrontable(transfer.id)
        );
        bytes32 key = BRIDGE.keyOf(transfer);
        require(BRIDGE.solverOf(key) == address(0), IFronting.AlreadyFronted(key));
        address local = _local(transfer);
        order.steps = new bytes[](2);
        order.steps[0] = _front(transfer, key, local);
        order.steps[1] = _claim(transfer, key);
        order.variables = _variables(transfer);
        order.payments = new bytes[](1);
        order.payments[0] = abi.encodeCall(
            IPayment.ERC20,
            (
                _here(local),
                _here(address(BRIDGE)),
                _constant(transfer.amount),
                RECIPIENT,
                FRONT_STEP,
                transfer.deadline - block.timestamp
            )
        );
        order.assumptions = new Assumption[](2);
        order.assumptions[0] =
            Assumption("metalayer.sent", abi.encode(Erc7930.encode(transfer.start, address(BRIDGE)), transfer));
        order.assumptions[1] = Assumption("metalayer.arrives", abi.encode(transfer.start, transfer.deadline));
    }

    /// @inheritdoc ITransferResolver
    function paidAt(Front calldata transfer, uint256 time) external pure returns (uint256) {
        uint256 tip = uint256(transfer.amount) * transfer.tip;
        if (transfer.ramp == 0) return transfer.amount - tip / Transfers.TIP_PARTS;
        uint256 elapsed = Math.min(Math.saturatingSub(time, transfer.sentAt), transfer.ramp);
        return transfer.amount - tip * elapsed / (Transfers.TIP_PARTS * transfer.ramp);
    }

    function _front(Front memory transfer, bytes32 key, address local) private view returns (bytes memory) {
        bytes[] memory arguments = new bytes[](2);
        arguments[0] = abi.encode("", transfer);
        arguments[1] = abi.encode(RECIPIENT);
        bytes[] memory attributes = new bytes[](3);
        bytes memory bridge = _here(address(BRIDGE));
        attributes[0] = abi.encodeCall(
            IAttribute.SpendsERC20, (_here(local), _variable(PAID), bridge, _here(transfer.to))
        );
        attributes[1] = abi.encodeCall(IAttribute.TimingBounds, (TIME, "", _constant(transfer.deadline)));
        // Another solver was faster, or it has arrived.
        attributes[2] = abi.encodeCall(
            IAttribute.RevertPolicy, ("abort", abi.encodeWithSelector(IFronting.AlreadyFronted.selector, key))
        );
        return abi.encodeCall(IStep.Call, (bridge, IFronting.front.selector, arguments, attributes));
    }

    function _claim(Front memory transfer, bytes32 key) private view returns (bytes memory) {
        bytes[] memory arguments = new bytes[](2);
        arguments[0] = abi.encode("", transfer);
        // The fee comes from the caller's ERA.
        arguments[1] = abi.encode("", true);
        bytes[] memory attributes = new bytes[](4);
        bytes memory bridge = _here(address(BRIDGE));
        uint256 earliest = Math.saturatingSub(transfer.deadline, CLAIM_TIME);
        attributes[0] = abi.encodeCall(IAttribute.NeedsStep, (FRONT_STEP));
        attributes[1] =
            abi.encodeCall(IAttribute.SpendsERC20, (_here(BRIDGE.ERA()), _variable(CLAIM_FEE), bridge, bridge));
        attributes[2] = abi.encodeCall(
            IAttribute.TimingBounds, (TIME, _constant(earliest), _constant(transfer.deadline))
        );
        // It has arrived, and the solver is paid.
        attributes[3] = abi.encodeCall(
            IAttribute.RevertPolicy, ("ignore", abi.encodeWithSelector(IFronting.NothingToClaimFor.selector, key))
        );
        return abi.encodeCall(IStep.Call, (bridge, IFronting.claim.selector, arguments, attributes));
    }

    function _variables(Front memory transfer) private view returns (bytes[] memory variables) {
        variables = new bytes[](4);
        variables[RECIPIENT] = abi.encodeCall(IVariableRole.PaymentRecipient, ());
        variables[FRONTED_AT] = abi.encodeCall(IVariableRole.ExecutionOutput, (TIME, FRONT_STEP));
        bytes[] memory arguments = new bytes[](2);
        arguments[0] = abi.encode("", transfer);
        arguments[1] = abi.encode(FRONTED_AT);
        variables[PAID] = _query(address(this), ITransferResolver.paidAt.selector, arguments);
        arguments = new bytes[](1);
        arguments[0] = abi.encode("", transfer.start);
        variables[CLAIM_FEE] = _query(address(BRIDGE), IFronting.quoteClaim.selector, arguments);
    }

    /// @dev In what it arrives here.
    function _local(Front memory transfer) private view returns (address local) {
        if (transfer.homeChain == block.chainid) return transfer.token;
        local = BRIDGE.localOf(transfer.homeChain, transfer.token);
        require(local != address(0), IAssets.TokenUnknown(transfer.homeChain, transfer.token));
    }

    function _query(address target, bytes4 selector, bytes[] memory arguments) private view returns (bytes memory) {
        return abi.encodeCall(IVariableRole.Query, (_here(target), selector, arguments, type(uint256).max));
    }

    function _here(address account) private view returns (bytes memory) {
        return Erc7930.encode(block.chainid, account);
    }

    function _constant(uint256 value) private pure returns (bytes memory) {
        return abi.encodeCall(IFormula.Constant, (value));
    }

    function _variable(uint256 index) private pure returns (bytes memory) {
        return abi.encodeCall(IFormula.Variable, (index));
    }
}
