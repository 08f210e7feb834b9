from datetime import UTC, datetime, timedelta, timezone

import pytest

from teaching.clock import following, hours_after, latest, utc_text


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


EARLY, LATE, LATER = "2026-12-31T10:00:00.001Z", "2027-01-01T10:00:00.001Z", "2027-01-01T10:00:00.002Z"


def test_the_later_of_two_moments() -> None:
    assert latest(EARLY, None) == EARLY
    assert latest(EARLY, LATE) == latest(LATE, EARLY) == LATE


@pytest.mark.parametrize(
    ("now", "earlier", "then"),
    [
        (EARLY, [], EARLY),
        (EARLY, [None, LATE], LATE),
        (EARLY, [LATER], EARLY),
        (LATER, [LATE, EARLY], LATER),
    ],
)
def test_what_follows_comes_after_what_can_be_believed(
    now: str, earlier: list[str | None], then: str
) -> None:
    assert following(now, LATE, *earlier) == then
