// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Purse} from "./Purse.sol";

/// @title Arena: duels with items of this chain for prize money in any token of the network
/// @notice Two players stake the same, and each seals three items in an order of their own: a hash, that nobody can
/// look into. Then both reveal, the items meet one by one, and whoever wins more of the three gets both stakes. Every
/// kind beats the next one: swords (0) bows (1), bows shields (2), shields swords. Who wins a round gets both items.
///
/// Items and moves are of this chain alone, and cheap. Stakes come from any chain by one signature: send them to this
/// contract with data `abi.encode(player, abi.encode(duel, seal))`, zero as duel to open one. Nobody can hold the
/// money up: who does not reveal in time forfeits.
contract Arena is Purse, ERC1155 {
    /// @param token Of the stakes.
    /// @param deadline Last second (Unix time) to reveal; zero until somebody joins.
    /// @param revealed Bit 0 for who opened it, bit 1 for who joined.
    /// @param stake Of each player, in the token's smallest unit.
    struct Duel {
        address token;
        uint40 deadline;
        uint8 revealed;
        uint256 stake;
        address[2] players;
        bytes32[2] seals;
        uint8[3][2] hands;
    }

    /// @notice Kinds of items.
    uint256 public constant KINDS = 3;
    /// @notice Seconds to reveal, from when the second player joins.
    uint256 public constant TIME_TO_REVEAL = 1 hours;
    /// @notice Seconds after which an account can forge its next item.
    uint256 public constant TIME_TO_FORGE = 1 minutes;

    /// @notice Number of duels that were opened: the id of the newest one.
    uint256 public count;
    /// @notice From when on (Unix time) an account can forge.
    mapping(address account => uint256) public forgesFrom;

    mapping(uint256 id => Duel) private _duels;

    event Opened(uint256 indexed id, address indexed player, address indexed token, uint256 stake);
    event Joined(uint256 indexed id, address indexed player, uint256 deadline);
    event Revealed(uint256 indexed id, address indexed player, uint8[3] hand);
    /// @param winner Zero if nobody won: then both got their stakes back.
    event Ended(uint256 indexed id, address indexed winner);

    /// @notice Thrown when an account forges too early, or something that does not exist.
    error CannotForge(uint256 kind, uint256 from);
    /// @notice Thrown when nobody can join a duel, or take it back: it has two players, or is over.
    error NotOpen(uint256 id);
    /// @notice Thrown when somebody acts for a player.
    error NotThePlayer(uint256 id, address caller);
    /// @notice Thrown when a player reveals something else than what was sealed, again, too early or too late.
    error CannotReveal(uint256 id);
    /// @notice Thrown when a duel is ended that has no second player, or time left.
    error StillOn(uint256 id);

    constructor(ITokenBridge bridge) Purse(bridge) ERC1155("") {}

    /// @notice Makes an item, for nothing: one a minute.
    function forge(uint256 kind) external {
        require(kind < KINDS && block.timestamp >= forgesFrom[msg.sender], CannotForge(kind, forgesFrom[msg.sender]));
        forgesFrom[msg.sender] = block.timestamp + TIME_TO_FORGE;
        _exchange(address(0), msg.sender, uint8(kind));
    }

    /// @notice Opens a duel with a stake from the caller's funds in here.
    /// @param seal What `sealOf` says, with a salt of 32 random bytes that is never used again.
    function open(address token, uint256 stake, bytes32 seal) external returns (uint256 id) {
        return _open(msg.sender, token, stake, seal);
    }

    /// @notice Joins a duel with the same stake, from the caller's funds in here.
    function join(uint256 id, bytes32 seal) external {
        require(_isOpen(id), NotOpen(id));
        _join(id, msg.sender, seal);
    }

    /// @notice Takes a duel back that nobody has joined.
    function cancel(uint256 id) external {
        Duel storage duel = _duels[id];
        require(_isOpen(id), NotOpen(id));
        require(duel.players[0] == msg.sender, NotThePlayer(id, msg.sender));
        _give(msg.sender, duel.token, duel.stake);
        delete _duels[id];
        emit Ended(id, address(0));
    }

    /// @notice Lays down what was sealed. The player must have the items. With the second hand the duel ends.
    function reveal(uint256 id, uint8[3] calldata hand, bytes32 salt) external {
        Duel storage duel = _duels[id];
        uint256 seat = duel.players[0] == msg.sender ? 0 : 1;
        require(duel.players[seat] == msg.sender, NotThePlayer(id, msg.sender));
        // Not joined yet: the deadline is zero.
        bool fits = block.timestamp <= duel.deadline && duel.revealed & (1 << seat) == 0;
        require(fits && sealOf(msg.sender, hand, salt) == duel.seals[seat], CannotReveal(id));
        for (uint256 i; i < 3; ++i) {
            _exchange(msg.sender, address(0), hand[i]);
        }
        duel.hands[seat] = hand;
        duel.revealed |= uint8(1 << seat);
        emit Revealed(id, msg.sender, hand);
        if (duel.revealed == 3) _score(id, duel);
    }

    /// @notice Ends a duel whose time is over. Who revealed wins; if nobody did, both get their stakes back.
    function end(uint256 id) external {
        Duel storage duel = _duels[id];
        require(duel.deadline != 0 && block.timestamp > duel.deadline, StillOn(id));
        if (duel.revealed == 0) return _end(id, duel, 2);
        uint256 seat = duel.revealed - 1;
        for (uint256 i; i < 3; ++i) {
            _exchange(address(0), duel.players[seat], duel.hands[seat][i]);
        }
        _end(id, duel, seat);
    }

    /// @notice A duel; nothing of it is left once it has ended.
    function duelOf(uint256 id) external view returns (Duel memory) {
        return _duels[id];
    }

    /// @notice What a player seals. It holds the player: nobody else can use what was seen of it.
    function sealOf(address player, uint8[3] calldata hand, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(player, hand, salt));
    }

    /// @inheritdoc Purse
    /// @dev All that came is staked on a new duel. What comes too late for the one that it names, or with too little,
    /// stays the player's: to be staked elsewhere, or taken out.
    function _instructed(address player, address token, uint256 received, bytes memory instruction) internal override {
        (uint256 id, bytes32 seal) = abi.decode(instruction, (uint256, bytes32));
        if (id == 0) _open(player, token, received, seal);
        else if (_isOpen(id) && _duels[id].token == token && _duels[id].stake <= received) _join(id, player, seal);
    }

    function _open(address player, address token, uint256 stake, bytes32 seal) private returns (uint256 id) {
        _take(player, token, stake);
        id = ++count;
        Duel storage duel = _duels[id];
        (duel.token, duel.stake, duel.players[0], duel.seals[0]) = (token, stake, player, seal);
        emit Opened(id, player, token, stake);
    }

    function _join(uint256 id, address player, bytes32 seal) private {
        Duel storage duel = _duels[id];
        _take(player, duel.token, duel.stake);
        (duel.players[1], duel.seals[1]) = (player, seal);
        duel.deadline = uint40(block.timestamp + TIME_TO_REVEAL);
        emit Joined(id, player, duel.deadline);
    }

    function _score(uint256 id, Duel storage duel) private {
        uint256[3] memory wins;
        for (uint256 i; i < 3; ++i) {
            (uint8 first, uint8 second) = (duel.hands[0][i], duel.hands[1][i]);
            // Both kinds are below KINDS: others nobody has.
            uint256 winner = first == second ? 2 : (first + 1) % KINDS == second ? 0 : 1;
            ++wins[winner];
            _exchange(address(0), duel.players[winner == 1 ? 1 : 0], first);
            _exchange(address(0), duel.players[winner == 0 ? 0 : 1], second);
        }
        _end(id, duel, wins[0] == wins[1] ? 2 : wins[0] > wins[1] ? 0 : 1);
    }

    /// @param winner Seat of who wins; 2 if nobody does.
    function _end(uint256 id, Duel storage duel, uint256 winner) private {
        for (uint256 seat; seat < 2; ++seat) {
            _give(duel.players[winner == 2 ? seat : winner], duel.token, duel.stake);
        }
        emit Ended(id, winner == 2 ? address(0) : duel.players[winner]);
        delete _duels[id];
    }

    /// @dev One item is made or unmade. No recipient is asked: one that refuses would hold up the other player.
    function _exchange(address from, address to, uint8 kind) private {
        (uint256[] memory kinds, uint256[] memory one) = (new uint256[](1), new uint256[](1));
        (kinds[0], one[0]) = (kind, 1);
        _update(from, to, kinds, one);
    }

    /// @dev It has a player, and not yet a second one.
    function _isOpen(uint256 id) private view returns (bool) {
        // slither-disable-next-line incorrect-equality
        return _duels[id].deadline == 0 && _duels[id].players[0] != address(0);
    }
}
