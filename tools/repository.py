"""The repository that these tools belong to. What the product reads is in the workspace: metalayer/network."""

from pathlib import Path


def repo_root() -> Path:
    """The folder of the sources, wherever a command runs."""
    return Path(__file__).resolve().parent.parent
