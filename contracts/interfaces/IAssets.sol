// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Assets: which token of this chain stands for which token of another
/// @notice A token has one home, the chain on which it was made: its identity is (home chain, address there), never its
/// name. Elsewhere a representation stands for it, at the same address on all chains, or a token that its issuer had
/// adopted. Its first transfer to a chain is preceded by a message that describes it; anyone may send another.
interface IAssets {
    /// @notice Emitted when a description of a token is sent to a chain.
    event TokenDescribed(address indexed token, uint256 indexed chainId, bytes32 sendId);
    /// @notice Emitted when a representation is created here.
    event RepresentationCreated(uint256 indexed homeChain, address indexed token, address indexed local);
    /// @notice Emitted when the owner lets a token of its issuer stand for one of another chain.
    event TokenAdopted(uint256 indexed homeChain, address indexed token, address indexed local);

    /// @notice Thrown when a token arrives here of which no description did. Retry it after `describe`.
    error TokenUnknown(uint256 homeChain, address token);
    /// @notice Thrown when a description is asked for of what is no token at home here, or has none: ERA.
    error NotAtHome(address token);
    /// @notice Thrown when a message of `origin` is about ERA as a token at home there.
    error NotHomeOfEra(uint256 origin);
    /// @notice Thrown when a token is adopted for one that something stands for already, that stands for something
    /// itself, or that is no ERC-7802 token.
    error NotAdoptable(uint256 homeChain, address token, address local);

    /// @notice Sends a token's metadata to a chain, where they are used if it is not known yet. Anyone may call. The
    /// fee is paid from the caller's credit, or from its ERA.
    /// @return sendId Id of the message.
    function describe(address token, uint256 chainId, bool fromBalance) external returns (bytes32 sendId);

    /// @notice Lets `local`, an ERC-7802 token that lets this bridge mint and burn, stand for a token of another chain.
    /// Only the owner, and only before anything stands for it here.
    function adopt(uint256 homeChain, address token, address local) external;

    /// @notice The token that stands here for one of another chain; zero if none does yet.
    function localOf(uint256 homeChain, address token) external view returns (address);

    /// @notice What a token of this chain stands for; zero twice if it is at home here.
    function homeOf(address local) external view returns (uint256 homeChain, address token);

    /// @notice Address of the representation of a token, created or not: on every chain the same.
    function representationOf(uint256 homeChain, address token) external view returns (address);

    /// @notice Whether a description of a token at home here was sent to a chain, and has not come back.
    function isDescribed(address token, uint256 chainId) external view returns (bool);

    /// @notice Code of all representations.
    function BRIDGED_TOKEN() external view returns (address);

    /// @notice Reads metadata of tokens.
    function METADATA() external view returns (address);
}
