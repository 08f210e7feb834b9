"""Times as the API writes them (rules, Values): UTC, `YYYY-MM-DDTHH:MM:SS.mmmZ`, always three decimals.

Written so, times sort as text in the order of time, which every index relies on.
"""

from datetime import UTC, datetime, timedelta


def utc_text(moment: datetime) -> str:
    """The moment in UTC, cut (not rounded) to milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    return utc_text(datetime.now(UTC))


def seconds_after(moment: str, seconds: float) -> str:
    return utc_text(datetime.fromisoformat(moment) + timedelta(seconds=seconds))


def hours_after(moment: str, hours: float) -> str:
    return utc_text(datetime.fromisoformat(moment) + timedelta(hours=hours))


def latest(moment: str, other: str | None) -> str:
    """The later of the moments that are given."""
    return max(moment, other or moment)


def following(now: str, updated_at: str, *earlier: str | None) -> str:
    """`now`, or the last of the earlier moments of a row, should the clock be behind them.

    A moment after the row's `updated_at`, of which alone a record is asked that it be not far ahead of our
    clock, is not believed.
    """
    return max([now, *(moment for moment in earlier if moment and moment <= updated_at)])
