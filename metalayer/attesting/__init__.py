"""How a root gets signed: where relayers and validators meet, quorums, validator sets and their rotation."""
