"""The contract as a plain model: what may change, what an answer may say, and what is true in the end.

Nothing here is the layer's own logic. `Watch` sees every write at the moment that it is made and every
answer when it comes; `Truth` says what each page, total, statistic and search must be once all is quiet.
A list of a reader beside writers is judged by `READER_RULES`, each by its name.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from teaching import dynamo
from tests.simulation.dynamodb import Store, Write

Row = dict[str, Any]

SESSION_MAY_BECOME = {
    "scheduled": {"scheduled", "ongoing", "completed", "cancelled"},
    "ongoing": {"ongoing", "completed"},
    "completed": {"completed"},
    "cancelled": {"cancelled"},
}
GRADE = ("status", "score", "feedback", "graded_at", "grader_id")


class Broken(BaseException):
    """The contract does not hold. Nothing in the layer catches it."""


def must(holds: bool, what: str, *shown: object) -> None:
    if not holds:
        raise Broken(f"{what}: {' | '.join(map(str, shown))}")


class Image(NamedTuple):
    """What a row was, from a write on."""

    number: int
    row: Row | None


ACTIONS = ("grade", "mark", "start", "end", "close")
"""How the tasks are called that do what events tell of."""
EVENTS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "submission.graded": ("SubmissionsTable", ("id",), ("id", *GRADE[:4])),
    "presence.marked": (
        "PresencesTable",
        ("session_id", "participant_id"),
        ("id", "status", "first_joined_at", "joined_at", "feedback_notes", "created_at", "updated_at"),
    ),
    "session.started": ("SessionsTable", ("id",), ("id", "started_at")),
    "session.ended": ("SessionsTable", ("id",), ("id", "status", "ended_at")),
}
"""By type: the table of what it tells of, the names of its key, and what no record changes afterwards."""


class Watch:
    """Every state that every row has been in, and whether each could follow from the one before; and every
    event that went out.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._images: defaultdict[tuple[str, tuple[Any, ...]], list[Image]] = defaultdict(list)
        self.writers: defaultdict[str, list[str]] = defaultdict(list)
        """By task, the tables that it has changed."""
        self._acted: defaultdict[tuple[str, tuple[Any, ...]], dict[int, Row]] = defaultdict(dict)
        """What rows were once an action was done, by the version."""
        self._sent: defaultdict[tuple[str, tuple[Any, ...]], list[int]] = defaultdict(list)
        self._event_ids: dict[str, tuple[Any, ...]] = {}
        for table in store.tables.values():
            for typed in table.rows.rows():
                row = dynamo.from_item(typed)
                self._images[table.name, tuple(row[name] for name in table.keys)].append(Image(0, row))

    def written(self, task: str, write: Write) -> None:
        task = task.removeprefix("late ")
        self.writers[task].append(write.table)
        before = write.before and dynamo.from_item(write.before)
        after = write.after and dynamo.from_item(write.after)
        key = tuple(dynamo.from_item(write.key).values())
        self._images[write.table, key].append(Image(write.number, after))
        if after and task.startswith(ACTIONS) and write.table != "HistoryTable":
            self._acted[write.table, key][after["version"]] = after
        check = {
            "SubmissionsTable": self._check_submission,
            "HistoryTable": self._check_history,
            "SessionsTable": self._check_session,
            "PresencesTable": self._check_presence,
        }.get(write.table)
        if check:
            must(after is not None, "a row of ours is never deleted", key)
            check(before or {}, after or {}, task)
            if before and "version" in before and write.table != "HistoryTable":
                must(
                    (after or {})["version"] == before["version"] + 1, "versions go on by one", before, after
                )

    def heard(self, kind: str, detail: Row) -> None:
        table, names, told = EVENTS[kind]
        key = tuple(detail[name] for name in names)
        version = detail["version"]
        acted = self._acted[table, key].get(version)
        must(acted is not None, "events tell of what was done here", kind, detail)
        must(said(acted or {}, detail, told), "events tell what was done", detail, acted)
        sent = self._sent[table, key]
        must(not sent or version >= sent[-1], "events of one object go out in order", kind, sent, detail)
        sent.append(version)
        known = self._event_ids.setdefault(detail["event_id"], (table, key, version))
        must(known == (table, key, version), "an event has an id of its own", known, detail)

    def judge_events(self) -> None:
        """Once all is quiet: what was done last went out, but for a grade that a new hand-in has replaced."""
        for (table, key), acted in self._acted.items():
            row = self._images[table, key][-1].row or {}
            if not acted:
                continue
            must(row["acted_version"] == max(acted), "a row knows what was done last", row, list(acted))
            replaced = table == "SubmissionsTable" and not row.get("graded_here")
            waiting = table == "SessionsTable" and row.get("waiting_for")
            if not replaced and not waiting:
                sent = self._sent[table, key]
                must(bool(sent) and sent[-1] == max(acted), "the last event is not lost", table, row, sent)

    def between(self, table: str, key: tuple[Any, ...], first: int, last: int) -> list[Row]:
        """What the row was at some moment from after one write to after another; {} where it was not."""
        images = [Image(0, None), *self._images[table, key]]
        ends = [image.number for image in images[1:]] + [last + 1]
        return [
            image.row or {}
            for image, end in zip(images, ends, strict=True)
            if image.number <= last and end > first
        ]

    def _check_submission(self, before: Row, after: Row, task: str) -> None:
        if not before:
            return
        graded = [name for name in GRADE if before.get(name) != after.get(name)]
        by_hand = task.startswith("grade")
        if by_hand and graded:
            must(before["status"] in ("submitted", "graded"), "only what is handed in is graded", before)
            must(after["status"] == "graded", "who is graded is graded", after)
        if graded and before.get("graded_here") and not by_hand:
            anew = after["submitted_at"] and after["submitted_at"] > before["submitted_at"]
            must(bool(anew), "a grade given here stays unless handed in anew", before, after)
        if graded and before.get("score") is not None and (by_hand or before.get("graded_here")):
            table = self._store.tables["HistoryTable"]
            typed = table.rows.get((before["id"], Decimal(before["version"])))
            must(typed is not None, "a grade that is replaced is kept", before)
            kept = dynamo.from_item(typed or {})
            must(said(kept, before, GRADE[1:]), "the grade is kept as it was", before, kept)

    def _check_history(self, before: Row, after: Row, task: str) -> None:
        must(not before or before == after, "what is kept is never changed", before, after)

    def _check_session(self, before: Row, after: Row, task: str) -> None:
        if not before:
            return
        by_hand = task.startswith(("start", "end", "close"))
        if before.get("moved_here") or by_hand:
            may = SESSION_MAY_BECOME[before["status"]]
            must(after["status"] in may, "sessions go forward", before, after)
        if before.get("moved_here"):
            for name in ("started_at", "ended_at"):
                must(before.get(name) in (None, after.get(name)), "times set here stay", before, after)
            must(bool(after.get("moved_here")), "what was moved here stays so", before, after)

    def _check_presence(self, before: Row, after: Row, task: str) -> None:
        for name in ("id", "created_at", "first_joined_at"):
            if before.get(name) is not None:
                must(before[name] == after.get(name), f"{name} never changes once set", before, after)
        if not task.startswith("mark"):
            for name in ("status", "joined_at", "feedback_notes"):
                must(before.get(name) == after.get(name), "only a mark changes marks", before, after)


def said(row: Mapping[str, Any], answer: Mapping[str, Any], names: Sequence[str]) -> bool:
    """Whether a row was what an answer says of it."""
    return all(row.get(name) == answer.get(name) for name in names)


def page_of(function: str, content: Mapping[str, Any]) -> tuple[list[Row], Row]:
    """Rows and pagination: the lists nest them in two ways."""
    inner = content if function == "list_submissions" else content["data"]
    return inner["data"], inner["pagination"]


def row_id(row: Mapping[str, Any]) -> Any:
    return row.get("participant_id") or row["id"]


def _rows_once(rows: Sequence[Row], pagination: Row) -> bool:
    return len({row_id(row) for row in rows}) == len(rows)


def _no_more_than_asked(rows: Sequence[Row], pagination: Row) -> bool:
    return len(rows) <= int(pagination["per_page"])


def _total_holds_rows(rows: Sequence[Row], pagination: Row) -> bool:
    return not rows or int(pagination["total_items"]) >= _offset(pagination) + len(rows)


def _order_holds(rows: Sequence[Row], pagination: Row) -> bool:
    times = [
        (row.get("submitted_at") or "", row["id"])
        for row in rows
        if row.get("status") in ("submitted", "graded")
    ]
    return times == sorted(times, reverse=True)


def _page_is_full(rows: Sequence[Row], pagination: Row) -> bool:
    expected = min(pagination["per_page"], max(0, pagination["total_items"] - _offset(pagination)))
    return bool(len(rows) == expected)


def _offset(pagination: Row) -> int:
    return int((pagination["current_page"] - 1) * pagination["per_page"])


READER_RULES: dict[str, Callable[[Sequence[Row], Row], bool]] = {
    "no more rows than asked for": _no_more_than_asked,
    "the total is never below the rows shown": _total_holds_rows,
    "newest first": _order_holds,
    "no row twice": _rows_once,
}
"""What holds for every page, also beside writers."""

STRICT_READER_RULES: dict[str, Callable[[Sequence[Row], Row], bool]] = {
    "a page is as full as the total says": _page_is_full,
}
"""A row that moves to another page meanwhile leaves its place empty; `--readers` shows where."""


class Truth:
    """What is true once all is quiet: of the rows as they are, and of the records as they were sent."""

    def __init__(self, store: Store, records: Sequence[Mapping[str, Any]]) -> None:
        latest: dict[tuple[str, str], Row] = {}
        for record in records:
            data = record["data"]
            key = record["type"], data["id"]
            if key not in latest or _changed(data) > _changed(latest[key]):
                latest[key] = data
        self._latest = latest
        self.users = {identity: data for (kind, identity), data in latest.items() if kind == "user"}
        self.items = {identity: data for (kind, identity), data in latest.items() if kind == "item"}
        self.sessions = self._with_rows(store, "session", "SessionsTable", ("status",))
        self.submissions = self._with_rows(store, "submission", "SubmissionsTable", GRADE)
        self._presences = _rows(store, "PresencesTable")

    def _with_rows(self, store: Store, kind: str, table: str, names: Sequence[str]) -> dict[str, Row]:
        """The latest records, with what may have changed here as the rows have it (`Watch` saw it change)."""
        stored = {row["id"]: row for row in _rows(store, table)}
        found = {}
        for (of, identity), data in self._latest.items():
            if of == kind:
                must(identity in stored, "what came in is there", kind, identity)
                row = stored[identity]
                must(row["source_updated_at"] == data["updated_at"], "the newest record counts", row, data)
                found[identity] = data | {name: row.get(name) for name in names}
                if kind == "submission":
                    found[identity]["submitted_at"] = row.get("submitted_at")
        return found

    def asesor_of(self, participant: str) -> str | None:
        profile = self.users.get(participant, {}).get("participant_profile") or {}
        asesor: str | None = profile.get("asesor_id")
        return asesor

    def person(self, identity: str | None) -> Row | None:
        if identity is None:
            return None
        known = self.users.get(identity)
        if not known:
            return {"id": identity, "name": "", "email": "", "profile": None}
        return {name: known[name] for name in ("id", "name", "email", "profile")}

    def list_of_submissions(self, own: str | None, **filters: str | None) -> list[Row]:
        """What the list shows, in its order; the filters are the query's."""
        shown = []
        for data in self.submissions.values():
            user, item = self.users.get(data["user_id"]), self.items.get(data["item_id"])
            if not user or not item or (own and self.asesor_of(data["user_id"]) != own):
                continue
            wanted = (
                filters.get("asesor_id") in (None, self.asesor_of(data["user_id"]))
                and filters.get("participant_id") in (None, data["user_id"])
                and filters.get("status") in (None, data["status"])
                and filters.get("course_id") in (None, data["course_id"])
                and filters.get("material_item_id") in (None, data["item_id"])
                and _found(filters.get("search"), user["name"], user["email"], item["title"])
            )
            if wanted:
                shown.append(data)
        shown.sort(key=lambda data: (_listed_at(data), data["id"]), reverse=True)
        return [self._submission_row(data) for data in shown]

    def _submission_row(self, data: Row) -> Row:
        item = self.items[data["item_id"]]
        return {
            "id": data["id"],
            "submitted_at": data["submitted_at"],
            "graded_at": data["graded_at"],
            "graded_by": self.person(data["grader_id"]),
            "score": data["score"],
            "status": data["status"],
            "user": self.person(data["user_id"]),
            "item": {name: item[name] for name in ("id", "title", "category")},
        }

    def statistics(self, own: str | None, **filters: str | None) -> Row:
        rows = self.list_of_submissions(own, **filters)
        graded = [row["score"] for row in rows if row["status"] == "graded"]
        pending = sum(row["status"] == "submitted" for row in rows)
        average = Decimal(sum(graded)) / len(graded) if graded else Decimal(0)
        return {
            "submission_total": {
                "total": pending + len(graded),
                "pending": pending,
                "graded": len(graded),
            },
            "average_score": average.quantize(Decimal("0.01"), ROUND_HALF_UP),
        }

    def list_of_sessions(self, own: str | None, **filters: str) -> list[Row]:
        names = ("id", "title", "start_time", "end_time", "audience_type", "coaching_type", "stage", "status")
        shown = [
            {**{name: data[name] for name in names}, "asesor": self.person(data["asesor_id"])}
            for data in self.sessions.values()
            if data["asesor_id"] in self.users
            and own in (None, data["asesor_id"])
            and filters.get("status") in (None, data["status"])
            and filters.get("from", "") <= data["start_time"] < filters.get("to", "~")
            and _found(filters.get("search"), data["title"], self.users[data["asesor_id"]]["name"])
        ]
        return sorted(shown, key=lambda row: (row["start_time"], row["id"]), reverse=True)

    def roster(self, session: str) -> list[Row]:
        marks = {row["participant_id"]: row for row in self._presences if row["session_id"] == session}
        invited = [
            participant
            for participant in set(self.sessions[session]["participant_ids"])
            if participant in self.users
        ]
        invited.sort(key=lambda participant: (_plain(self.users[participant]["name"]), participant))
        names = ("created_at", "updated_at", "feedback_notes", "joined_at")
        return [
            {
                "id": mark.get("id"),
                "session_id": session,
                "participant_id": participant,
                "status": mark.get("status", "absent"),
                **{name: mark.get(name) for name in names},
                "user": self.person(participant),
            }
            for participant in invited
            for mark in [marks.get(participant, {})]
        ]


def _changed(data: Mapping[str, Any]) -> str:
    profile = data.get("participant_profile")
    return str(profile["updated_at"] if profile else data["updated_at"])


def _listed_at(data: Row) -> str:
    handed_in = None if data["status"] == "in_progress" else data["submitted_at"]
    return str(handed_in or data["created_at"])


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _found(search: str | None, *texts: str) -> bool:
    words = _plain(" ".join(texts)).split()
    return all(any(wanted in word for word in words) for wanted in _plain(search or "").split())


def _rows(store: Store, table: str) -> list[Row]:
    return [dynamo.from_item(typed) for typed in store.tables[table].rows.rows()]
