"""One lane, read from its chains."""
