"""What a request to the bus may hold, and what becomes of a part that it does not take."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from teaching import dynamo, event_bus, limits

pytestmark = pytest.mark.usefixtures("no_network")


class Bus:
    """Stands for the client: answers as it is told, and takes everything after that."""

    def __init__(self, patch: pytest.MonkeyPatch, *answers: Any) -> None:
        self.requests: list[list[str]] = []
        self.taken: list[str] = []
        self._answers = list(answers)
        patch.setenv("EVENTS_BUS", "EventsBus")
        patch.setattr(event_bus, "client", lambda: self)
        patch.setattr(dynamo, "pause", lambda attempt: None)

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert {entry["EventBusName"] for entry in Entries} == {"EventsBus"}
        details = [entry["Detail"] for entry in Entries]
        self.requests.append(details)
        answer = self._answers.pop(0) if self._answers else set()
        if isinstance(answer, Exception):
            raise answer
        self.taken += [detail for detail in details if detail not in answer]
        entries = [
            {"ErrorCode": "ThrottlingException"} if each in answer else {"EventId": "1"} for each in details
        ]
        return {"FailedEntryCount": len(answer), "Entries": entries}


def entries(*details: str) -> list[dict[str, Any]]:
    return [{"Source": "teaching", "DetailType": "x", "Detail": detail} for detail in details]


def test_ten_go_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus(monkeypatch)
    assert event_bus.put(entries(*map(str, range(23)))) == [True] * 23
    assert [len(request) for request in bus.requests] == [10, 10, 3]


def test_no_more_go_together_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus(monkeypatch)
    large = "é" * (limits.EVENT_BYTES // 5)
    assert event_bus.put(entries(large, large, large, "small")) == [True] * 4
    assert [len(request) for request in bus.requests] == [2, 2]


def test_only_what_was_refused_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus(monkeypatch, {"b"})
    assert event_bus.put(entries("a", "b", "c")) == [True] * 3
    assert bus.requests == [["a", "b", "c"], ["b"]]


def test_what_goes_on_being_refused_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus(monkeypatch, *[{"b"}] * event_bus.TRIES)
    assert event_bus.put(entries("a", "b", "c")) == [True, False, True]
    assert len(bus.requests) == event_bus.TRIES


@pytest.mark.parametrize(
    "fault",
    [
        ReadTimeoutError(endpoint_url="https://events"),
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutEvents"),
    ],
)
def test_a_request_that_fails_keeps_no_other_from_being_sent(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = Bus(monkeypatch, *[fault] * event_bus.TRIES)
    monkeypatch.setattr(event_bus, "ENTRIES_MOST", 1)
    monkeypatch.setattr(event_bus, "TRIES", 1)
    monkeypatch.setattr(bus, "_answers", [fault])
    assert event_bus.put(entries("a", "b")) == [False, True]
    assert bus.taken == ["b"]


def test_nothing_to_send_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus(monkeypatch)
    assert event_bus.put([]) == []
    assert bus.requests == []
