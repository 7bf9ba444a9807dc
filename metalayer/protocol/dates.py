"""Unix times and durations as people read and write them."""

import time

HOUR, DAY = 3_600, 86_400
UNITS = {"second": 1, "minute": 60, "hour": HOUR, "day": DAY}
"""Seconds of each."""


def utc(seconds: int) -> str:
    """Date and time of a Unix time. Chains also know times after the last year that a calendar has."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OSError, OverflowError, ValueError):
        return f"Unix time {seconds}"


def span(seconds: int) -> str:
    """A duration in the largest unit that divides it: `10 days`, `1 hour`."""
    unit, size = next(one for one in reversed(UNITS.items()) if seconds % one[1] == 0)
    count = seconds // size
    return f"{count:,} {unit}{'' if count == 1 else 's'}"
