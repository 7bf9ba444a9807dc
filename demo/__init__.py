"""The demo: a network from nothing to a summary in which every number reconciles."""
