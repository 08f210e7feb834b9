"""What is kept ready of the tables, brought up to date: the count trees, the copies, the search index."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from teaching import dynamo
from teaching.coaching import store as coaching
from teaching.directory import store as directory
from teaching.grading import store as grading
from teaching.settings import settings
from teaching.streams import Change
from teaching.tally.apply import apply

AT_ONCE = 32


def count(changes: Sequence[Change]) -> None:
    """Brings the lists of changed submissions and sessions up to date."""
    tables = settings()
    apply(
        [f"{grading.KIND}#{change.id}" for change in changes if change.table == tables.submissions_table],
        grading.counted,
    )
    apply(
        [f"{coaching.KIND}#{change.id}" for change in changes if change.table == tables.sessions_table],
        coaching.counted,
    )


def refresh(changes: Sequence[Change]) -> None:
    """Brings the copies of changed users and items up to date, and what the search knows of all three."""
    tables = settings()
    for table, identity in changes:
        if table == tables.users_table:
            directory.index_user(identity)
            _each(grading.refresh, grading.ids_that_carry("user", identity))
            _each(coaching.refresh, coaching.sessions_that_carry(identity))
            _each(
                partial(coaching.refresh_presence, participant=identity),
                coaching.presences_that_carry(identity),
            )
        elif table == tables.items_table:
            directory.index_item(identity)
            _each(grading.refresh, grading.ids_that_carry("item", identity))
        else:
            coaching.index_session(identity)


def _each(bring_up_to_date: Callable[[str], None], ids: Iterable[str]) -> None:
    for some in dynamo.chunked(ids, AT_ONCE):
        dynamo.at_once(*[partial(bring_up_to_date, identity) for identity in some])
