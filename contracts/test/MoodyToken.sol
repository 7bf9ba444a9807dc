// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title MoodyToken: a token that misbehaves on demand
/// @notice Anyone may say how, block accounts, name it anew, and make it call anything.
contract MoodyToken is ERC20 {
    /// @notice TakesPart: a tenth of what moves is burned. Calls: what goes to the bridge lets the token call somebody
    /// first, whatever comes of it. Refuses: nothing moves. Exaggerates: as much as goes to the bridge, it says that
    /// the bridge has once more.
    enum Mood {
        Plain,
        TakesPart,
        Calls,
        Refuses,
        Exaggerates
    }

    address public immutable BRIDGE;

    Mood public mood;
    uint256 public exaggeration;
    address public target;
    bytes public callToTarget;
    mapping(address account => bool) public isBlocked;
    string private _name;
    bool private transient _calling;

    error Refused();
    error Blocked(address account);
    error TargetRefused(bytes reason);

    constructor(address bridge) ERC20("", "MOOD") {
        BRIDGE = bridge;
        _name = "Moody";
    }

    function setMood(Mood newMood) external {
        mood = newMood;
    }

    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    function setName(string calldata newName) external {
        _name = newName;
    }

    function setCall(address newTarget, bytes calldata data) external {
        target = newTarget;
        callToTarget = data;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Calls anything as this contract: to approve, deposit or send.
    function execute(address to, bytes calldata data) external {
        // solhint-disable-next-line avoid-low-level-calls
        (bool success, bytes memory reason) = to.call(data);
        require(success, TargetRefused(reason));
    }

    function name() public view override returns (string memory) {
        return _name;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) + (account == BRIDGE ? exaggeration : 0);
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(mood != Mood.Refuses, Refused());
        require(!isBlocked[from], Blocked(from));
        require(!isBlocked[to], Blocked(to));
        if (mood == Mood.Calls && to == BRIDGE && !_calling) {
            _calling = true;
            // What comes of it is no matter.
            // solhint-disable-next-line avoid-low-level-calls
            (bool success,) = target.call(callToTarget);
            success;
            _calling = false;
        }
        if (mood == Mood.Exaggerates && to == BRIDGE) exaggeration += amount;
        if (mood == Mood.TakesPart && from != address(0)) {
            super._update(from, address(0), amount / 10);
            amount -= amount / 10;
        }
        super._update(from, to, amount);
    }
}
