"""Tokens, credit, transfers of any token, the books."""
