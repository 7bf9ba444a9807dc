// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice What the social chain says of a name, and of one of those who may follow it.
/// @param version Grows with everything that is said: what has a lower one is older.
/// @param takenAt Second (Unix time, by the social chain's clock) in which it was true.
/// @param nameHash Hash (keccak-256) of the name.
/// @param id Of the handle that has the name; zero if none ever had.
/// @param owner Whose it is.
/// @param expires Last second (Unix time) of its term.
/// @param followers How many follow it.
/// @param follower An account; zero for none.
/// @param follows Whether that account follows it.
struct Snapshot {
    uint64 version;
    uint40 takenAt;
    bytes32 nameHash;
    uint64 id;
    address owner;
    uint40 expires;
    uint64 followers;
    address follower;
    bool follows;
}

/// @title IHandles: names and who follows them, at one address on every chain
interface IHandles {
    /// @notice Thrown when nobody has a name, as far as this chain knows, or its term is over.
    error NobodysName(string name);
    /// @notice Thrown when what this chain knows is older than the caller wants, in seconds.
    error TooOld(uint256 age, uint256 maxAge);

    /// @notice Whose a name is, and how many follow it.
    /// @param maxAge Seconds that the answer may be old. A name that was let go can be somebody else's after 30 days:
    /// what is not older than that never takes one for the other.
    function resolve(string calldata name, uint256 maxAge) external view returns (address owner, uint256 followers);

    /// @notice Whether an account follows the owner of a name. Reverts as `resolve` does.
    function follows(address account, string calldata name, uint256 maxAge) external view returns (bool);
}
