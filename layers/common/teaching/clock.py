"""Times as the contract writes them: UTC, `YYYY-MM-DDTHH:MM:SS.mmmZ`, always three decimals.

Written so, times sort as text in the order of time, which every index relies on.
"""

from datetime import UTC, datetime, timedelta


def utc_text(moment: datetime) -> str:
    """The moment in UTC, cut (not rounded) to milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    return utc_text(datetime.now(UTC))


def hours_after(moment: str, hours: int) -> str:
    return utc_text(datetime.fromisoformat(moment) + timedelta(hours=hours))


def latest(moment: str, *others: str | None) -> str:
    """The last of the moments that are given: what follows another never seems to come before it."""
    return max([moment, *(other for other in others if other)])
