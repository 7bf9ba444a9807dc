"""Proposals, from a file to their effects on every chain; and votes."""
