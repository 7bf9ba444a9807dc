// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ITokenBridge} from "../interfaces/ITokenBridge.sol";
import {Purse} from "./Purse.sol";

/// @title Margin: limit orders for delivery in a week, secured by margin, without an oracle
/// @notice Somebody offers to buy or sell lots of BASE at a price in QUOTE; somebody takes some of them. Neither needs
/// more for it than a fifth of the price, the margin. Until the deal is due the buyer pays the rest and the seller
/// brings the lots: then they change hands. Who does not, loses the margin to the other, and never more than that. So
/// no price has to be known to anybody but the two, and nobody is liquidated.
///
/// Money comes from any chain by one signature: send it to this contract with data `abi.encode(account, "")`, and it is
/// the account's margin. It goes to any chain by `send`.
contract Margin is Purse {
    /// @param buys Whether the maker buys.
    /// @param until Last second (Unix time) at which it can be taken.
    /// @param lots What is left of it.
    /// @param price Of a lot, in QUOTE's smallest unit.
    struct Order {
        address maker;
        bool buys;
        uint40 until;
        uint64 lots;
        uint128 price;
    }

    /// @param due Last second (Unix time) to perform.
    /// @param paid Whether the buyer has paid.
    /// @param delivered Whether the seller has brought the lots.
    struct Deal {
        address buyer;
        uint40 due;
        bool paid;
        bool delivered;
        address seller;
        uint64 lots;
        uint128 price;
    }

    /// @notice The margin of each side is one part of the price in so many, rounded up.
    uint256 public constant MARGIN_PARTS = 5;
    /// @notice Seconds from a deal to when it is due.
    uint256 public constant TERM = 7 days;

    /// @notice What is bought and sold, and how much of its smallest unit is a lot.
    address public immutable BASE;
    uint256 public immutable LOT;
    /// @notice What prices and margins are in.
    address public immutable QUOTE;

    /// @notice Number of orders and deals that were made: the id of the newest of both.
    uint256 public count;
    mapping(uint256 id => Order) public orders;
    mapping(uint256 id => Deal) public deals;

    event OrderPlaced(uint256 indexed id, address indexed maker, bool buys, uint256 lots, uint256 price, uint256 until);
    event OrderCancelled(uint256 indexed id, uint256 lots);
    event DealMade(uint256 indexed id, uint256 indexed order, address indexed taker, uint256 lots, uint256 due);
    event Performed(uint256 indexed id, address indexed account);
    /// @notice Emitted when a deal is over: both performed, or one, or nobody.
    event DealClosed(uint256 indexed id, bool paid, bool delivered);

    /// @notice Thrown at deployment without a token, or with lots of nothing.
    error NoMarket(address base, uint256 lot, address quote);
    /// @notice Thrown when an order or a part of it has no lots or no price, or is over.
    error NotAnOrder(uint256 lots, uint256 price, uint256 until);
    /// @notice Thrown when somebody cancels what is not theirs.
    error NotTheMaker(uint256 id, address caller);
    /// @notice Thrown when more is taken than is left.
    error TooManyLots(uint256 id, uint256 left);
    /// @notice Thrown when somebody performs who has nothing to perform, or no more.
    error NothingToPerform(uint256 id, address caller);
    /// @notice Thrown when a deal is closed that is not due, or none.
    error NotDue(uint256 id, uint256 due);

    /// @param lot Amount of `base` in a lot, in its smallest unit: prices are whole numbers of `quote` for it.
    constructor(ITokenBridge bridge, address base, uint256 lot, address quote) Purse(bridge) {
        require(base != address(0) && lot != 0 && quote != address(0), NoMarket(base, lot, quote));
        (BASE, LOT, QUOTE) = (base, lot, quote);
    }

    /// @notice Offers to buy or sell, with the margin from the caller's funds in here.
    function place(bool buys, uint64 lots, uint128 price, uint40 until) external returns (uint256 id) {
        require(lots != 0 && price != 0 && until >= block.timestamp, NotAnOrder(lots, price, until));
        _take(msg.sender, QUOTE, marginOf(lots, price));
        id = ++count;
        orders[id] = Order(msg.sender, buys, until, lots, price);
        emit OrderPlaced(id, msg.sender, buys, lots, price, until);
    }

    /// @notice Takes back what is left of an order. Also one that is over: its margin waits for that.
    function cancel(uint256 id) external {
        Order memory order = orders[id];
        require(order.maker == msg.sender, NotTheMaker(id, msg.sender));
        delete orders[id];
        _give(msg.sender, QUOTE, marginOf(order.lots, order.price));
        emit OrderCancelled(id, order.lots);
    }

    /// @notice Makes a deal with an order, or a part of it, with the margin from the caller's funds in here. To take
    /// several orders in one transaction, use `multicall`.
    function take(uint256 id, uint64 lots) external returns (uint256 deal) {
        Order memory order = orders[id];
        require(lots != 0 && order.until >= block.timestamp, NotAnOrder(lots, order.price, order.until));
        require(order.lots >= lots, TooManyLots(id, order.lots));
        _take(msg.sender, QUOTE, marginOf(lots, order.price));
        if (order.lots == lots) delete orders[id];
        else orders[id].lots -= lots;
        (address buyer, address seller) = order.buys ? (order.maker, msg.sender) : (msg.sender, order.maker);
        uint40 due = uint40(block.timestamp + TERM);
        deal = ++count;
        deals[deal] = Deal(buyer, due, false, false, seller, lots, order.price);
        emit DealMade(deal, id, msg.sender, lots, due);
    }

    /// @notice The buyer pays what the margin lacks of the price, or the seller brings the lots, from funds of theirs
    /// in here. Once both have, both get what they bargained for.
    function perform(uint256 id) external {
        Deal memory deal = deals[id];
        bool inTime = block.timestamp <= deal.due;
        if (inTime && msg.sender == deal.buyer && !deal.paid) {
            _take(msg.sender, QUOTE, uint256(deal.lots) * deal.price - marginOf(deal.lots, deal.price));
            deals[id].paid = deal.paid = true;
        } else {
            require(inTime && msg.sender == deal.seller && !deal.delivered, NothingToPerform(id, msg.sender));
            _take(msg.sender, BASE, deal.lots * LOT);
            deals[id].delivered = deal.delivered = true;
        }
        emit Performed(id, msg.sender);
        if (deal.paid && deal.delivered) _close(id, deal);
    }

    /// @notice Ends a deal that is overdue. Who performed gets back what that took, and both margins; if nobody did,
    /// each gets its own. Anyone may call.
    function close(uint256 id) external {
        Deal memory deal = deals[id];
        require(deal.due != 0 && block.timestamp > deal.due, NotDue(id, deal.due));
        _close(id, deal);
    }

    /// @notice Margin of each side for so many lots, in QUOTE's smallest unit.
    function marginOf(uint64 lots, uint128 price) public pure returns (uint256) {
        return lots * Math.ceilDiv(price, MARGIN_PARTS);
    }

    /// @inheritdoc Purse
    /// @dev What comes is margin, and no order: anyone can send it in anyone's name.
    function _instructed(address, address, uint256, bytes memory) internal override {}

    /// @dev In the deal are both margins, and what was brought. All of it goes out.
    function _close(uint256 id, Deal memory deal) private {
        uint256 margin = marginOf(deal.lots, deal.price);
        uint256 price = uint256(deal.lots) * deal.price;
        delete deals[id];
        if (deal.delivered) _give(deal.paid ? deal.buyer : deal.seller, BASE, deal.lots * LOT);
        if (deal.paid) {
            _give(deal.delivered ? deal.seller : deal.buyer, QUOTE, price + margin);
        } else {
            _give(deal.seller, QUOTE, margin);
            _give(deal.delivered ? deal.seller : deal.buyer, QUOTE, margin);
        }
        emit DealClosed(id, deal.paid, deal.delivered);
    }
}
