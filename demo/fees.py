"""What the terms of networks.yaml charge: what the user must have less at the end, and what of it is the protocol's."""

from metalayer.deploy.intent import route_between
from metalayer.network.config import Chain
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.message import Fee, Message


def fee_of(origin: Chain, destination: Chain, message: Message) -> int:
    """Fee of a message, in wei of ERA."""
    terms = route_between(origin, destination).terms
    return terms.quote(message.gas_limit, Fee.unpack(message.fee).return_gas_limit, len(message.payload))


def protocol_part(origin: Chain, destination: Chain, message: Message) -> int:
    """What of its fee is not for those who carry it, in wei of ERA."""
    return fee_of(origin, destination, message) - Fee.unpack(message.fee).total * GWEI
