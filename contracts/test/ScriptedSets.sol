// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISetSource} from "../interfaces/ISetSource.sol";

/// @title ScriptedSets: publishes whatever sets anyone tells it to
contract ScriptedSets is ISetSource {
    /// @inheritdoc ISetSource
    uint64 public setVersion;
    /// @inheritdoc ISetSource
    mapping(uint64 version => bytes32) public setHash;

    function publish(uint64 version, bytes32 hash) external {
        setVersion = version;
        setHash[version] = hash;
    }
}
