"""The Metalayer off chain: networks, messages, validators, relayers, deployment."""
