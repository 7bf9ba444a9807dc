// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Votes} from "@openzeppelin/contracts/governance/utils/Votes.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Bridgeable} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC20Bridgeable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Allocation} from "./types/Allocation.sol";

/// @title ERA: the token that secures, pays for and governs the network
/// @notice One address on every chain. The hub mints the whole supply once, at deployment, and never again; on every
/// other chain the bridge alone mints and burns (ERC-7802). Nobody owns or pauses the token.
contract ERA is ERC20Permit, ERC20Votes, ERC20Bridgeable {
    /// @notice Supply on the hub, in wei: 1,000,000,000 ERA.
    uint256 public constant HUB_SUPPLY = 1_000_000_000e18;
    /// @notice Chain id of the hub.
    uint256 public immutable HUB_CHAIN_ID;
    /// @notice The token bridge, the only account that mints and burns on chains other than the hub.
    address public immutable BRIDGE;
    /// @notice The treasury. Its ERA has no votes until it is spent: it would decide over itself.
    address public immutable TREASURY;

    /// @notice Thrown when anyone but the bridge mints or burns across chains, and on the hub for everyone.
    error UnauthorizedBridge(address caller);
    /// @notice Thrown at deployment without a bridge: nothing could ever be minted.
    error InvalidBridge(address bridge);
    /// @notice Thrown at deployment on the hub when more is allocated than the supply, in wei.
    error AllocationsExceedSupply(uint256 allocated);
    /// @notice Thrown when the treasury would delegate its votes.
    error TreasuryHasNoVotes();
    /// @notice Thrown when the past supply of another chain than the hub is asked for.
    error NoSupplyHistory();

    /// @param hubChainId Chain id of the hub.
    /// @param bridge The token bridge. It is deployed later, at an address known before.
    /// @param treasury Receives what is not allocated of the supply. The same on every chain.
    /// @param allocations Of the supply, on the hub; unused elsewhere.
    constructor(uint256 hubChainId, address bridge, address treasury, Allocation[] memory allocations)
        ERC20("ERA", "ERA")
        ERC20Permit("ERA")
    {
        require(bridge != address(0), InvalidBridge(bridge));
        HUB_CHAIN_ID = hubChainId;
        BRIDGE = bridge;
        // Minting to the zero address reverts, on the hub.
        // slither-disable-next-line missing-zero-check
        TREASURY = treasury;
        if (block.chainid != hubChainId) return;
        for (uint256 i; i < allocations.length; ++i) {
            _mint(allocations[i].account, allocations[i].amount);
        }
        uint256 allocated = totalSupply();
        require(allocated <= HUB_SUPPLY, AllocationsExceedSupply(allocated));
        _mint(treasury, HUB_SUPPLY - allocated);
    }

    /// @notice Votes are counted by Unix time (ERC-6372), because the block numbers of different chains have no order.
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice Description of the clock (ERC-6372).
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @notice Supply at a past time, on the hub only. Votes of another chain's holders are bounded by what the hub
    /// counts as outstanding there: a history of that chain's supply would serve nobody, and cost 27,000 gas for each
    /// transfer to or from it.
    function getPastTotalSupply(uint256 timepoint) public view override returns (uint256) {
        require(block.chainid == HUB_CHAIN_ID, NoSupplyHistory());
        return super.getPastTotalSupply(timepoint);
    }

    /// @notice Next nonce of `owner`, shared by `permit` and `delegateBySig`.
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    /// @dev Every way of delegating comes here, those by signature too.
    function _delegate(address account, address delegatee) internal override(Votes) {
        require(account != TREASURY, TreasuryHasNoVotes());
        super._delegate(account, delegatee);
    }

    function _checkTokenBridge(address caller) internal view override {
        require(caller == BRIDGE && block.chainid != HUB_CHAIN_ID, UnauthorizedBridge(caller));
    }

    /// @dev Moves the votes of delegates. The supply is checkpointed on the hub only.
    function _transferVotingUnits(address from, address to, uint256 amount) internal override {
        if (block.chainid == HUB_CHAIN_ID) {
            super._transferVotingUnits(from, to, amount);
        } else {
            _moveDelegateVotes(_delegateOf(from), _delegateOf(to), amount);
        }
    }

    /// @dev The zero address, from which ERA is minted and to which it is burned, has no delegate: looking it up would
    /// cost 2,100 gas.
    function _delegateOf(address account) private view returns (address) {
        return account == address(0) ? address(0) : delegates(account);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
