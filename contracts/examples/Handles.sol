// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {MetalayerClient} from "../client/MetalayerClient.sol";
import {IMetalayer} from "../interfaces/IMetalayer.sol";
import {Attributes} from "../metalayer/libraries/Attributes.sol";
import {Message} from "../metalayer/types/Message.sol";
import {IHandles, Snapshot} from "./IHandles.sol";

/// @title Handles: names and follows on the social chain, which tells them to every other one
/// @notice A handle is an ERC-721 token with a name of 3 to 32 bytes: a to z, 0 to 9 and hyphens. It is transferred as
/// any token, with its followers. {HandlesMirror}, at this address on other chains, keeps what this contract says:
/// - to anyone who pays for it here (`publish`);
/// - to whom asks there (`ask`). The answer is paid from credit of this contract in the gateway, that anyone may
///   deposit. Who asks can spend that, and pays about as much for the question.
contract Handles is IHandles, ERC721, MetalayerClient {
    struct Handle {
        string name;
        uint40 expires;
        uint64 followers;
    }

    /// @notice Seconds that a handle is its owner's, from when it was registered or renewed last.
    uint256 public constant TERM = 365 days;
    /// @notice Seconds that a name rests when its term is over, or when it was given up: until then, whoever looks at
    /// an old answer may still take it for its last owner's.
    uint256 public constant REST = 30 days;
    /// @notice Gas with which a mirror is called. The first answer about a name and a follower takes the most.
    uint256 public constant GAS_LIMIT = 150_000;
    /// @notice Gas for an answer that comes back.
    uint256 public constant RETURN_GAS_LIMIT = 100_000;

    /// @notice Number of handles that were registered: the id of the newest one.
    uint64 public count;
    /// @notice How often this contract has said something.
    uint64 public version;
    mapping(uint256 id => Handle) public handles;
    /// @notice Handle that has a name, by the name's hash.
    mapping(bytes32 nameHash => uint256 id) public idOf;
    /// @notice From when on (Unix time) anyone can register a name. The owner of the handle that has it can renew it.
    mapping(bytes32 nameHash => uint256) public freeFrom;
    mapping(uint256 id => mapping(address account => bool)) public isFollower;

    event Named(uint256 indexed id, string name, uint256 expires);
    event Followed(uint256 indexed id, address indexed account, bool follows);
    event Told(bytes32 indexed sendId, uint256 indexed destination, uint64 version, bytes32 nameHash);

    /// @notice Thrown when a name has another length, or other letters.
    error NotAName(string name);
    /// @notice Thrown when a name is somebody's, or rests until `from`.
    error NameTaken(string name, uint256 from);
    /// @notice Thrown when somebody changes a handle that is not theirs.
    error NotTheOwner(uint256 id, address caller);
    /// @notice Thrown when an account follows whom it follows already, or the other way round.
    error NothingChanges(uint256 id, address account);

    constructor(IMetalayer gateway) ERC721("Handles", "HNDL") MetalayerClient(gateway) {}

    /// @notice Makes a handle of the caller's, for a year.
    function register(string calldata name) external returns (uint256 id) {
        id = ++count;
        _call(id, name);
        _mint(msg.sender, id);
    }

    /// @notice Gives a handle another name, and a year from now. The one before rests.
    function rename(uint256 id, string calldata name) external {
        _checkOwner(id);
        bytes32 before = keccak256(bytes(handles[id].name));
        delete idOf[before];
        freeFrom[before] = block.timestamp + REST;
        _call(id, name);
    }

    /// @notice A year from now. As long as nobody else has registered the name, also when the term is over.
    function renew(uint256 id) external {
        _checkOwner(id);
        _extend(id, keccak256(bytes(handles[id].name)));
    }

    /// @notice Follows a handle, or no longer.
    function follow(uint256 id, bool follows_) external {
        _requireOwned(id);
        require(isFollower[id][msg.sender] != follows_, NothingChanges(id, msg.sender));
        isFollower[id][msg.sender] = follows_;
        if (follows_) ++handles[id].followers;
        else --handles[id].followers;
        emit Followed(id, msg.sender, follows_);
    }

    /// @notice Tells the mirror of another chain about a name. The caller pays what `quote` says, from credit of which
    /// it allowed this contract that much.
    /// @param follower An account of which the mirror shall know whether it follows; zero for none.
    function publish(string calldata name, address follower, uint256 destination) external returns (bytes32 sendId) {
        return _tell(destination, keccak256(bytes(name)), follower, msg.sender);
    }

    /// @notice What `publish`, or an answer, costs, in wei of ERA.
    function quote(uint256 destination) external view returns (uint256) {
        Snapshot memory any;
        return GATEWAY.quote(destination, GAS_LIMIT, RETURN_GAS_LIMIT, abi.encode(any, address(0)).length);
    }

    /// @inheritdoc IHandles
    /// @dev Here it is never old.
    function resolve(string calldata name, uint256) external view returns (address owner, uint256 followers) {
        uint256 id = _current(name);
        return (_ownerOf(id), handles[id].followers);
    }

    /// @inheritdoc IHandles
    function follows(address account, string calldata name, uint256) external view returns (bool) {
        return isFollower[_current(name)][account];
    }

    /// @dev A mirror asks: none but this address on other chains can.
    function _onMessageReceived(bytes32, uint256 origin, address, bytes calldata payload) internal override {
        (bytes32 nameHash, address follower) = abi.decode(payload, (bytes32, address));
        // The answer's id is in its event.
        // slither-disable-next-line unused-return
        _tell(origin, nameHash, follower, address(this));
    }

    /// @dev A mirror did not hear it. Nothing has to be undone: whoever paid gets what is left.
    function _onMessageReturned(bytes32, uint256, Message calldata message, uint256 unspent) internal override {
        (, address payer) = abi.decode(message.payload, (Snapshot, address));
        if (payer != address(this)) _withdrawCredit(payer, unspent);
    }

    /// @dev Everything of a name, as it is now, under a version of its own: so a mirror knows what is newer, in
    /// whichever order it hears of it.
    function _tell(uint256 destination, bytes32 nameHash, address follower, address payer)
        private
        returns (bytes32 sendId)
    {
        uint256 id = idOf[nameHash];
        Handle storage handle = handles[id];
        bytes memory payload = abi.encode(
            Snapshot({
                version: ++version,
                takenAt: uint40(block.timestamp),
                nameHash: nameHash,
                id: uint64(id),
                owner: _ownerOf(id),
                expires: handle.expires,
                followers: handle.followers,
                follower: follower,
                follows: isFollower[id][follower]
            }),
            payer
        );
        bytes[] memory attributes = Attributes.encode(GAS_LIMIT, RETURN_GAS_LIMIT, block.timestamp + 1 days, payer);
        sendId = _sendMessage(destination, address(this), payload, attributes);
        // slither-disable-next-line reentrancy-events
        emit Told(sendId, destination, version, nameHash);
    }

    /// @dev Gives a handle a name that nobody has. One whose term and rest are over ends, with its followers.
    function _call(uint256 id, string calldata name) private {
        bytes memory letters = bytes(name);
        require(letters.length >= 3 && letters.length <= 32, NotAName(name));
        for (uint256 i; i < letters.length; ++i) {
            bytes1 c = letters[i];
            require((c >= "a" && c <= "z") || (c >= "0" && c <= "9") || c == "-", NotAName(name));
        }
        bytes32 nameHash = keccak256(letters);
        require(block.timestamp >= freeFrom[nameHash], NameTaken(name, freeFrom[nameHash]));
        if (idOf[nameHash] != 0) _burn(idOf[nameHash]);
        idOf[nameHash] = id;
        handles[id].name = name;
        _extend(id, nameHash);
    }

    function _extend(uint256 id, bytes32 nameHash) private {
        uint40 expires = uint40(block.timestamp + TERM);
        handles[id].expires = expires;
        freeFrom[nameHash] = expires + REST;
        emit Named(id, handles[id].name, expires);
    }

    function _current(string calldata name) private view returns (uint256 id) {
        id = idOf[keccak256(bytes(name))];
        require(id != 0 && block.timestamp <= handles[id].expires, NobodysName(name));
    }

    function _checkOwner(uint256 id) private view {
        require(_ownerOf(id) == msg.sender, NotTheOwner(id, msg.sender));
    }
}
