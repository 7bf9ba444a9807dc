"""Networks of any size, as files that every command reads: networks.yaml and deploy.yaml of this repository, with
other chains and other routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, cycle
from pathlib import Path
from typing import Any, get_args

import yaml

from metalayer.deploy.routes import Shape
from metalayer.network.workspace import NETWORKS_FILE
from tools.repository import repo_root

_FIRST_ID, _FIRST_PORT = 901, 10_701
_ROUTES = "routes: full mesh\n"


@dataclass(frozen=True)
class Size:
    """So many chains. meshed: so many spokes with lanes between each other, besides those that `shape` has."""

    shape: Shape
    chains: int
    meshed: int = 0

    @property
    def name(self) -> str:
        """In benchmarks/scale.json."""
        words = {"full mesh": "full_mesh", "through the hub": "hub"}[self.shape]
        return f"{words}_{self.chains:02}" + (f"_direct_{self.meshed:02}" if self.meshed else "")

    @property
    def names(self) -> list[str]:
        """Of the chains, the hub first."""
        return [f"c{place:02}" for place in range(1, self.chains + 1)]

    @property
    def lanes(self) -> int:
        if self.shape == "full mesh":
            return self.chains * (self.chains - 1)
        return 2 * (self.chains - 1) + self.meshed * (self.meshed - 1)

    def larger(self) -> Size:
        """By one chain."""
        return Size(self.shape, self.chains + 1, self.meshed)


def size_of(arguments: Sequence[str]) -> Size:
    """SHAPE CHAINS [MESHED], of a command line."""
    name, chains, *meshed = arguments
    shape: Shape = next(one for one in get_args(Shape) if one == name)
    return Size(shape, int(chains), int(meshed[0]) if meshed else 0)


def write(size: Size, folder: Path, hub_gas: int | None = None, *, is_free: bool = True) -> None:
    """A workspace. is_free: of fees. hub_gas: default gas limit of messages to the hub, that of networks.yaml if not
    given.
    """
    root = repo_root()
    content: Any = yaml.safe_load((root / NETWORKS_FILE).read_text(encoding="utf-8"))
    kinds = cycle(entry["preset"] for entry in content["chains"].values())
    if is_free:
        for preset in content["presets"].values():
            preset["fees"] = dict.fromkeys(preset["fees"], 0)
    # Kinds in turn; the hub's is its own, because it is a hub.
    used = [preset for preset, _ in zip(kinds, size.names, strict=False)]
    hub_preset, *others = dict.fromkeys(used)
    content["presets"]["hub"] = dict(content["presets"][hub_preset])
    spokes = cycle(others or [hub_preset])
    presets = ["hub", *(next(spokes) for _ in size.names[1:])]
    if hub_gas is not None:
        content["presets"]["hub"]["default_gas_limit"] = hub_gas
    content["network"] = {"name": "scale", "hub": size.names[0]}
    content["chains"] = {
        name: {"chain_id": _FIRST_ID + place, "port": _FIRST_PORT + place, "preset": preset}
        for place, (name, preset) in enumerate(zip(size.names, presets, strict=True))
    }
    (folder / NETWORKS_FILE).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    pairs = combinations(size.names[1 : size.meshed + 1], 2)
    direct = "".join(f"  - [{one}, {other}]\n" for one, other in pairs)
    routes = f"routes: {size.shape}\n" + (f"direct:\n{direct}" if direct else "")
    deploy = (root / "deploy.yaml").read_text(encoding="utf-8")
    assert _ROUTES in deploy
    (folder / "deploy.yaml").write_text(deploy.replace(_ROUTES, routes), encoding="utf-8")
    # Where anvil is.
    link = folder / "node_modules"
    if not link.exists():
        link.symlink_to(root / "node_modules")
