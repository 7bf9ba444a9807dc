"""What whoever reads a proposal should know of a call before it is voted on, and the call itself does not say."""

from __future__ import annotations

from metalayer.deploy.names import BRIDGE
from metalayer.protocol.abi import Function

_SAID = {
    "acceptGateway(address)": "in 21 days that gateway may mint and release every token here: refuse it before, unless "
    "it is what it should be",
    "refuseGateway(address)": "what it has not brought yet fails, and returns after its deadline",
    "chooseGateway(uint256,address)": "reverts unless that gateway was accepted 21 days before it is executed, "
    "and takes the attribute compact(uint256)",
    "adopt(uint256,address,address)": "for ever, and only before anything stands for that token there; whoever mints "
    "what is adopted can take what is locked for it",
    "strike(uint256,bytes32)": "for ever, of the message that arrives there, which is not the transfer's id if it came "
    "over another chain; one that was really sent returns when it has expired",
    "recall(address,uint256)": "the bridge pays its hops from that credit",
    "removeLimits(address,uint256)": "from then on only what is outstanding bounds what comes from there",
}
"""By the functions of the bridge."""
_SET_LIMITS = Function("setLimits(address,uint256,uint256,uint256,uint256)")


def hazard(contract: str, function: str, calldata: bytes) -> str:
    """Of a call of a contract, by its name and the function's signature; empty if there is none."""
    if contract != BRIDGE:
        return ""
    if function == _SET_LIMITS.signature:
        _, _, out, in_, _ = _SET_LIMITS.decode_arguments(calldata)
        said = ["" if out else "nothing may leave", "" if in_ else "everything that arrives waits a day"]
        return ", and ".join(filter(None, said))
    return _SAID.get(function, "")
