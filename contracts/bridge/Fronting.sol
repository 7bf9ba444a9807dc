// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IFronting} from "../interfaces/IFronting.sol";
import {Assets} from "./Assets.sol";
import {Transfers} from "./libraries/Transfers.sol";
import {Front} from "./types/Transfer.sol";

/// @title Fronting
/// @notice See {IFronting}.
abstract contract Fronting is Assets {
    using SafeERC20 for IERC20;

    /// @dev A claim writes one word.
    uint256 internal constant CLAIM_GAS_LIMIT = 60_000;
    /// @dev Stands for the solver of a transfer that has arrived.
    address private constant _DONE = address(1);

    /// @inheritdoc IFronting
    mapping(bytes32 key => address) public solverOf;
    /// @inheritdoc IFronting
    mapping(bytes32 id => mapping(uint256 chainId => address)) public claimantOf;

    /// @inheritdoc IFronting
    function front(Front calldata transfer, address solver) external returns (uint256 paid) {
        require(transfer.tip != 0 && block.timestamp <= transfer.deadline, NotFrontable(transfer.id));
        require(transfer.tip <= Transfers.TIP_PARTS, InvalidOptions());
        _checkBeneficiary(transfer.to, transfer.token);
        _checkBeneficiary(solver, transfer.token);
        require(solver != _DONE, InvalidBeneficiary(solver));
        bytes32 key = keyOf(transfer);
        _checkFrontable(key);
        solverOf[key] = solver;
        paid = transfer.amount - _kept(transfer);
        emit TransferFronted(transfer.id, solver, transfer.to, key, transfer.token, paid);
        IERC20(transfer.token).safeTransferFrom(msg.sender, transfer.to, paid);
    }

    /// @inheritdoc IFronting
    function claim(Front calldata transfer, bool fromBalance) external returns (bytes32 sendId) {
        bytes32 key = keyOf(transfer);
        address solver = solverOf[key];
        require(solver != address(0) && solver != _DONE, NothingToClaimFor(key));
        Hop memory hop = _note(gatewayOf(transfer.start), transfer.start, CLAIM_GAS_LIMIT);
        _charge(Payment(fromBalance, type(uint256).max), hop, Transfers.CLAIM_LENGTH);
        sendId = _sendHop(hop, Transfers.encodeClaim(transfer.id, solver));
        emit FrontClaimed(transfer.id, transfer.start, solver, sendId);
    }

    /// @inheritdoc IFronting
    function quoteClaim(uint256 start) external view returns (uint256) {
        return
            gatewayOf(start).quote(start, CLAIM_GAS_LIMIT, NOTE_RETURN_GAS_LIMIT, Transfers.CLAIM_LENGTH);
    }

    /// @inheritdoc IFronting
    function keyOf(Front memory transfer) public pure virtual returns (bytes32) {
        return keccak256(abi.encode(transfer));
    }

    /// @dev A transfer with a tip has arrived: who gets it. From now on nobody can front it.
    function _settle(Front memory transfer) internal virtual returns (address payee) {
        bytes32 key = keyOf(transfer);
        address solver = solverOf[key];
        solverOf[key] = _DONE;
        return solver == address(0) ? transfer.to : solver;
    }

    /// @dev The first claim from a chain stands.
    function _onClaim(uint256 origin, bytes calldata payload) internal virtual {
        (bytes32 id, address solver) = Transfers.decodeClaim(payload);
        if (claimantOf[id][origin] != address(0)) return;
        claimantOf[id][origin] = solver;
        emit ClaimReceived(id, origin, solver);
    }

    /// @dev Who gets what returns of a transfer that should have ended on a chain. Only one with a tip can be fronted.
    function _returnee(bytes32 id, uint256 end, uint32 tip, address from) internal view virtual returns (address) {
        if (tip == 0) return from;
        address solver = claimantOf[id][end];
        return solver == address(0) ? from : solver;
    }

    function _checkFrontable(bytes32 key) internal view virtual {
        require(solverOf[key] == address(0), AlreadyFronted(key));
    }

    function _checkBeneficiary(address account, address token) internal view {
        require(
            account != address(0) && account != address(GATEWAY) && account != address(this) && account != token,
            InvalidBeneficiary(account)
        );
    }

    /// @dev What a solver keeps now. The clock here may be behind the one where the transfer started.
    function _kept(Front calldata transfer) private view returns (uint256) {
        uint256 tip = uint256(transfer.amount) * transfer.tip;
        if (transfer.ramp == 0) return tip / Transfers.TIP_PARTS;
        uint256 elapsed = Math.min(Math.saturatingSub(block.timestamp, transfer.sentAt), transfer.ramp);
        return tip * elapsed / (Transfers.TIP_PARTS * transfer.ramp);
    }
}
