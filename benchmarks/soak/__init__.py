"""The soak: the programs of relayers and validators for an hour, in a world that means them ill."""
