"""Runs solc: several at once, and only for what it was not asked before."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from metalayer.deploy.sources import Sources, to_text
from metalayer.errors import MetalayerError

# The contracts that a standard JSON input asks for, by file and name, as solc's standard JSON output shows them.
Contracts = dict[str, dict[str, Any]]


def compile_project(sources: Sources) -> Contracts:
    """Every contract of the project.

    Answers are kept in .build/solc by what was asked; those that the project no longer asks for are removed.
    MetalayerError with the compiler's messages if something does not compile.
    """
    keep = sources.root / ".build" / "solc"
    keep.mkdir(parents=True, exist_ok=True)
    asked = {keep / f"{_key(sources, one)}.json": one for one in sources.standard_inputs()}
    new = {path: one for path, one in asked.items() if not path.is_file()}
    for path, answer in zip(new, run_all(solc_path(sources), new.values()), strict=True):
        # Whole or not at all: another process may compile the same.
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(answer), encoding="utf-8")
        part.replace(path)
    for stale in set(keep.glob("*.json")) - asked.keys():
        stale.unlink(missing_ok=True)
    answers = [json.loads(path.read_text(encoding="utf-8")) for path in asked]
    return {file: contracts for answer in answers for file, contracts in answer.items()}


def solc_path(sources: Sources) -> Path:
    """The compiler that `make setup` installed."""
    path = sources.root / ".solc" / f"solc-v{sources.config['version']}"
    if not path.exists():
        raise MetalayerError(f"there is no compiler {path}: run 'make setup'")
    return path


def run(compiler: Path, standard_input: dict[str, Any]) -> Contracts:
    """Compile one standard JSON input. MetalayerError with the compiler's messages."""
    done = subprocess.run(
        [str(compiler), "--standard-json"],
        input=json.dumps(standard_input),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise MetalayerError(f"{compiler} failed: {done.stderr.strip()}")
    output = json.loads(done.stdout)
    if errors := [item for item in output.get("errors", []) if item["severity"] == "error"]:
        raise MetalayerError("\n".join(item["formattedMessage"].strip() for item in errors))
    return dict(output.get("contracts", {}))


def run_all(compiler: Path, standard_inputs: Iterable[dict[str, Any]]) -> Iterator[Contracts]:
    """As `run` for each in turn, as many at once as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(partial(run, compiler), standard_inputs)


def _key(sources: Sources, standard_input: dict[str, Any]) -> str:
    asked = f"{sources.config['version']}\n{to_text(standard_input)}"
    return hashlib.sha256(asked.encode()).hexdigest()
