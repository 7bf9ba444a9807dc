"""Errors that people cause and can put right."""


class MetalayerError(Exception):
    """Anything a user can cause. Its text is one clear line: what was wrong and what was expected."""
