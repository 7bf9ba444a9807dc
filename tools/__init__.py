"""What serves the repository itself: compiler, artifacts, reference, proofs. The product never imports it."""
