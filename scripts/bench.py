"""Measure: `ape run bench gas / scale / speed / stakes`."""

import sys
from pathlib import Path

# In front: other people's packages leave a `benchmarks` in site-packages, and Ape appends.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import cli as cli
