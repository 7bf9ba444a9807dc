// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Limits: how much of a token moves between here and a chain in which time, and what stops it at once
/// @notice A token that the owner did not name has no limit but its account. Of one that has limits, `outCapacity` may
/// leave for a chain at once, and `inCapacity` come from it; what was used grows back evenly within `window`, and what
/// moves the other way gives it back. A transfer that starts here and exceeds the limit is refused. One that arrives,
/// or is forwarded here, waits: its message fails, and a retry after `WAITING_TIME` passes whatever the limit, using
/// nothing of it. What returns because it was not delivered is proved to have been sent, and has no limit: it gives
/// back what it used.
///
/// A hold stops everything of value that comes from a chain. A message that is struck is never executed here: if it was
/// really sent, it returns when it has expired.
interface ILimits {
    /// @notice Emitted when the owner sets limits; all zero if it removed them.
    event LimitsSet(
        address indexed token, uint256 indexed chainId, uint256 outCapacity, uint256 inCapacity, uint256 window
    );
    /// @notice Emitted when what arrived exceeds a limit. From `since` + `WAITING_TIME` on a retry passes.
    /// @param id Id of the message.
    event TransferWaiting(
        bytes32 indexed id, address indexed token, uint256 indexed chainId, uint256 amount, uint256 since
    );
    /// @notice Emitted when arrivals from a chain are held, or no longer (`until` is then now).
    event Held(uint256 indexed chainId, uint256 until);
    /// @notice Emitted when the owner strikes a message.
    event Struck(uint256 indexed chainId, bytes32 indexed id);

    /// @notice Thrown when a transfer that starts here exceeds what is free now.
    error LimitExceeded(address token, uint256 chainId, uint256 amount, uint256 free);
    /// @notice Thrown when limits are set without a window or too large, for a chain that this is, or for a
    /// representation and another chain than its home.
    error InvalidLimits(address token, uint256 chainId);
    /// @notice Thrown when value arrives from a chain that is held, until then (Unix time).
    error ChainHeld(uint256 chainId, uint256 until);
    /// @notice Thrown when a hold is longer than `maximum` seconds from now, or not in the future.
    error InvalidHold(uint256 duration, uint256 maximum);
    /// @notice Thrown when a hold begins before the cool-down of the last one is over (Unix time).
    error HoldCoolingDown(uint256 chainId, uint256 holdableFrom);
    /// @notice Thrown when a hold is ended that is not on.
    error NotHeld(uint256 chainId);
    /// @notice Thrown when a message arrives that was struck.
    error MessageStruck(bytes32 id);
    /// @notice Thrown when anyone but the owner of the gateway does what it alone may.
    error NotBridgeOwner(address caller);
    /// @notice Thrown when anyone but the guardian holds, or anyone but guardian and owner ends a hold.
    error NotBridgeGuardian(address caller);

    /// @notice Sets limits of a local token for a chain, the home if it is a representation. Only the owner. What was
    /// used is kept, grown back at the old rate until now.
    /// @param outCapacity Most that may leave at once, in the token's smallest unit; below 2^104. Zero: nothing may.
    /// @param inCapacity Most that may arrive at once without waiting; below 2^104. Zero: everything waits.
    /// @param window Seconds within which a used capacity grows back, from 1 to 365 days.
    function setLimits(
        address token,
        uint256 chainId,
        uint256 outCapacity,
        uint256 inCapacity,
        uint256 window
    ) external;

    /// @notice Removes limits. Only the owner.
    function removeLimits(address token, uint256 chainId) external;

    /// @notice Stops value from a chain until `duration` seconds from now. Only the guardian, for at most 21 days from
    /// the beginning; as long as it was, and an hour at least, no other may follow it.
    function hold(uint256 chainId, uint256 duration) external;

    /// @notice Ends a hold. Only guardian and owner.
    function unhold(uint256 chainId) external;

    /// @notice Strikes a message from `chainId` to this bridge, for ever. Only the owner.
    /// @param id Id of the message that brings it here, not of the transfer.
    function strike(uint256 chainId, bytes32 id) external;

    /// @notice Limits of a local token for a chain, and what of them is free now.
    /// @return limited False if there are none; then all else is zero.
    function limitsOf(address token, uint256 chainId)
        external
        view
        returns (
            bool limited,
            uint256 outCapacity,
            uint256 inCapacity,
            uint256 window,
            uint256 outFree,
            uint256 inFree
        );

    /// @notice Until when value from a chain is held, and from when it may be held again (Unix time).
    function heldUntil(uint256 chainId) external view returns (uint256 until, uint256 holdableFrom);

    /// @notice When a message first exceeded a limit (Unix time); zero if it did not, the largest number if it was
    /// struck.
    function waitingSince(bytes32 id) external view returns (uint256);

    /// @notice Seconds after which what waits passes.
    function WAITING_TIME() external view returns (uint256);
}
