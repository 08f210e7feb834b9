"""A made-up programme for small businesses, as it would be today.

`made(now)` gives what other services would have sent (`records`) and what asesors would have asked of the
API since (`requests`). The spec's own people and things have the spec's times; all else is relative to
`now`, in office hours of Jakarta, and the same for a whole day. People and texts are in demo.yaml: what is
to be added there needs no code. `python -m local.demo` prints the records.
"""

import json
import signal
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import cycle, product
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import yaml

from local import examples
from local.template import ROOT

Record = dict[str, Any]


class Person(NamedTuple):
    """Somebody to issue a token for."""

    role: str
    id: str
    name: str


ADMIN = Person("admin", "3f0c5a52-7d0e-4b6b-9c1f-2a4de8f0b713", "Ratna Kusumadewi")
ASESOR = Person("asesor", "970d8099-2491-4fe6-9136-115560f10c77", "Budi Santoso")
PARTICIPANT = Person("participant", "54b509a1-cb72-463f-bd8f-a29779624fac", "Siti Rahmawati")
PEOPLE = (ADMIN, ASESOR, PARTICIPANT)

SEED = 2026
JAKARTA = timezone(timedelta(hours=7))
SUBMISSIONS = 400
DAYS = 240
"""How long ago the programme began."""

_DETAILS = examples.answer("get_submission")["data"]
_LISTED = examples.answer("list_coachings")["data"]["data"][0]

SPEC_USERS: tuple[Record, ...] = (
    {**_LISTED["asesor"], "role": ASESOR.role, "participant_profile": None},
    {**_DETAILS["user"], "role": PARTICIPANT.role},
)
SPEC_ITEM: Record = {**_DETAILS["item"], "course_id": _DETAILS["course_id"]}
SPEC_SUBMISSION: Record = {
    **{name: value for name, value in _DETAILS.items() if name not in ("user", "item")},
    "created_at": "2026-02-18T06:24:51.730Z",
}
SPEC_SESSION: Record = {
    **{name: value for name, value in _LISTED.items() if name != "asesor"},
    "asesor_id": ASESOR.id,
    "meeting_url": "https://meet.example.com/go-digital-1",
    "participant_ids": [PARTICIPANT.id],
    "created_at": "2026-02-18T07:02:11.480Z",
    "updated_at": "2026-02-18T07:02:11.480Z",
}
SPEC_SESSION_TO_END: Record = {
    "id": examples.answer("end_coaching")["data"]["id"],
    "title": "Klinik Usaha: Pemasaran Daring",
    "start_time": "2026-02-20T09:00:00.000Z",
    "end_time": "2026-02-20T11:00:00.000Z",
    "audience_type": "participant",
    "coaching_type": "development",
    "stage": "regional",
    "status": "ongoing",
    "asesor_id": ASESOR.id,
    "meeting_url": "https://meet.example.com/klinik-daring",
    "created_at": "2026-02-06T03:15:40.112Z",
    "updated_at": "2026-02-20T08:58:31.640Z",
    "started_at": "2026-02-20T08:58:31.640Z",
}
"""The spec tells its id only. In the demo it is under way now."""


class Request(NamedTuple):
    """What an asesor asks of the API."""

    asesor_id: str
    method: str
    path: str
    body: Record


class Demo(NamedTuple):
    """Records in an order in which what is referred to comes first; requests come after them all."""

    records: list[Record]
    requests: list[Request]


def made(now: datetime) -> Demo:
    """The demo at the moment before the spec's requests to start, mark, end and grade. `now` is aware."""
    return _Programme(now).made()


def records(now: datetime) -> list[Record]:
    return made(now).records


class _Programme:
    """What is made so far, and the dice."""

    def __init__(self, now: datetime) -> None:
        self.told = yaml.safe_load((ROOT / "local" / "demo.yaml").read_text(encoding="utf-8"))
        self.rng = Random(SEED)
        self.hour = now.astimezone(JAKARTA).replace(minute=0, second=0, microsecond=0)
        self.today = self.hour.replace(hour=0)
        self.began = self.today - timedelta(days=DAYS)
        self.records: list[Record] = []
        self.requests: list[Request] = []
        self.works: dict[str, list[str]] = {}
        """Of an item, what participants write."""
        self.businesses: dict[str, str] = {}

    def made(self) -> Demo:
        asesors = self._staff()
        participants = self._participants(asesors)
        items = self._items()
        self._submissions(participants, items)
        own = {
            asesor: [user["id"] for user in participants if _asesor_of(user) == asesor] for asesor in asesors
        }
        for asesor, roster in own.items():
            self._sessions(asesor, roster)
        self._sessions_around_the_spec(own)
        return Demo(self.records, self.requests)

    def _add(self, kind: str, data: Record) -> Record:
        self.records.append({"type": f"{kind}.saved", "data": data})
        return data

    def _id(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def _staff(self) -> list[str]:
        """The asesors' ids."""
        self._add("user", _user(*ADMIN))
        for name in self.told["admins"]:
            self._add("user", _user("admin", self._id(), name))
        for user in SPEC_USERS:
            self._add("user", user)
        return [
            ASESOR.id,
            *(self._add("user", _user("asesor", self._id(), name))["id"] for name in self.told["asesors"]),
        ]

    def _participants(self, asesors: Sequence[str]) -> list[Record]:
        users = []
        for (name, business, city), asesor in zip(self.told["participants"], cycle(asesors), strict=False):
            user = _user("participant", self._id(), name)
            user["participant_profile"] = self._profile(user["id"], asesor, city)
            self.businesses[user["id"]] = business
            users.append(self._add("user", user))
        return users

    def _profile(self, user: str, asesor: str, city: str) -> Record:
        rng = self.rng
        province, street, postal_code = self.told["places"][city]
        joined = _in_office_hours(rng, self.began - timedelta(days=rng.randrange(40, 90)))
        return {
            "id": self._id(),
            "clasification": rng.choice(("go_modern", "go_digital", "go_online", "go_global")),
            # No province has the number 99, so these are nobody's.
            "nik": f"99{rng.randrange(10**14):014}",
            "npwp": f"99{rng.randrange(10**13):013}",
            "last_education": rng.choice(("Senior High School", "Diploma", "Bachelor Degree")),
            "stage": rng.choice(("regional", "national")),
            "start_year": rng.randrange(2005, joined.year),
            "province": province,
            "street": f"{street} No. {rng.randrange(1, 200)}",
            "city": city,
            "postal_code": postal_code,
            "source_joined": rng.choice(("Instagram", "Facebook", "WhatsApp", "Dinas Koperasi", "Teman")),
            "asesor_id": asesor,
            "user_id": user,
            "created_at": _text(joined),
            "updated_at": _text(joined + timedelta(minutes=rng.randrange(5, 60))),
        }

    def _items(self) -> list[Record]:
        """Those of every course; the spec's quiz takes the place of the one that has its title."""
        items = []
        created = _in_office_hours(self.rng, self.began - timedelta(days=30))
        for number, course in enumerate(self.told["courses"]):
            course_id, module_id = self._id(), self._id()
            if number == 0:
                course_id, module_id = SPEC_ITEM["course_id"], SPEC_ITEM["module_id"]
            for sequence, (form, category) in enumerate(self.told["forms"], 1):
                item = {
                    "id": self._id(),
                    "module_id": module_id,
                    "course_id": course_id,
                    "title": form.format(course["topic"]),
                    "category": category,
                    "sequence": sequence,
                    "data": self._content(form.format(course["topic"]), category, course["questions"]),
                    "is_published": True,
                    "created_at": _text(created),
                    "updated_at": _text(created + timedelta(minutes=sequence)),
                }
                if item["title"] == SPEC_ITEM["title"]:
                    item = SPEC_ITEM
                self.works[item["id"]] = course["works"]
                items.append(self._add("item", item))
        return items

    def _content(self, title: str, category: str, bank: Sequence[Sequence[str]]) -> Record:
        content: Record = {"title": title, "category": category}
        if category != "quiz":
            return content | {"instructions": "Jelaskan dengan contoh dari usaha Anda.", "max_score": 100}
        questions = []
        for text, *answers in self.rng.sample(bank, 4):
            options = [
                {"id": self._id(), "is_correct": answer == answers[0], "option_text": answer}
                for answer in answers
            ]
            self.rng.shuffle(options)
            questions.append({"id": self._id(), "points": 25, "options": options, "question_text": text})
        return content | {
            "max_attempts": 1,
            "questions": questions,
            "passing_score": 75,
            "time_limit_seconds": 900,
        }

    def _submissions(self, participants: Sequence[Record], items: Sequence[Record]) -> None:
        """The spec's, some more of its quiz since last week, and so many over all the time."""
        self._add("submission", SPEC_SUBMISSION)
        of_the_quiz = [(user, SPEC_ITEM) for user in participants if _asesor_of(user) == ASESOR.id][:9]
        others = [pair for pair in product(participants, items) if pair[1] is not SPEC_ITEM]
        pairs = self.rng.sample(others, SUBMISSIONS - len(of_the_quiz))
        for number, (user, item) in enumerate(pairs):
            day = self.began + timedelta(days=DAYS * number / len(pairs) // 1)
            self._submission(user, item, day)
        for number, (user, item) in enumerate(of_the_quiz):
            self._submission(user, item, self.today - timedelta(days=5 - number // 2))
        regraded = [
            record["data"]
            for record in self.records
            if record["type"] == "submission.saved"
            and record["data"]["graded_by"] == ASESOR.id
            and record["data"]["response_snapshot"]["category"] != "quiz"
        ]
        for submission in regraded[-3:]:
            better = {"score": min(100, submission["score"] + 10), "feedback": self.told["regraded"]}
            path = f"/api/teaching/submissions/{submission['id']}/grade"
            self.requests.append(Request(ASESOR.id, "PATCH", path, better))

    def _submission(self, user: Record, item: Record, day: datetime) -> None:
        """Of that day, from the morning to the evening; graded in the week after, or waiting since."""
        rng = self.rng
        begun = day + timedelta(minutes=rng.randrange(7 * 60, 20 * 60), seconds=rng.randrange(60))
        handed_in = begun + timedelta(minutes=rng.randrange(4, 90))
        graded = _in_office_hours(rng, handed_in + timedelta(days=rng.randrange(1, 7)))
        status = "graded" if graded < self.today and rng.random() < 0.85 else "submitted"
        if self.today - begun < timedelta(days=40) and rng.random() < 0.4:
            status = "in_progress"
        is_quiz = item["category"] == "quiz"
        snapshot, score = self._answers(item, status) if is_quiz else self._work(user["id"], item)
        times: dict[str, datetime | None] = {"submitted_at": handed_in, "graded_at": None}
        feedback = None
        updated = handed_in
        if status == "graded":
            band = (score >= 70) + (score >= 85)
            feedback = rng.choice(self.told["feedbacks"][item["category"]][band])
            times["graded_at"] = updated = graded
        elif status == "in_progress":
            times["submitted_at"] = None
            updated = begun + timedelta(minutes=3)
        elif is_quiz:  # scored by the quiz itself; a person may still grade it
            times["graded_at"] = handed_in
        submission = {
            "id": self._id(),
            "user_id": user["id"],
            "item_id": item["id"],
            "course_id": item["course_id"],
            "status": status,
            "score": None if times["graded_at"] is None else score,
            "response_snapshot": snapshot,
            "feedback": feedback,
            **{name: time and _text(time) for name, time in times.items()},
            "graded_by": _asesor_of(user) if status == "graded" else None,
            "created_at": _text(begun),
            "updated_at": _text(updated),
        }
        self._add("submission", submission)

    def _answers(self, quiz: Record, status: str) -> tuple[Record, int]:
        """The answers, four in five of them right, and their points; the last lacks while in progress."""
        questions = quiz["data"]["questions"]
        answers, points = [], 0
        for question in questions[:-1] if status == "in_progress" else questions:
            right = self.rng.random() < 0.8
            option = next(option for option in question["options"] if option["is_correct"] is right)
            answers.append({"answer_id": option["id"], "question_id": question["id"]})
            points += question["points"] if right else 0
        return {"answers": answers, "category": "quiz"}, points

    def _work(self, user: str, item: Record) -> tuple[Record, int]:
        """A text about the participant's own business, and what it is worth."""
        text = self.rng.choice(self.works[item["id"]]).format(self.businesses[user])
        return {"text": text, "category": item["category"]}, self.rng.randrange(11, 20) * 5

    def _sessions(self, asesor: str, roster: Sequence[str]) -> None:
        """What was held, with who came; what was cancelled; what lies ahead."""
        held = 4 if asesor == ASESOR.id else 2
        for number in range(held):
            day = self.today - timedelta(days=14 + number * 45)
            session = self._session("completed", asesor, roster, _in_office_hours(self.rng, day))
            self._marks(session)
        day = self.today + timedelta(days=self.rng.randrange(-60, 10))
        self._session("cancelled", asesor, roster, _in_office_hours(self.rng, day))
        for weeks in (1, 2, 4):
            day = self.today + timedelta(weeks=weeks)
            self._session("scheduled", asesor, roster, _in_office_hours(self.rng, day))

    def _sessions_around_the_spec(self, own: Mapping[str, list[str]]) -> None:
        """Its own two, one more under way, one that has no meeting link yet, and one of yesterday that nobody
        has ended.
        """
        self._add("session", SPEC_SESSION)
        times = _session_times("ongoing", self.hour, self.today)
        roster = {"participant_ids": own[ASESOR.id][:8]}
        self._add("session", SPEC_SESSION_TO_END | times | roster)
        *_, (last, others) = own.items()
        self._session("ongoing", last, others, self.hour)
        day = _in_office_hours(self.rng, self.today + timedelta(weeks=6))
        self._session("scheduled", ASESOR.id, own[ASESOR.id], day, meeting_url=None)
        self._session("ongoing", ASESOR.id, own[ASESOR.id], self.hour - timedelta(days=1))

    def _session(
        self, status: str, asesor: str, roster: Sequence[str], starts: datetime, **changes: Any
    ) -> Record:
        rng = self.rng
        topic = rng.choice([course["topic"] for course in self.told["courses"]])
        title = rng.choice((f"Coaching {topic} Batch {rng.randrange(2, 9)}", f"Klinik Usaha: {topic}"))
        session = {
            "id": self._id(),
            "title": title,
            "audience_type": "participant",
            "coaching_type": rng.choice(("classification", "development")),
            "stage": rng.choice(("regional", "national")),
            "status": status,
            "asesor_id": asesor,
            "meeting_url": f"https://meet.example.com/{self._id()[:8]}",
            "participant_ids": rng.sample(roster, rng.randrange(7, 10)),
            **_session_times(status, starts, self.today),
        }
        return self._add("session", session | changes)

    def _marks(self, session: Record) -> None:
        """A mark of each kind and more of those who came; the last on the roster was not marked."""
        starts = datetime.fromisoformat(session["start_time"])
        *marked, _ = session["participant_ids"]
        marks: list[Record] = []
        statuses = ["late", "absent", "excused", *["present"] * len(marked)]
        for participant, status in zip(marked, statuses, strict=False):
            mark = {
                "participant_id": participant,
                "status": status,
                "feedback_notes": self.rng.choice(self.told["notes"][status]),
            }
            minutes = {"present": self.rng.randrange(-8, 5), "late": self.rng.randrange(12, 35)}
            if status in minutes:
                mark["joined_at"] = _text(starts + timedelta(minutes=minutes[status]))
            marks.append(mark)
        path = f"/api/teaching/coachings/{session['id']}/presences"
        self.requests.append(Request(session["asesor_id"], "PUT", path, {"presences": marks}))


def _user(role: str, identity: str, name: str) -> Record:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return {
        "id": identity,
        "name": name,
        "email": f"{plain.lower().replace(chr(39), '').replace(' ', '.')}@example.com",
        "profile": None,
        "role": role,
        "participant_profile": None,
    }


def _asesor_of(user: Record) -> str:
    return str(user["participant_profile"]["asesor_id"])


def _session_times(status: str, starts: datetime, today: datetime) -> dict[str, str]:
    """Two hours; planned three weeks before, or at the latest yesterday."""
    created = min(starts - timedelta(days=21), today - timedelta(days=1))
    times = {"start_time": starts, "end_time": starts + timedelta(hours=2), "created_at": created}
    times["updated_at"] = created + timedelta(hours=3)
    if status in ("ongoing", "completed"):
        times["started_at"] = times["updated_at"] = starts - timedelta(minutes=2)
    if status == "completed":
        times["ended_at"] = times["updated_at"] = times["end_time"] + timedelta(minutes=4)
    return {name: _text(time) for name, time in times.items()}


def _in_office_hours(rng: Random, day: datetime) -> datetime:
    """On the hour from 9 to 15 o'clock in Jakarta, on that day or the next working one."""
    moment = day.replace(hour=rng.randrange(9, 16), minute=0, second=0, microsecond=0)
    while moment.weekday() > 4:
        moment += timedelta(days=1)
    return moment


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    # `| head` ends it quietly.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for record in records(datetime.now(UTC)):
        print(json.dumps(record))
