// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMetalayer} from "./IMetalayer.sol";

/// @title Gateways: through which gateways the bridge sends, and from which it takes messages
/// @notice The first gateway is a constant. The owner may accept others, each only `ACCEPTANCE_DELAY` after it said so,
/// and choose for every chain which one sends: so a faulty gateway can be left. Messages are taken from the gateway
/// that sends to their origin, and from all that are accepted.
interface IGateways {
    /// @notice Emitted when the owner accepts a gateway, from then on (Unix time).
    event GatewayAccepted(address indexed gateway, uint256 from);
    /// @notice Emitted when the owner refuses a gateway.
    event GatewayRefused(address indexed gateway);
    /// @notice Emitted when the owner chooses the gateway that sends to a chain.
    event GatewayChosen(uint256 indexed chainId, address indexed gateway);

    /// @notice Thrown when a gateway is chosen, or brings something, that is not accepted.
    error GatewayNotAccepted(address gateway);
    /// @notice Thrown when a gateway is chosen that does not know the attribute with which the bridge sends.
    error AttributeNotSupported(address gateway, bytes4 attribute);
    /// @notice Thrown when a message comes from another sender than the bridge of its origin.
    error NotABridge(uint256 origin, address sender);

    /// @notice Accepts messages of a gateway from `ACCEPTANCE_DELAY` from now on. `chooseGateway` asks whether the
    /// bridge can send through it. Only the owner.
    function acceptGateway(address gateway) external;

    /// @notice Refuses a gateway at once, but for the chains that it is chosen for: choose another one for them first.
    /// Only the owner.
    function refuseGateway(address gateway) external;

    /// @notice Chooses the gateway that sends to a chain, and is always taken from it. It must be accepted, and support
    /// the attribute `compact(uint256)`. Only the owner.
    function chooseGateway(uint256 chainId, address gateway) external;

    /// @notice Takes credit out of a gateway: what the bridge holds there to pay hops. Only the owner, on the hub.
    /// @param amount In wei of ERA.
    function recall(address gateway, uint256 amount) external;

    /// @notice The first gateway. Its owner and its guardian are those of the bridge.
    function GATEWAY() external view returns (IMetalayer);

    /// @notice The gateway that sends to a chain.
    function gatewayOf(uint256 chainId) external view returns (IMetalayer);

    /// @notice From when on messages of a gateway are taken (Unix time); zero if they are not.
    function acceptedFrom(address gateway) external view returns (uint256);

    /// @notice Seconds after which a gateway is accepted.
    function ACCEPTANCE_DELAY() external view returns (uint256);
}
