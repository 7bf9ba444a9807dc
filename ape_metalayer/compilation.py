"""Runs solc: several at once, and only for what it was not asked before."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from metalayer.deploy.sources import Sources, to_text
from metalayer.errors import MetalayerError

# Some ten versions of the project, 20 MB.
_KEPT = 200

# By file and name, as in solc's standard JSON output.
Contracts = dict[str, dict[str, Any]]


def compile_project(sources: Sources) -> Contracts:
    """Every contract of the project.

    Answers are kept in .build/solc by what was asked: what was compiled once is there when a change is undone.
    MetalayerError with the compiler's messages if something does not compile.
    """
    keep = sources.root / ".build" / "solc"
    keep.mkdir(parents=True, exist_ok=True)
    asked = {keep / f"{_key(sources, one)}.json": one for one in sources.standard_inputs()}
    new = {path: one for path, one in asked.items() if not path.is_file()}
    answers = _ask_all(solc_path(sources), list(new.values()))
    for path, answer in zip(new, answers, strict=True):
        if not _errors(answer):
            # Whole or not at all: another process may compile the same.
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(answer.get("contracts", {})), encoding="utf-8")
            part.replace(path)
    _require_no_errors(answers)
    for path in asked:
        os.utime(path)
    if new:
        for stale in sorted(keep.glob("*.json"), key=lambda path: -path.stat().st_mtime)[_KEPT:]:
            stale.unlink(missing_ok=True)
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in asked]
    return {file: contracts for answer in kept for file, contracts in answer.items()}


def solc_path(sources: Sources) -> Path:
    """The compiler that `make setup` installed."""
    path = sources.root / ".solc" / f"solc-v{sources.config['version']}"
    if not path.exists():
        raise MetalayerError(f"there is no compiler {path}: run 'make setup'")
    return path


def run(compiler: Path, standard_inputs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The standard JSON output for each input, on all cores. MetalayerError with the compiler's messages."""
    answers = _ask_all(compiler, standard_inputs)
    _require_no_errors(answers)
    return answers


def _ask_all(compiler: Path, standard_inputs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    if not standard_inputs:
        return []
    if compiler.resolve().suffix == ".js":
        # npm's compiler takes a second to start, and inputs by the list.
        return list(_ask(compiler, standard_inputs))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(partial(_ask, compiler), standard_inputs))


def _require_no_errors(answers: Iterable[dict[str, Any]]) -> None:
    # One fault in a library is found with each contract that imports it.
    if messages := dict.fromkeys(message for answer in answers for message in _errors(answer)):
        raise MetalayerError("\n".join(messages))


def _errors(answer: dict[str, Any]) -> list[str]:
    problems = answer.get("errors", [])
    return [problem["formattedMessage"].strip() for problem in problems if problem["severity"] == "error"]


def _ask(compiler: Path, question: Any) -> Any:
    done = subprocess.run(
        [str(compiler), "--standard-json"],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise MetalayerError(f"{compiler} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def _key(sources: Sources, standard_input: dict[str, Any]) -> str:
    asked = f"{sources.config['version']}\n{to_text(standard_input)}"
    return hashlib.sha256(asked.encode()).hexdigest()
