"""How a network grows, from four chains to fifty: one process for each size, and what breaks first."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.sizes import Size
from metalayer.errors import MetalayerError
from tools.repository import repo_root

SIZES = (
    *(Size("full mesh", chains) for chains in (4, 8, 16, 50)),
    *(Size("through the hub", chains) for chains in (4, 8, 16, 50)),
    # With as many lanes between spokes as sixteen chains have in a mesh.
    Size("through the hub", 50, meshed=16),
)
REHEARSED = SIZES[4:8]
"""Sizes at which a vote is rehearsed, too: with forks of all chains, twice as many run."""
LAUNCHED = (*SIZES[:3], *SIZES[4:7])
"""Sizes at which one more chain is launched, in a process of its own."""

_TABLE = re.compile(r"(<!-- (\w+) -->\n\n)(?:\|.*\n)*")
_WORKS = (
    "plan",
    "apply",
    "plan_again",
    "check",
    "survey",
    "relay",
    "relay_idle",
    "join",
    "join_drift",
    "rehearsal",
)
_PHASES = ("node", "probe", "deploy", "proposal", "vote", "transfer", "check")

Report = Callable[[str], None]
Figures = Mapping[str, Any]


def measure(say: Report, sizes: Sequence[Size] = SIZES) -> dict[str, Any]:
    """All figures. MetalayerError if a port is taken, a chain ends, or something is not as it should be."""
    found: dict[str, Any] = {
        "limits": _process(["benchmarks.ceilings"]),
        "machine": {"load_before": round(os.getloadavg()[0], 1), "processors": os.cpu_count()},
        "networks": {},
    }
    for size in sizes:
        say(f"{size.name}: {size.lanes} lanes")
        arguments = [size.shape, str(size.chains), *([str(size.meshed)] if size.meshed else [])]
        votes = ["--vote"] if size in REHEARSED else []
        network = _process(["benchmarks.growth", *arguments, *votes])
        if size in LAUNCHED:
            network["launch"] = _process(["benchmarks.launching", *arguments])
        found["networks"][size.name] = network
    return found


def _process(arguments: Sequence[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=repo_root(), stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise MetalayerError(f"{' '.join(arguments)} ended with status {done.returncode}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def with_tables(text: str, figures: Figures) -> str:
    """A document with its tables as the figures have them: each behind a comment with its name."""
    return _TABLE.sub(lambda match: match[1] + _markdown(*_TABLES[match[2]](figures)), text)


Table = tuple[Sequence[str], Iterator[Sequence[str]]]


def _of_works(figure: str, figures: Figures) -> Table:
    def row(network: Figures) -> Iterator[str]:
        for work in _WORKS:
            found = network["work"].get(work)
            yield "" if found is None else f"{found[figure]:,}"

    titles = [work.replace("_", " ") for work in _WORKS]
    return ["network", *titles], ((f"`{name}`", *row(one)) for name, one in figures["networks"].items())


def _of_networks(columns: Mapping[str, Callable[[Figures], float]], figures: Figures) -> Table:
    rows = (
        (f"`{name}`", *(f"{value(one):,}" for value in columns.values()))
        for name, one in figures["networks"].items()
    )
    return ["network", *columns], rows


def _sizes(figures: Figures) -> Table:
    return _of_networks(
        {
            "chains": lambda one: one["chains"],
            "lanes": lambda one: one["lanes"],
            "transactions": lambda one: one["work"]["apply"]["transactions"],
            "a chain": lambda one: round(one["work"]["apply"]["transactions"] / one["chains"], 1),
            "gas of a spoke": lambda one: one["gas_spoke_mean"],
            "gateway of the hub": lambda one: one["gas_gateway_hub"],
            "of a spoke, at most": lambda one: one["gas_gateway_spoke_most"],
            "chains that a joining changes": lambda one: one["join_chains_to_change"],
            "calls": lambda one: one["join_calls"],
        },
        figures,
    )


def _memory(figures: Figures) -> Table:
    return _of_networks(
        {
            "MiB of a node": lambda one: one["node_mib"],
            "MiB of the program": lambda one: one["memory_peak_mib"],
            "threads": lambda one: max(work["threads"] for work in one["work"].values()),
            "files": lambda one: max(work["files"] for work in one["work"].values()),
            "KiB of the registry": lambda one: one["registry_kib"],
            "of the journal": lambda one: one["journal_kib"],
            "KiB asked by apply": lambda one: one["work"]["apply"]["asked_kib"],
        },
        figures,
    )


def _limits(figures: Figures) -> Table:
    names = {
        "creation_routes_most": "routes that fit into the creation of a gateway, beside a set of five",
        "creation_bytes_at_most": "its bytes then, of 49,152 (EIP-3860)",
        "creation_bytes_a_route": "bytes of a route",
        "creation_gas_at_most": "its gas then, of 16,777,216 (EIP-7825)",
        "creation_gas_a_route": "gas of a route",
        "decision_routes_most": "routes that one decision opens, with their terms",
        "decision_bytes_a_route": "bytes of a route in it, of 8,192",
    }
    return ["limit", "value"], ((words, f"{figures['limits'][name]:,}") for name, words in names.items())


def _votes(figures: Figures) -> Table:
    networks = {name: one for name, one in figures["networks"].items() if "gas_execute" in one}

    def row(one: Figures) -> Iterator[str]:
        yield f"{one['chains'] - 1:,}"
        yield from (f"{one[f'gas_{name}']:,}" for name in ("propose", "queue", "execute"))
        yield f"{round(one['gas_execute'] / (one['chains'] - 1)):,}"

    titles = ["network", "decisions", "gas of propose", "queue", "execute", "execute, a decision"]
    return titles, ((f"`{name}`", *row(one)) for name, one in networks.items())


def _launches(figure: str, figures: Figures) -> Table:
    launches = {name: one["launch"] for name, one in figures["networks"].items() if "launch" in one}

    def row(launch: Figures) -> Iterator[str]:
        yield f"{launch['all'][figure]:,}"
        yield from (f"{launch['phases'][phase][figure]:,}" for phase in _PHASES)

    return ["network", "all", *_PHASES], ((f"`{name}`", *row(one)) for name, one in launches.items())


_TABLES: Mapping[str, Callable[[Figures], Table]] = {
    "sizes": _sizes,
    "requests": lambda figures: _of_works("requests", figures),
    "trips": lambda figures: _of_works("round_trips", figures),
    "logs": lambda figures: _of_works("log_queries", figures),
    "processor": lambda figures: _of_works("processor_seconds", figures),
    "seconds": lambda figures: _of_works("seconds", figures),
    "memory": _memory,
    "limits": _limits,
    "votes": _votes,
    "launch_seconds": lambda figures: _launches("seconds", figures),
    "launch_transactions": lambda figures: _launches("transactions", figures),
    "launch_requests": lambda figures: _launches("requests", figures),
}


def _markdown(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    rules = ["---", *["--:"] * (len(columns) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (columns, rules, *rows))
