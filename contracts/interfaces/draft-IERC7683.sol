// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// The names are those of the draft.
// solhint-disable func-name-mixedcase

/// @title IResolver: what a solver asks about an order, by `eth_call` (ERC-7683, draft of 13 May 2026)
/// @notice The arrays hold calldata of the interfaces below, which nobody implements: they are the draft's way to write
/// a choice of forms. A solver executes the steps in their order, and is paid.
interface IResolver {
    /// @param steps Calls: {IStep}.
    /// @param variables What the solver decides or looks up: {IVariableRole}.
    /// @param payments What the solver gets: {IPayment}.
    /// @param assumptions What the resolver cannot check, and the solver has to.
    struct ResolvedOrder {
        bytes[] steps;
        bytes[] variables;
        bytes[] payments;
        Assumption[] assumptions;
    }

    struct Assumption {
        string name;
        bytes data;
    }

    /// @notice What has to be done for an order, and what for.
    function resolve(bytes calldata payload) external view returns (ResolvedOrder memory);
}

/// @title IStep: what has to be done
interface IStep {
    /// @notice Calls a contract.
    /// @param target ERC-7930 address.
    /// @param arguments Each `abi.encode(index of a variable)`, or `abi.encode("", value)`.
    /// @param attributes {IAttribute}.
    function Call(bytes calldata target, bytes4 selector, bytes[] calldata arguments, bytes[] calldata attributes)
        external;
}

/// @title IVariableRole: where a value comes from
interface IVariableRole {
    /// @notice The account that the solver wants to be paid to.
    function PaymentRecipient() external;

    /// @notice Something that is known when a step was executed.
    function ExecutionOutput(string calldata field, uint256 stepIdx) external;

    /// @notice What a view returns.
    /// @param blockNumber The largest number for the latest block.
    function Query(bytes calldata target, bytes4 selector, bytes[] calldata arguments, uint256 blockNumber) external;
}

/// @title IPayment: what the solver gets
interface IPayment {
    /// @param amountFormula {IFormula}.
    function ERC20(
        bytes calldata token,
        bytes calldata sender,
        bytes calldata amountFormula,
        uint256 recipientVarIdx,
        uint256 onStepIdx,
        uint256 estimatedDelaySeconds
    ) external;
}

/// @title IAttribute: what else there is to know about a step
interface IAttribute {
    /// @notice It takes tokens of the caller, who has to allow it before.
    /// @param amountFormula {IFormula}.
    function SpendsERC20(
        bytes calldata token,
        bytes calldata amountFormula,
        bytes calldata spender,
        bytes calldata recipient
    ) external;

    /// @notice When it has to be executed.
    /// @param lowerBound {IFormula}, or nothing.
    /// @param upperBound {IFormula}, or nothing.
    function TimingBounds(string calldata field, bytes calldata lowerBound, bytes calldata upperBound) external;

    /// @notice It follows another step.
    function NeedsStep(uint256 stepIdx) external;

    /// @notice What it means if it reverts with data that begin so.
    /// @param policy "ignore" or "abort".
    function RevertPolicy(string calldata policy, bytes calldata expectedReason) external;
}

/// @title IFormula: an amount
interface IFormula {
    function Constant(uint256 val) external;

    function Variable(uint256 varIdx) external;
}
