"""What is kept ready of the tables, brought up to date: the count trees, the copies, the search index.

What fails keeps nothing else from being done, and is answered as the change that would do it again.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from teaching import dynamo
from teaching.changed_rows import Change, names
from teaching.coaching import store as coaching
from teaching.directory import store as directory
from teaching.errors import Unavailable
from teaching.grading import store as grading
from teaching.log import logger
from teaching.settings import settings
from teaching.tally.apply import apply
from teaching.tally.check import check_list
from teaching.tally.source import Source
from teaching.tally.tree import HIGHEST

AT_ONCE = 32
TRIES = 3
"""How often a step is made that loses its races or is throttled, each of which has its own retries."""


class Step(NamedTuple):
    change: Change
    """What asks for this step alone."""
    do: Callable[[], None]


def tables() -> frozenset[str]:
    """Those whose changes are taken up here."""
    told = settings()
    carrying = (told.submissions_table, told.sessions_table, told.presences_table)
    return frozenset((*carrying, told.users_table, told.items_table, told.tallies_table))


def count(changes: Sequence[Change]) -> list[Change]:
    """Brings the lists of changed submissions and sessions up to date.

    Answers the changes that failed, and as changes of the tallies the lists that want mending.
    """
    tables = settings()
    failed: list[Change] = []
    for table, source in (
        (tables.submissions_table, grading.SOURCE),
        (tables.sessions_table, coaching.SOURCE),
    ):
        changed = [source.counted_id(change.id) for change in changes if change.table == table]
        applied = apply(changed, source.current)
        failed += [Change(tables.tallies_table, list_name) for list_name in sorted(applied.damaged)]
        failed += [Change(table, source.row_id(counted_id)) for counted_id in sorted(applied.failed)]
    return failed


def count_and_refresh(changes: Sequence[Change]) -> list[Change]:
    """`count`, and of sessions also `refresh`: a stream has no place for a third function that follows it."""
    sessions = [change for change in changes if change.table == settings().sessions_table]
    return list(dict.fromkeys([*count(changes), *refresh(sessions)]))


def mend(changes: Sequence[Change]) -> list[Change]:
    """Checks and mends the lists (`Change(tallies_table, <list>)`) in which a node is lost or wrong.

    Answers the rows that could not be counted.
    """
    lists = [change.id for change in changes if change.table == settings().tallies_table]
    failed: list[Change] = []
    for list_name in lists:
        source = source_of(list_name)
        checked = check_list(source, list_name, HIGHEST, lambda: True)
        table = settings().sessions_table if source is coaching.SOURCE else settings().submissions_table
        failed += [Change(table, source.row_id(counted_id)) for counted_id in sorted(checked.applied.failed)]
    return failed


def source_of(list_name: str) -> Source:
    """The rows that a list is of, by its name."""
    return coaching.SOURCE if list_name.split("#")[0] == "sessions" else grading.SOURCE


def refresh(changes: Sequence[Change]) -> list[Change]:
    """Brings up to date what rows carry of changed people and items, and what the search knows of them.

    Answers what failed: of a person or item whose rows were not all brought up to date, those rows.
    """
    failed: list[Change] = []
    for change in changes:
        try:
            for steps in dynamo.chunked(_steps(change), AT_ONCE):
                failed += _failures(steps)
        except Exception:
            logger().warning("a change failed", extra={"changes": names([change])}, exc_info=True)
            failed.append(change)
    return list(dict.fromkeys(failed))


def _steps(change: Change) -> Iterator[Step]:
    """All that a change asks for."""
    tables = settings()
    table, identity = change
    if table == tables.users_table:
        yield Step(change, partial(directory.index_user, identity))
        for submission in grading.with_copy_of_user(identity):
            yield _refresh_submission(submission)
        for session in coaching.sessions_with_copy_of(identity):
            row = Change(tables.sessions_table, session)
            yield Step(row, partial(coaching.refresh, session))
        for session in coaching.sessions_with_presence_of(identity):
            row = Change(tables.presences_table, f"{session}#{identity}")
            yield Step(row, partial(coaching.refresh_presence, session, identity))
    elif table == tables.items_table:
        yield Step(change, partial(directory.index_item, identity))
        for submission in grading.with_copy_of_item(identity):
            yield _refresh_submission(submission)
    elif table == tables.submissions_table:
        yield _refresh_submission(identity)
    elif table == tables.sessions_table:
        yield Step(change, partial(_refresh_session, identity))
    elif table == tables.presences_table:
        session, participant = identity.split("#")
        yield Step(change, partial(coaching.refresh_presence, session, participant))


def _refresh_submission(submission: str) -> Step:
    return Step(Change(settings().submissions_table, submission), partial(grading.refresh, submission))


def _refresh_session(session: str) -> None:
    coaching.refresh(session)
    coaching.index_session(session)


def _failures(steps: Sequence[Step]) -> list[Change]:
    """Makes steps at once, those that lose races or are throttled again; the changes of those that failed."""
    failed: list[Change] = []
    waiting = list(steps)
    for attempt in range(TRIES):
        faults = dynamo.at_once(*[partial(_fault, step) for step in waiting])
        unavailable = []
        for step, fault in zip(waiting, faults, strict=True):
            if isinstance(fault, Unavailable):
                unavailable.append(step)
            elif fault:
                logger().warning("a row failed", extra={"changes": names([step.change])}, exc_info=fault)
                failed.append(step.change)
        waiting = unavailable
        if not waiting:
            break
        dynamo.pause(attempt)
    return failed + [step.change for step in waiting]


def _fault(step: Step) -> Exception | None:
    try:
        step.do()
    except Exception as fault:
        return fault
    return None
