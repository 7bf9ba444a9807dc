"""ERA: tokens, credit, the bridge, the books."""
