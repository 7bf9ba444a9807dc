"""Pass after pass: what is said once, and what again."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from metalayer.relayer.memory import Memory
from metalayer.solver.passes import Solver, watch
from metalayer.solver.results import SolvePass


def said(passes: Iterator[SolvePass]) -> list[str]:
    """What a watch complains of in these passes."""
    stop = threading.Event()

    class Scripted(Solver):
        def __init__(self) -> None:
            self.memory = Memory.fleeting()

        def solve_once(self, last_wait: float = 0.0) -> SolvePass:
            try:
                return next(passes)
            except StopIteration:
                stop.set()
                return SolvePass()

    complaints: list[str] = []
    watch(Scripted(), stop, 0.0, lambda result: None, complaints.append)
    return complaints


def problems(*lines: str) -> SolvePass:
    return SolvePass(problems=list(lines))


def test_a_problem_is_said_once_until_it_is_over() -> None:
    passes = iter([problems("hub: silent"), problems("hub: silent"), problems(), problems("hub: silent")])
    assert said(passes) == ["hub: silent", "hub: silent"]


def test_numbers_that_change_are_no_news() -> None:
    passes = iter(problems(f"transfer 0x12…34: it brings {kept}, less than 500") for kept in range(100, 110))
    assert said(passes) == ["transfer 0x12…34: it brings 100, less than 500"]


def test_a_pass_that_fails_is_a_problem_of_one_line() -> None:
    def broken() -> Iterator[SolvePass]:
        yield problems()
        raise RuntimeError("what nobody thought of")

    assert said(broken()) == ["RuntimeError: what nobody thought of"]
