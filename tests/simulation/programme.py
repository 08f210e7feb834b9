"""A small programme: what is there before a schedule begins, and what comes in while it runs."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import UUID

Record = dict[str, Any]
"""`{"type": "user", "data": {…}}`"""


def _id(kind: int, number: int) -> str:
    return str(UUID(int=(kind << 100) + (0x4 << 76) + (0x8 << 60) + number * 7919, version=4))


ADMIN = _id(1, 1)
ASESORS = [_id(2, number) for number in range(2)]
PARTICIPANTS = [_id(3, number) for number in range(6)]
NEW_PARTICIPANT = PARTICIPANTS[-1]
"""Whose record comes while a schedule runs, perhaps after what refers to it."""
ITEMS = [_id(4, number) for number in range(4)]
NEW_ITEM = ITEMS[-1]
COURSES = [_id(5, number) for number in range(2)]
SESSIONS = [_id(6, number) for number in range(4)]
NEW_SESSION = SESSIONS[-1]
SUBMISSIONS = [_id(7, number) for number in range(28)]
NEW_SUBMISSIONS = SUBMISSIONS[-4:]

NAMES = ["Ani", "Budi", "Citra", "André", "Dewi", "Eko", "Ani Budi", "Zoë"]
TITLES = ["Quiz A", "Esai B", "Quiz B", "Tugas C"]
WORDS = ["an", "bu", "quiz", "dewi a", "b quiz", "zoe", "esai", "xy", "x.id", "andre quiz"]
"""Searches."""


BEGINNINGS = [f"2026-07-0{day}T09:00:00.000Z" for day in range(1, 4)]
"""Of sessions."""
ENDED = "2026-05-30T11:00:00.000Z"
"""When sessions should have ended that the schedule ends."""


def at(minute: int) -> str:
    """A time of the weeks before a schedule begins."""
    return f"2026-05-{1 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:00.000Z"


def user(identity: str, random: Random, minute: int) -> Record:
    role = "admin" if identity == ADMIN else "asesor" if identity in ASESORS else "participant"
    asesor = random.choice([*ASESORS, *ASESORS, None]) if role == "participant" else None
    profile = {
        "id": identity,
        "user_id": identity,
        "asesor_id": asesor,
        "created_at": at(0),
        "updated_at": at(minute),
    }
    data = {
        "id": identity,
        "name": random.choice(NAMES),
        "email": f"{identity[-2:]}@x.id",
        "profile": random.choice([None, {"level": minute}]),
        "role": role,
        "participant_profile": profile,
    }
    return {"type": "user", "data": data}


def item(identity: str, random: Random, minute: int) -> Record:
    number = ITEMS.index(identity)
    data = {
        "id": identity,
        "module_id": COURSES[0],
        "course_id": COURSES[number % 2],
        "title": random.choice(TITLES),
        "category": "quiz",
        "sequence": number,
        "data": {"minute": minute},
        "is_published": True,
        "created_at": at(0),
        "updated_at": at(minute),
    }
    return {"type": "item", "data": data}


def session(identity: str, random: Random, minute: int) -> Record:
    number = SESSIONS.index(identity)
    invited = [each for each in PARTICIPANTS if random.random() < 0.6]
    data = {
        "id": identity,
        "title": random.choice(TITLES),
        "start_time": random.choice(BEGINNINGS),
        "end_time": random.choice([ENDED, "2026-07-09T11:00:00.000Z"]),
        "audience_type": "participant",
        "coaching_type": "classification",
        "stage": "regional",
        "status": random.choice(["scheduled", "scheduled", "ongoing", "cancelled"])
        if number
        else "scheduled",
        "asesor_id": ASESORS[number % 2] if random.random() < 0.9 else random.choice(ASESORS),
        "meeting_url": "https://meet.example.com/1" if random.random() < 0.9 else None,
        "participant_ids": invited,
        "created_at": at(0),
        "updated_at": at(minute),
        "started_at": None,
        "ended_at": None,
    }
    return {"type": "session", "data": data}


def submission(identity: str, random: Random, minute: int) -> Record:
    number = SUBMISSIONS.index(identity)
    place = 3 if number >= len(SUBMISSIONS) - 2 else number % 3
    status = random.choice(["in_progress", "submitted", "submitted", "submitted", "graded"])
    scored = status == "graded" or (status == "submitted" and random.random() < 0.3)
    data = {
        "id": identity,
        "user_id": PARTICIPANTS[number % 6],
        "item_id": ITEMS[place],
        # The first item is handed in in both courses.
        "course_id": COURSES[(place or number) % 2],
        "status": status,
        "score": random.choice([70, 80, 95.5]) if scored else None,
        "response_snapshot": None,
        "feedback": None,
        "submitted_at": at(random.choice([minute, 3 * number])) if status != "in_progress" else None,
        "graded_at": at(minute) if scored else None,
        "graded_by": random.choice(ASESORS) if status == "graded" else None,
        "created_at": at(number // 2),
        "updated_at": at(minute),
    }
    return {"type": "submission", "data": data}


MADE_BY = {"user": user, "item": item, "session": session, "submission": submission}


def at_first() -> Iterator[Record]:
    """The same for every schedule."""
    random = Random(1)
    for identity in [ADMIN, *ASESORS, *PARTICIPANTS[:-1]]:
        yield user(identity, random, 1)
    for identity in ITEMS[:-1]:
        yield item(identity, random, 1)
    for identity in SESSIONS[:-1]:
        yield session(identity, random, 1)
    for identity in SUBMISSIONS[: -len(NEW_SUBMISSIONS)]:
        yield submission(identity, random, 100 + random.randrange(100))


def news(random: Random) -> list[Record]:
    """What comes in while a schedule runs: what is new, and changes; no two are of one minute."""
    minutes = iter(range(1000, 2000))
    fresh: list[tuple[str, str]] = [
        ("user", NEW_PARTICIPANT),
        ("item", NEW_ITEM),
        ("session", NEW_SESSION),
        *(("submission", identity) for identity in NEW_SUBMISSIONS),
    ]
    known: list[tuple[str, str]] = [
        *(("user", identity) for identity in [*ASESORS, *PARTICIPANTS]),
        *(("item", identity) for identity in ITEMS),
        *(("session", identity) for identity in SESSIONS),
        *(("submission", identity) for identity in SUBMISSIONS),
    ]
    chosen = random.sample(fresh, random.randrange(len(fresh) + 1))
    chosen += [random.choice(known) for _ in range(random.randrange(12))]
    if random.random() < 0.3:
        # One who is renamed and given to others while they are graded and put on rosters.
        chosen += [("user", PARTICIPANTS[0])] * 4 + [("session", SESSIONS[0])] * 2
    records = [MADE_BY[kind](identity, random, next(minutes)) for kind, identity in chosen]
    random.shuffle(records)
    return records


def body(record: Record) -> str:
    return json.dumps({"detail-type": f"{record['type']}.saved", "detail": record["data"]})
