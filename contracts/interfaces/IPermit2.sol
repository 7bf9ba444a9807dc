// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IPermit2: what is used of Uniswap's Permit2, which moves the tokens of whoever signs
/// @notice See its `ISignatureTransfer`. Anyone can deploy it on any chain, at one address:
/// 0x000000000022D473030F116dDEE9F6B43aC78BA3.
interface IPermit2 {
    struct TokenPermissions {
        address token;
        uint256 amount;
    }

    struct PermitTransferFrom {
        TokenPermissions permitted;
        uint256 nonce;
        uint256 deadline;
    }

    struct SignatureTransferDetails {
        address to;
        uint256 requestedAmount;
    }

    /// @notice Moves tokens of `owner`, who has signed the permit together with a witness, for the caller as spender.
    /// @param witness Hash of a struct that the signature covers.
    /// @param witnessTypeString The end of the type that was signed: see EIP-712.
    function permitWitnessTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata transferDetails,
        address owner,
        bytes32 witness,
        string calldata witnessTypeString,
        bytes calldata signature
    ) external;
}
