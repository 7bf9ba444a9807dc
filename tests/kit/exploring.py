"""How much of what is random a run tries. What is tried is the same for everybody, unless `--deep` says otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

# Snapshots make a fixture per test safe for all its examples; chains are slower than Hypothesis expects.
_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
# Not `reuse`: an example that is to be kept is a replay, and a database would make two runs differ. Not `explain`: it
# runs an example many more times than it takes to shrink it.
_PHASES = [Phase.explicit, Phase.generate, Phase.shrink]
_SHRINK_SECONDS = 60
_ROUND = 10
"""Examples of a machine between two looks at the clock. After as many, five of six that Hypothesis tries are copies of
an earlier one with a part of it repeated, and new ones find more.
"""
MACHINE, STEP, SEED = "state: ", "state.", "--seed"
"""How the notes of an error begin that say which machine it was, what it did, and how to see it again."""


@dataclass
class Exploration:
    """What the options say; one for the whole run."""

    seed: int | None = None
    """None: the same examples each time."""
    minutes: float = 0
    """How long each machine explores, if there is a seed."""
    now: ClassVar[Exploration]


Exploration.now = Exploration()


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("exploration", "random examples (none are random without --deep)")
    group.addoption(
        "--deep", action="store_true", help="many more examples, longer ones, and other ones each time"
    )
    group.addoption("--seed", type=int, help="the examples of an earlier run with --deep")
    group.addoption(
        "--minutes", type=float, default=10, help="how long each state machine explores (default: 10)"
    )


def configure(config: pytest.Config) -> str:
    """Loads the profile that the options ask for. The options that repeat it; empty if it repeats itself."""
    # No public setting bounds this, and five minutes are the default.
    assert hasattr(engine, "MAX_SHRINKING_SECONDS")
    engine.MAX_SHRINKING_SECONDS = _SHRINK_SECONDS
    deep = config.option.deep = bool(config.option.deep or config.option.seed is not None)
    if deep and config.option.seed is None:
        given = getattr(config, "workerinput", {}).get("seed")
        config.option.seed = SystemRandom().randrange(10**6) if given is None else given
    settings.register_profile(
        "metalayer",
        max_examples=500 if deep else 20,
        stateful_step_count=60 if deep else 40,
        deadline=None,
        suppress_health_check=_CHECKS,
        phases=_PHASES,
        derandomize=not deep,
        database=None,
        report_multiple_bugs=False,
        print_blob=False,
    )
    settings.load_profile("metalayer")
    if not deep:
        return ""
    Exploration.now = Exploration(config.option.seed, config.option.minutes)
    config.option.hypothesis_seed = str(config.option.seed)
    return f"--deep --seed {config.option.seed}"


def explore(machine: type[RuleBasedStateMachine], examples: int, **names: Any) -> None:
    """Runs a machine: so many examples, the same each time; or with `--deep` other ones for some minutes.

    Of an example that fails, the fewest steps that still break the same property are raised, as notes of the error.
    names: what steps as they are printed refer to.
    """
    exploration = Exploration.now
    for number in _rounds(exploration):
        failed = _run(machine, number, examples if exploration.seed is None else _ROUND)
        if failed is not None:
            error = _shortest(machine, failed, names)
            if exploration.seed is not None:
                error.add_note(f"{SEED} {number}")
            raise error


def play(machine: type[RuleBasedStateMachine], steps: Callable[[Any], None]) -> None:
    """Takes these steps, with the checks that Hypothesis makes after each."""
    state = machine()
    try:
        steps(_Checked(state))
    finally:
        state.teardown()


class _Checked:
    """A machine whose rules are followed by its invariants."""

    def __init__(self, machine: RuleBasedStateMachine) -> None:
        self._machine = machine

    def __getattr__(self, rule: str) -> Callable[..., None]:
        def step(**arguments: Any) -> None:
            getattr(self._machine, rule)(**arguments)
            for one in self._machine.invariants:
                one.function(self._machine)

        return step


def _rounds(exploration: Exploration) -> Iterator[int]:
    """Seeds, one above the other: whichever fails can be the first of another run."""
    first = exploration.seed or 0
    end = time.monotonic() + 60 * exploration.minutes
    yield first
    while time.monotonic() < end:
        first += 1
        yield first


def _run(machine: type[RuleBasedStateMachine], number: int, examples: int) -> Exception | None:
    """The error of the first example that fails."""
    chosen = settings(derandomize=False, max_examples=examples, phases=[Phase.generate])
    try:
        run_state_machine_as_test(seed(number)(machine), settings=chosen)
    except Exception as error:  # noqa: BLE001
        return error
    return None


# Hypothesis shrinks well, but needs hundreds of examples even to leave out steps: minutes, where examples are chains.
def _shortest(machine: type[RuleBasedStateMachine], failed: Exception, names: dict[str, Any]) -> Exception:
    """Leaves out steps, many at first, while the same property breaks. What has no steps is no example that failed."""
    ends = time.monotonic() + _SHRINK_SECONDS
    checks = {f"{STEP}{one.function.__name__}()" for one in machine.setup_state().invariants}
    steps = [note for note in getattr(failed, "__notes__", []) if note.startswith(STEP)]
    steps = [step for step in steps if step not in {*checks, f"{STEP}teardown()"}]
    if not steps:
        return failed
    size = max(1, len(steps) // 2)
    while size and time.monotonic() < ends:
        start = 0
        while start < len(steps) and time.monotonic() < ends:
            fewer = steps[:start] + steps[start + size :]
            error = _error_of(machine, fewer, names)
            if error is not None and _property(error) == _property(failed):
                steps, failed = fewer, error
            else:
                start += size
        size //= 2
    failed.__notes__ = [f"{MACHINE}{machine.__name__}", *steps]
    return failed


def _error_of(
    machine: type[RuleBasedStateMachine], steps: list[str], names: dict[str, Any]
) -> Exception | None:
    try:
        play(machine, lambda state: exec("\n".join(steps), {**names, "state": state}))  # noqa: S102
    except Exception as error:  # noqa: BLE001
        return error
    return None


def _property(error: Exception) -> tuple[type[Exception], str]:
    return type(error), str(error).partition(":")[0]
