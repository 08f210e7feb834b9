"""The scheduled check of all that is kept ready: compares, mends what differs, and counts it as drift.

Every run takes one part of everything, so that all has been checked once in `parts` runs: of each table a
segment, of the trees the lists whose roots lie in a segment. The first part also checks what is not cut in
parts: what waits for somebody, whether a list has lost its root, and the search. Everything is read by scans
and compared in memory. A difference is only a suspicion, for the tables go on changing: `refresh`, `apply`
and `index` read anew and mend as the streams do. So it may run twice at once and while grades come in.

What fails is counted and logged with its id, and the rest goes on. The place is noted after every page,
and within lists when the time runs out; the next run goes on there.
"""

import json
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from teaching import dynamo
from teaching.coaching import rules as coaching_rules
from teaching.coaching import store as coaching
from teaching.directory import search
from teaching.directory import store as directory
from teaching.dynamo import Item
from teaching.grading import rules as grading_rules
from teaching.grading import store as grading
from teaching.log import logger
from teaching.projections import source_of
from teaching.settings import settings
from teaching.tally.check import check_list
from teaching.tally.nodes import LEDGER, MADE, ledger_counted, read_nodes
from teaching.tally.tree import HIGHEST, ROOT, Key

PLACE_NOTED = {"list": "recompute", "node": "place"}
AT_ONCE = 24

HasTime = Callable[[], bool]
Unchecked = list[tuple[str, Key]]
"""Lists, each with the key below which it is still to be checked."""


class Done(NamedTuple):
    drifted: int
    """Rows that were counted wrongly or carried something old, lagging streams included."""
    failed: int
    """Rows and lists that could not be checked or mended; the log says which."""
    finished: bool
    """Whether the part came to its end in this run."""


class _Place(NamedTuple):
    """Where the check stands."""

    part: int = 0
    step: int = 0
    start: dynamo.Key | None = None
    """Of the table's page; None for its first."""
    unchecked: Unchecked | None = None
    """What is left of that page's lists; None when the page was not begun."""


def recompute(has_time: HasTime, *, parts: int = 1, anew: bool = False) -> Done:
    """Goes on from where the last run stopped, page by page while there is time, to the end of a part.

    `anew` begins with the first part, wherever the last run stopped.
    """
    run = _Run(has_time, parts)
    noted = None if anew else dynamo.get(settings().tallies_table, PLACE_NOTED)
    run.go_on(_place(noted))
    return Done(run.drifted, run.failed, run.finished)


class _Run:
    def __init__(self, has_time: HasTime, parts: int) -> None:
        self.drifted = 0
        self.failed = 0
        self.finished = False
        self._has_time = has_time
        self._parts = parts
        self._read_copies: grading.Copies | None = None

    def go_on(self, place: _Place) -> None:
        place = place._replace(part=place.part % self._parts)
        steps = [
            self._check_waiting_submissions,
            self._check_waiting_sessions,
            self._check_presences,
            self._check_sessions,
            self._check_submissions,
            self._check_asesors,
            self._check_roots,
            self._check_lists,
            self._check_search,
        ]
        part = place.part
        while place.part == part and self._has_time():
            step = steps[place.step]
            after = _Place(part, place.step + 1) if place.step + 1 < len(steps) else _Place(part + 1)
            if step == self._check_search:
                # It can't stop in between: should the time not suffice, the next run goes on behind it.
                _note(after)
            place = self._isolated(step, place) or after
            _note(place)
        self.finished = place.part != part

    def _isolated(self, step: Callable[[_Place], _Place | None], place: _Place) -> _Place | None:
        """A step that fails as a whole is left out this time."""
        try:
            return step(place)
        except Exception:
            self._fail("a step of the check", step=place.step, part=place.part)
            return None

    def _fail(self, what: str, **extra: object) -> None:
        self.failed += 1
        logger().exception("%s failed", what, extra=extra)

    def _check_search(self, place: _Place) -> None:
        """The index rows of every document against what the documents say, by a checksum for each."""
        if place.part:
            return
        index = {
            search.USER: directory.index_user,
            search.ITEM: directory.index_item,
            search.SESSION: coaching.index_session,
        }
        unlike = search.unlike(chain(directory.documents(), coaching.documents()))
        self.drifted += len(unlike)
        self._each(lambda document: index[document[0]](document[1], repair=True), unlike, "search")

    def _check_roots(self, place: _Place) -> _Place | None:
        """Lists that have no root though they had one, are of all rows, or some ledger names them.

        Where the time does not suffice for all of the table, the roots that were not met are asked for.
        """
        if place.part:
            return None
        table = settings().tallies_table
        rooted: set[str] = set()
        named = {grading_rules.Scope().list, coaching_rules.list_name(None)}
        start = place.start
        while True:
            rows, start = dynamo.scan(table, start)
            for row in rows:
                if row["node"] == ROOT:
                    rooted.add(row["list"])
                elif row["node"] == MADE:
                    named.add(row["list"])
                elif row["node"] == LEDGER:
                    named |= ledger_counted(row).entries.keys()
            if not start or not self._has_time():
                break
        missing = named - rooted
        if start or place.start:
            missing -= {name for name, _ in read_nodes([(name, ROOT) for name in missing], consistent=False)}
        self._check_some_lists([(name, HIGHEST) for name in sorted(missing)])
        return _following(place, start)

    def _check_presences(self, place: _Place) -> _Place | None:
        rows, following = self._page(settings().presences_table, place)
        stale = coaching.stale_presences(rows)
        self.drifted += len(stale)
        self._each(lambda pair: coaching.refresh_presence(*pair), stale, "presence")
        return _following(place, following)

    def _check_sessions(self, place: _Place) -> _Place | None:
        rows, following = self._page(settings().sessions_table, place)
        stale = coaching.stale(rows)
        self.drifted += len(stale)
        self._each(coaching.refresh, stale, coaching.SOURCE.name)
        return _following(place, following)

    def _check_submissions(self, place: _Place) -> _Place | None:
        """The copies of people and items that listed submissions carry."""
        return self._compare(place, "by_status", self._copies().stale)

    def _check_asesors(self, place: _Place) -> _Place | None:
        """Whose asesor's lists submissions are in."""
        return self._compare(place, "by_participant", self._copies().of_others)

    def _copies(self) -> grading.Copies:
        """Read once a run."""
        if self._read_copies is None:
            self._read_copies = grading.Copies()
        return self._read_copies

    def _compare(
        self, place: _Place, index: str, stale_of: Callable[[list[Item]], list[str]]
    ) -> _Place | None:
        start = place.start
        while True:
            rows, start = self._page(settings().submissions_table, place._replace(start=start), index)
            stale = stale_of(rows)
            self.drifted += len(stale)
            self._each(grading.refresh, stale, grading.SOURCE.name)
            if not start or not self._has_time():
                return _following(place, start)

    def _check_waiting_submissions(self, place: _Place) -> _Place | None:
        """What waits for somebody or something that may have come meanwhile."""
        return self._refresh_waiting(
            place, settings().submissions_table, grading.refresh, grading.SOURCE.name
        )

    def _check_waiting_sessions(self, place: _Place) -> _Place | None:
        return self._refresh_waiting(place, settings().sessions_table, coaching.refresh, coaching.SOURCE.name)

    def _refresh_waiting(
        self, place: _Place, table: str, refresh: Callable[[str], None], name: str
    ) -> _Place | None:
        if place.part:
            return None
        rows, following = dynamo.scan(table, place.start, index="by_waiting")
        self._each(refresh, [row["id"] for row in rows], name)
        return _following(place, following)

    def _check_lists(self, place: _Place) -> _Place | None:
        """The lists whose roots are on one page of the tallies."""
        rows, following = self._page(settings().tallies_table, place)
        unchecked = place.unchecked
        if unchecked is None:
            unchecked = [(row["list"], HIGHEST) for row in rows if row["node"] == ROOT]
        while unchecked:
            unchecked = self._check_some_lists(unchecked[:AT_ONCE]) + unchecked[AT_ONCE:]
            if not self._has_time():
                break
        return place._replace(unchecked=unchecked) if unchecked else _following(place, following)

    def _check_some_lists(self, unchecked: Unchecked) -> Unchecked:
        """Checks lists, many at once; answers what is left of them."""
        left = dynamo.at_once(*[partial(self._check_list, name, below) for name, below in unchecked])
        return [(name, below) for (name, _), below in zip(unchecked, left, strict=True) if below]

    def _check_list(self, name: str, below: Key) -> Key | None:
        try:
            checked = check_list(source_of(name), name, below, self._has_time)
        except Exception:
            self._fail("the check of a list", list=name)
            return None
        self.drifted += checked.applied.drifted
        self.failed += len(checked.applied.failed)
        return checked.below

    def _page(
        self, table: str, place: _Place, index: str | None = None
    ) -> tuple[list[Item], dynamo.Key | None]:
        return dynamo.scan(table, place.start, index=index, part=place.part, parts=self._parts)

    def _each(self, do: Callable[[Any], None], things: Iterable[Any], name: str) -> None:
        """Does it for many at once; what fails is counted, and the rest goes on."""

        def isolated(thing: Any) -> None:
            try:
                do(thing)
            except Exception:
                self._fail("the mending of a row", kind=name, row=thing)

        for some in dynamo.chunked(things, AT_ONCE):
            dynamo.at_once(*[partial(isolated, thing) for thing in some])


def _following(place: _Place, start: dynamo.Key | None) -> _Place | None:
    return place._replace(start=start, unchecked=None) if start else None


def _place(noted: Item | None) -> _Place:
    if not noted:
        return _Place()
    part, step, start, unchecked = json.loads(noted["place"])
    return _Place(part, step, start, unchecked and [(name, tuple(key)) for name, key in unchecked])


def _note(place: _Place) -> None:
    dynamo.put(settings().tallies_table, {**PLACE_NOTED, "place": json.dumps(place)})
