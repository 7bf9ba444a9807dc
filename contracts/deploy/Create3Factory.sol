// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Create3} from "@openzeppelin/contracts/utils/Create3.sol";

/// @title Create3Factory: the same addresses on every chain
/// @notice An address depends on this factory, a namespace and a salt alone, not on the code. A namespace is the
/// address of a deployer: nobody else decides what is deployed under it. At hand-over the deployer seals the namespace
/// to a successor, so that no key used for the deployment can later place code at an address that others trust. A
/// controller that cannot send whole contracts, as a vote on another chain cannot, approves the hash of one: then
/// anyone brings it.
contract Create3Factory {
    mapping(address namespace => address) private _controllers;
    /// @dev By who approved: what a controller approved ends with its control.
    mapping(address controller => mapping(address namespace => mapping(bytes32 salt => bytes32))) private _approved;

    /// @notice Emitted when a contract is deployed.
    event Deployed(address indexed namespace, bytes32 indexed salt, address indexed instance);
    /// @notice Emitted when a namespace is handed over.
    event Sealed(address indexed namespace, address indexed controller);
    /// @notice Emitted when a controller lets anyone deploy the creation code with that hash; zero for none any more.
    event Approved(address indexed namespace, bytes32 indexed salt, bytes32 initCodeHash);

    /// @notice Thrown when the caller does not control the namespace, nor brings what was approved.
    error NotController(address namespace, address caller, address controller);
    /// @notice Thrown when a namespace is handed to the zero address.
    error InvalidController(address controller);

    /// @notice Deploys a contract. Reverts if there is one already, or with the error of its constructor. Anyone may
    /// deploy what the controller approved: a constructor must not depend on who calls, or when.
    /// @param namespace Namespace that the caller controls, or whose controller approved this.
    /// @param salt Name within the namespace.
    /// @param initCode Creation code followed by the encoded constructor arguments.
    /// @return instance Address of the new contract: `addressOf(namespace, salt)`.
    function deploy(address namespace, bytes32 salt, bytes calldata initCode) external returns (address instance) {
        if (approvedHash(namespace, salt) != keccak256(initCode)) _checkController(namespace);
        instance = Create3.deploy(0, _boundSalt(namespace, salt), initCode);
        emit Deployed(namespace, salt, instance);
    }

    /// @notice Lets anyone deploy one creation code, followed by its constructor arguments, at a salt. Only the
    /// controller of the namespace, as long as it is that. Replaces what it approved there before.
    /// @param initCodeHash keccak256 of creation code and arguments; zero for none any more.
    function approve(address namespace, bytes32 salt, bytes32 initCodeHash) external {
        _checkController(namespace);
        _approved[msg.sender][namespace][salt] = initCodeHash;
        emit Approved(namespace, salt, initCodeHash);
    }

    /// @notice Hands a namespace over for good. Only its present controller.
    function seal(address namespace, address controller) external {
        _checkController(namespace);
        require(controller != address(0), InvalidController(controller));
        _controllers[namespace] = controller;
        emit Sealed(namespace, controller);
    }

    /// @notice Address that `deploy` gives for a namespace and a salt, whether deployed or not.
    function addressOf(address namespace, bytes32 salt) external view returns (address) {
        return Create3.computeAddress(_boundSalt(namespace, salt));
    }

    /// @notice Hash of the creation code that anyone may deploy at a salt; zero if none.
    function approvedHash(address namespace, bytes32 salt) public view returns (bytes32) {
        return _approved[controllerOf(namespace)][namespace][salt];
    }

    /// @notice Who deploys under a namespace: the account itself until it hands it over.
    function controllerOf(address namespace) public view returns (address controller) {
        controller = _controllers[namespace];
        if (controller == address(0)) controller = namespace;
    }

    function _checkController(address namespace) private view {
        address controller = controllerOf(namespace);
        require(msg.sender == controller, NotController(namespace, msg.sender, controller));
    }

    function _boundSalt(address namespace, bytes32 salt) private pure returns (bytes32) {
        return keccak256(abi.encode(namespace, salt));
    }
}
