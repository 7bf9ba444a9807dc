// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// Misbehaving needs what Solidity keeps from us.
// solhint-disable no-inline-assembly, avoid-low-level-calls

/// @title ScriptedToken: a token that misbehaves on demand
/// @notice Anyone may say how. It says its name, symbol and decimals as raw bytes, whatever they are.
contract ScriptedToken {
    enum Behaviour {
        Plain,
        TakesFee,
        Calls,
        ReturnsNothing,
        ReturnsFalse,
        Reverts,
        BurnsAllGas,
        ClaimsMore
    }

    /// @dev What it claims to be the balance of whoever has any, beyond that: in its smallest unit.
    uint256 public constant CLAIMED = 1e30;
    /// @dev Of what moves, it burns one part in so many.
    uint256 public constant FEE_PARTS = 100;
    uint256 private constant WHOLE = 1e18;

    Behaviour public behaviour;
    uint256 public totalSupply;
    mapping(address owner => mapping(address spender => uint256)) public allowance;
    mapping(address account => bool) public isBlocked;
    /// @dev How the last call went, and what it returned.
    bool public succeeded;
    bytes public result;

    mapping(address account => uint256) private _shares;
    /// @dev Units of a share, in parts of `WHOLE`.
    uint256 private _rate = WHOLE;
    address private _target;
    bytes private _data;
    bool private _calling;
    mapping(bytes4 selector => bytes) private _answers;

    event Transfer(address indexed from, address indexed to, uint256 amount);
    event Approval(address indexed owner, address indexed spender, uint256 amount);

    error Blocked(address account);
    error Refused();
    error TooLittle(address account, uint256 amount);

    constructor(address holder, uint256 supply) {
        totalSupply = supply;
        _shares[holder] = supply;
        _answers[0x06fdde03] = abi.encode("Scripted");
        _answers[0x95d89b41] = abi.encode("SCR");
        _answers[0x313ce567] = abi.encode(6);
    }

    /// @notice Answers what ERC-20 leaves out: metadata, as they were scripted. Without an answer it reverts.
    // solhint-disable-next-line no-complex-fallback
    fallback(bytes calldata) external returns (bytes memory) {
        if (behaviour == Behaviour.BurnsAllGas) while (true) {}
        bytes memory answer = _answers[msg.sig];
        require(answer.length != 0, Refused());
        return answer;
    }

    function setBehaviour(Behaviour newBehaviour) external {
        behaviour = newBehaviour;
    }

    /// @notice Makes it call `target` with `data` before anything moves, as a hook would.
    function setCall(address target, bytes calldata data) external {
        behaviour = Behaviour.Calls;
        (_target, _data) = (target, data);
    }

    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    /// @notice Sets the raw answer to a function; it reverts if that is empty.
    function setAnswer(bytes4 selector, bytes calldata answer) external {
        _answers[selector] = answer;
    }

    /// @notice Changes everybody's balance to so many parts of 1e18 of what was given out.
    function rebase(uint256 rate) external {
        _rate = rate;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        require(allowed >= amount, TooLittle(from, allowed));
        if (allowed != type(uint256).max) allowance[from][msg.sender] = allowed - amount;
        return _move(from, to, amount);
    }

    function balanceOf(address account) external view returns (uint256) {
        uint256 balance = _shares[account] * _rate / WHOLE;
        return behaviour == Behaviour.ClaimsMore && balance != 0 ? balance + CLAIMED : balance;
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        require(!isBlocked[from], Blocked(from));
        require(!isBlocked[to], Blocked(to));
        require(behaviour != Behaviour.Reverts, Refused());
        if (behaviour == Behaviour.ReturnsFalse) return false;
        if (behaviour == Behaviour.BurnsAllGas) while (true) {}
        if (behaviour == Behaviour.Calls && !_calling) {
            _calling = true;
            (succeeded, result) = _target.call(_data);
            _calling = false;
        }
        uint256 shares = amount * WHOLE / _rate;
        uint256 held = _shares[from];
        require(held >= shares, TooLittle(from, held));
        _shares[from] = held - shares;
        uint256 fee = behaviour == Behaviour.TakesFee ? shares / FEE_PARTS : 0;
        totalSupply -= fee;
        _shares[to] += shares - fee;
        emit Transfer(from, to, amount);
        if (behaviour == Behaviour.ReturnsNothing) assembly { return(0, 0) }
        return true;
    }
}
