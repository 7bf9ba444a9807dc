"""Gas beside the peers', and speed. The product never imports it."""
