"""Stake: what is bonded, what it earns, what is accused, and everything that may be done with it."""
