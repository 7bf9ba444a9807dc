"""One thread per chain."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Results of `function` for each item, in order, one thread each. Raises the first error at the end."""
    work = list(items)
    if len(work) < 2:
        return [function(item) for item in work]
    with ThreadPoolExecutor(len(work)) as pool:
        futures = [pool.submit(function, item) for item in work]
    return [future.result() for future in futures]
