"""What the terms of networks.yaml charge: what the user must have less at the end."""

from metalayer.deploy.intent import route_between
from metalayer.network.config import Chain
from metalayer.protocol.message import Fee, Message


def fee_of(origin: Chain, destination: Chain, message: Message) -> int:
    """Fee of a message, in wei of ERA."""
    terms = route_between(origin, destination).terms
    return terms.quote(message.gas_limit, Fee.unpack(message.fee).return_gas_limit, len(message.payload))
