"""The pure mirror of the contracts: bytes and numbers. No input, no output."""
