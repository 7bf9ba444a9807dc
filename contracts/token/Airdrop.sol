// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {IAirdrop} from "../interfaces/IAirdrop.sol";

/// @title Airdrop
/// @notice See {IAirdrop}.
contract Airdrop is IAirdrop {
    using SafeERC20 for IERC20;

    /// @inheritdoc IAirdrop
    IERC20 public immutable ERA;
    /// @inheritdoc IAirdrop
    address public immutable TREASURY;
    /// @inheritdoc IAirdrop
    bytes32 public immutable ROOT;
    /// @inheritdoc IAirdrop
    uint256 public immutable END;

    /// @inheritdoc IAirdrop
    mapping(address account => bool) public isClaimed;

    /// @param era The token. It is deployed later, at an address known before.
    /// @param treasury Gets what is left at the end.
    /// @param root Of the tree of who gets how much.
    /// @param end Unix time of the first second in which nobody can claim any more.
    constructor(IERC20 era, address treasury, bytes32 root, uint256 end) {
        require(treasury != address(0), InvalidTreasury(treasury));
        require(root != bytes32(0), InvalidRoot());
        ERA = era;
        TREASURY = treasury;
        ROOT = root;
        END = end;
    }

    /// @inheritdoc IAirdrop
    function claim(address account, uint256 amount, bytes32[] calldata proof) external {
        require(block.timestamp < END, Ended(END));
        require(!isClaimed[account], AlreadyClaimed(account));
        // Hashed twice, so that no inner node, which is the hash of 64 bytes, is a leaf.
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(account, amount))));
        require(MerkleProof.verifyCalldata(proof, ROOT, leaf), InvalidProof(account, amount));
        isClaimed[account] = true;
        emit Claimed(account, amount);
        ERA.safeTransfer(account, amount);
    }

    /// @inheritdoc IAirdrop
    function sweep(IERC20 token) external {
        require(block.timestamp >= END, NotEnded(END));
        uint256 amount = token.balanceOf(address(this));
        require(amount != 0, NothingLeft(token));
        // What a token calls meanwhile finds nothing here to take: all goes to the treasury.
        // slither-disable-next-line reentrancy-events
        emit Swept(token, amount);
        token.safeTransfer(TREASURY, amount);
    }
}
