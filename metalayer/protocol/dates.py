"""Unix times as people read them."""

import time


def utc(seconds: int) -> str:
    """Date and time of a Unix time. Chains also know times after the last year that a calendar has."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OSError, OverflowError, ValueError):
        return f"Unix time {seconds}"
