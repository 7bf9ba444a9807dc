// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {MetalayerClient} from "../client/MetalayerClient.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Attributes} from "../metalayer/libraries/Attributes.sol";
import {Message} from "../metalayer/types/Message.sol";
import {IHandles, Snapshot} from "./IHandles.sol";

/// @title HandlesMirror: what {Handles} of the social chain said, on another chain, with its age
/// @notice At the address of {Handles}. It believes that contract alone: no other chain, whatever deploys there, can
/// tell it anything. An answer never takes the place of a newer one.
contract HandlesMirror is IHandles, MetalayerClient {
    /// @param takenAt Zero if nothing was ever heard of the name.
    struct Entry {
        address owner;
        uint40 expires;
        uint40 takenAt;
        uint64 version;
        uint64 id;
        uint64 followers;
    }

    struct Edge {
        uint64 version;
        uint40 takenAt;
        bool follows;
    }

    /// @notice Gas with which {Handles} is called: it answers.
    uint256 public constant GAS_LIMIT = 300_000;
    /// @notice Gas for a question that comes back.
    uint256 public constant RETURN_GAS_LIMIT = 100_000;

    /// @notice Chain id of the social chain.
    uint256 public immutable HOME;

    mapping(bytes32 nameHash => Entry) public entries;
    mapping(uint256 id => mapping(address account => Edge)) public edges;

    event Asked(bytes32 indexed sendId, address indexed payer, string name, address follower);
    /// @notice Emitted when something newer arrives.
    event Heard(bytes32 indexed nameHash, address indexed owner, uint64 version, uint256 takenAt);

    constructor(IMetalayer gateway, uint256 home) MetalayerClient(gateway) {
        HOME = home;
    }

    /// @notice Asks the social chain about a name. The caller pays what `quote` says, from credit of which it allowed
    /// this contract that much; the answer is paid there.
    /// @param follower An account of which to ask whether it follows; zero for none.
    function ask(string calldata name, address follower) external returns (bytes32 sendId) {
        bytes[] memory attributes =
            Attributes.encode(GAS_LIMIT, RETURN_GAS_LIMIT, block.timestamp + 1 days, msg.sender);
        bytes memory question = abi.encode(keccak256(bytes(name)), follower, msg.sender);
        sendId = _sendMessage(HOME, address(this), question, attributes);
        // slither-disable-next-line reentrancy-events
        emit Asked(sendId, msg.sender, name, follower);
    }

    /// @notice What a question costs, in wei of ERA.
    function quote() external view returns (uint256) {
        return GATEWAY.quote(HOME, GAS_LIMIT, RETURN_GAS_LIMIT, abi.encode(HOME, HOME, HOME).length);
    }

    /// @inheritdoc IHandles
    function resolve(string calldata name, uint256 maxAge) external view returns (address owner, uint256 followers) {
        Entry memory entry = _current(name, maxAge);
        return (entry.owner, entry.followers);
    }

    /// @inheritdoc IHandles
    function follows(address account, string calldata name, uint256 maxAge) external view returns (bool) {
        Edge memory edge = edges[_current(name, maxAge).id][account];
        _checkAge(edge.takenAt, maxAge);
        return edge.follows;
    }

    /// @dev What is not newer changes nothing. Refusing it would only send it back: retries and lanes have no order.
    function _onMessageReceived(bytes32, uint256, address, bytes calldata payload) internal override {
        (Snapshot memory said,) = abi.decode(payload, (Snapshot, address));
        if (said.follower != address(0) && said.version > edges[said.id][said.follower].version) {
            edges[said.id][said.follower] = Edge(said.version, said.takenAt, said.follows);
        }
        if (said.version <= entries[said.nameHash].version) return;
        entries[said.nameHash] =
            Entry(said.owner, said.expires, said.takenAt, said.version, said.id, said.followers);
        emit Heard(said.nameHash, said.owner, said.version, said.takenAt);
    }

    /// @dev A question that was not answered: whoever paid gets what is left.
    function _onMessageReturned(bytes32, uint256, Message calldata message, uint256 unspent) internal override {
        (,, address payer) = abi.decode(message.payload, (bytes32, address, address));
        _withdrawCredit(payer, unspent);
    }

    function _isAuthorizedSender(uint256 origin, address sender) internal view override returns (bool) {
        return origin == HOME && sender == address(this);
    }

    function _current(string calldata name, uint256 maxAge) private view returns (Entry memory entry) {
        entry = entries[keccak256(bytes(name))];
        _checkAge(entry.takenAt, maxAge);
        require(entry.owner != address(0) && block.timestamp <= entry.expires, NobodysName(name));
    }

    /// @dev The social chain's clock may be ahead. What was never heard is as old as time.
    function _checkAge(uint256 takenAt, uint256 maxAge) private view {
        uint256 age = Math.saturatingSub(block.timestamp, takenAt);
        require(age <= maxAge, TooOld(age, maxAge));
    }
}
