"""Where a message, a lane, a transfer is."""
