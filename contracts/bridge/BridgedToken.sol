// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Bridgeable} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC20Bridgeable.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {IBridgedToken} from "../interfaces/IBridgedToken.sol";

/// @title BridgedToken
/// @notice See {IBridgedToken}. The code of all representations, which are clones of it (EIP-1167).
/// @dev Constructors run for the code, never for a clone: whatever differs between clones is in storage. So `ERC20` has
/// an empty name here, and OpenZeppelin's `ERC20Permit`, whose domain is made by its constructor, is not used.
contract BridgedToken is IBridgedToken, IERC5267, ERC20Bridgeable, Nonces {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    /// @dev Name, version, chain id and contract: see ERC-5267.
    bytes1 private constant DOMAIN_FIELDS = 0x0f;
    string private constant DOMAIN_VERSION = "1";

    /// @inheritdoc IBridgedToken
    address public immutable BRIDGE;

    /// @inheritdoc IBridgedToken
    address public homeToken;
    uint8 private _decimals;
    bool private _initialized;
    /// @inheritdoc IBridgedToken
    uint256 public homeChain;
    string private _name;
    string private _symbol;

    /// @notice Thrown when a permit is brought after its deadline (Unix time).
    error ERC2612ExpiredSignature(uint256 deadline);
    /// @notice Thrown when a permit of `owner` was signed by somebody else.
    error ERC2612InvalidSigner(address signer, address owner);

    /// @param bridge The token bridge, which may be deployed later at that address.
    constructor(address bridge) ERC20("", "") {
        // Without one the code is of no use: nobody can initialize a clone.
        // slither-disable-next-line missing-zero-check
        BRIDGE = bridge;
        // The code itself stands for nothing.
        _initialized = true;
    }

    /// @inheritdoc IBridgedToken
    function initialize(
        uint256 homeChain_,
        address homeToken_,
        uint8 decimals_,
        string calldata name_,
        string calldata symbol_
    ) external onlyTokenBridge {
        require(!_initialized, AlreadyInitialized());
        _initialized = true;
        homeChain = homeChain_;
        // Said by the token's home, which knows it.
        // slither-disable-next-line missing-zero-check
        homeToken = homeToken_;
        // Once, by the bridge, which says so.
        // slither-disable-next-line events-maths
        _decimals = decimals_;
        _name = name_;
        _symbol = symbol_;
    }

    /// @inheritdoc IERC20Permit
    function permit(
        address owner,
        address spender,
        uint256 value,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        require(block.timestamp <= deadline, ERC2612ExpiredSignature(deadline));
        bytes32 structHash = keccak256(abi.encode(PERMIT_TYPEHASH, owner, spender, value, _useNonce(owner), deadline));
        address signer = ECDSA.recover(MessageHashUtils.toTypedDataHash(DOMAIN_SEPARATOR(), structHash), v, r, s);
        require(signer == owner, ERC2612InvalidSigner(signer, owner));
        _approve(owner, spender, value);
    }

    /// @inheritdoc IERC5267
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory domainName,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (DOMAIN_FIELDS, _name, DOMAIN_VERSION, block.chainid, address(this), 0, new uint256[](0));
    }

    /// @inheritdoc IERC20Metadata
    function name() public view override(ERC20, IERC20Metadata) returns (string memory) {
        return _name;
    }

    /// @inheritdoc IERC20Metadata
    function symbol() public view override(ERC20, IERC20Metadata) returns (string memory) {
        return _symbol;
    }

    /// @inheritdoc IERC20Metadata
    function decimals() public view override(ERC20, IERC20Metadata) returns (uint8) {
        return _decimals;
    }

    /// @inheritdoc IERC20Permit
    function nonces(address owner) public view override(IERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    /// @inheritdoc IERC20Permit
    // solhint-disable-next-line func-name-mixedcase
    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return MessageHashUtils.toDomainSeparator(
            DOMAIN_FIELDS, _name, DOMAIN_VERSION, block.chainid, address(this), 0
        );
    }

    function _checkTokenBridge(address caller) internal view override {
        require(caller == BRIDGE, NotTheBridge(caller));
    }
}
