"""What should stand on every chain: intent, declarations, plan, apply, check."""
