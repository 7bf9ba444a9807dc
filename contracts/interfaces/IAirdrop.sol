// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Airdrop: a share of ERA for many accounts
/// @notice Holds the share from the hub's first block on. Who gets how much is one Merkle tree, of which only the root
/// is here, for ever. Its format is `StandardMerkleTree` of OpenZeppelin's merkle-tree, with leaves of
/// `[address, uint256]`: account, and amount in wei. Each account has one leaf.
///
/// Anyone may claim for an account; what it has goes to that account. From `END` on nobody can claim, and anyone may
/// sweep the rest to the treasury. Nobody owns the contract: ERA leaves it in these two ways only. Ether is refused.
interface IAirdrop {
    /// @notice Emitted when an account got what it has in the tree, in wei.
    event Claimed(address indexed account, uint256 amount);
    /// @notice Emitted when what was left of a token went to the treasury, in its smallest unit.
    event Swept(IERC20 indexed token, uint256 amount);

    /// @notice Thrown at deployment without a root: no proof leads to nothing.
    error InvalidRoot();
    /// @notice Thrown at deployment without a treasury.
    error InvalidTreasury(address treasury);
    /// @notice Thrown when a proof does not lead from this account with this amount to the root.
    error InvalidProof(address account, uint256 amount);
    /// @notice Thrown when an account has got its own already.
    error AlreadyClaimed(address account);
    /// @notice Thrown when somebody claims at the end, Unix time, or later.
    error Ended(uint256 end);
    /// @notice Thrown when somebody sweeps before the end, Unix time.
    error NotEnded(uint256 end);
    /// @notice Thrown when nothing is held of the token that would be swept.
    error NothingLeft(IERC20 token);

    /// @notice Sends an account what it has in the tree. Anyone may call, before `END`.
    /// @param amount Wei, as the tree has it.
    /// @param proof The siblings from the leaf up to the root.
    function claim(address account, uint256 amount, bytes32[] calldata proof) external;

    /// @notice Sends all that is held of a token to the treasury. Anyone may call, from `END` on. It is for ERA; with
    /// another token it brings back what was sent here by mistake.
    function sweep(IERC20 token) external;

    /// @notice Whether an account has got its own.
    function isClaimed(address account) external view returns (bool);

    function ERA() external view returns (IERC20);

    /// @notice Who gets what nobody claimed: the hub's timelock.
    function TREASURY() external view returns (address);

    function ROOT() external view returns (bytes32);

    /// @notice Unix time of the first second in which nobody can claim any more.
    function END() external view returns (uint256);
}
