"""Makes of a proposal's file what is voted on."""

from metalayer.governance.built import Action, Built, BuiltDecision

__all__ = ["Action", "Built", "BuiltDecision"]
