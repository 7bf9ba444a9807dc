// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Attributes: what a sender may decide about a message beside its recipient and payload
/// @notice The attributes that `sendMessage` takes (ERC-7786): a selector and one word each. All are optional. No
/// others are taken, also not those that ERC-7985 has beside; none carries ether.
///
/// A recipient that reverts or returns a wrong value makes its message fail, and the delivery goes on. ERC-7786 has the
/// gateway revert for a wrong value, ERC-7985 for every failure unless `revertBehavior` says otherwise: here the
/// messages of a lane keep their order, and one recipient would stop the lane for everybody.
library Attributes {
    /// @notice Gas with which the recipient is called (ERC-7985): exactly this much at the first attempt, for which the
    /// relayer is paid, and at least this much at a retry. Zero is taken at its word, not as the route's default: then
    /// the first attempt fails.
    bytes4 internal constant MIN_GAS_LIMIT = bytes4(keccak256("minGasLimit(uint256)"));
    /// @notice Last second (Unix time, by the destination's clock) at which the message may be executed (ERC-7985).
    /// Zero is refused, though it means "never" there: what does not expire could never return to its sender.
    bytes4 internal constant DELIVER_BEFORE = bytes4(keccak256("deliverBefore(uint256)"));
    /// @notice Account whose credit pays: ours, no ERC defines it.
    bytes4 internal constant FEE_PAYER = bytes4(keccak256("feePayer(address)"));
    /// @notice Gas with which the sender's `onMessageReturned` is called, should the message come back: ours.
    bytes4 internal constant RETURN_GAS_LIMIT = bytes4(keccak256("returnGasLimit(uint256)"));
    /// @notice Most that the message may cost, in wei of ERA: ours. If it would cost more, it is not sent.
    bytes4 internal constant MAX_FEE = bytes4(keccak256("maxFee(uint256)"));

    /// @notice The first four of these in one word, for senders to whom gas matters: 4,000 less than three of them,
    /// most of it in the log. Ours: see `pack`.
    bytes4 internal constant COMPACT = bytes4(keccak256("compact(uint256)"));

    /// @notice The word of {COMPACT}, from the lowest bit: fee payer 160, deadline 40, return gas limit 24, gas limit
    /// 32.
    /// @param gasLimit Below 2^32.
    /// @param returnGasLimit Below 2^24.
    /// @param feePayer As in {FEE_PAYER}.
    /// @param deliverBefore Unix time, from 1 hour to 30 days from now; zero for the default.
    function pack(uint256 gasLimit, uint256 returnGasLimit, address feePayer, uint256 deliverBefore)
        internal
        pure
        returns (uint256)
    {
        return uint160(feePayer) | (deliverBefore << 160) | (returnGasLimit << 200) | (gasLimit << 224);
    }

    /// @notice Attributes of a message that gets the default deadline: 14 days from now.
    /// @param gasLimit At most the route's `maxGasLimit`.
    /// @param returnGasLimit What the sender's `onMessageReturned` needs; zero for a sender without code.
    /// @param feePayer The sender itself, or an account that allowed the sender the fee (`setAllowance`).
    function encode(uint256 gasLimit, uint256 returnGasLimit, address feePayer)
        internal
        pure
        returns (bytes[] memory attributes)
    {
        attributes = new bytes[](3);
        attributes[0] = abi.encodeWithSelector(MIN_GAS_LIMIT, gasLimit);
        attributes[1] = abi.encodeWithSelector(RETURN_GAS_LIMIT, returnGasLimit);
        attributes[2] = abi.encodeWithSelector(FEE_PAYER, feePayer);
    }

    /// @notice Attributes of a message with a deadline of its own.
    /// @param gasLimit At most the route's `maxGasLimit`.
    /// @param returnGasLimit What the sender's `onMessageReturned` needs; zero for a sender without code.
    /// @param deliverBefore Unix time, from 1 hour to 30 days from now.
    /// @param feePayer The sender itself, or an account that allowed the sender the fee (`setAllowance`).
    function encode(uint256 gasLimit, uint256 returnGasLimit, uint256 deliverBefore, address feePayer)
        internal
        pure
        returns (bytes[] memory attributes)
    {
        attributes = new bytes[](4);
        attributes[0] = abi.encodeWithSelector(MIN_GAS_LIMIT, gasLimit);
        attributes[1] = abi.encodeWithSelector(RETURN_GAS_LIMIT, returnGasLimit);
        attributes[2] = abi.encodeWithSelector(DELIVER_BEFORE, deliverBefore);
        attributes[3] = abi.encodeWithSelector(FEE_PAYER, feePayer);
    }
}
