from datetime import UTC, datetime, timedelta, timezone

import pytest

from teaching.clock import hours_after, utc_text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 2, 18, 6, 30, 9, 94000, UTC), "2026-02-18T06:30:09.094Z"),
        (datetime(2026, 2, 18, tzinfo=UTC), "2026-02-18T00:00:00.000Z"),
        (datetime(2026, 2, 18, 6, 30, 9, 999_999, UTC), "2026-02-18T06:30:09.999Z"),
        (datetime(2026, 2, 18, 3, tzinfo=timezone(timedelta(hours=7))), "2026-02-17T20:00:00.000Z"),
    ],
)
def test_a_time_is_written_in_utc_cut_to_milliseconds(moment: datetime, text: str) -> None:
    assert utc_text(moment) == text


def test_hours_may_end_in_another_year() -> None:
    assert hours_after("2026-12-31T10:00:00.001Z", 24) == "2027-01-01T10:00:00.001Z"
