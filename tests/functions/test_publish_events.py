from typing import Any

import pytest

from tests.examples import example
from tests.functions.conftest import Ask
from tests.support import PARTICIPANT, SESSION, SUBMISSION, Data, invoke

ALL_TAKEN: Data = {"batchItemFailures": []}


@pytest.mark.usefixtures("examples")
def test_a_grade_a_mark_and_a_start_go_out_and_a_repeated_batch_sends_nothing(
    ask: Ask, sent: list[Any]
) -> None:
    assert invoke("publish_events", example("publish_events")) == ALL_TAKEN
    assert sent == []
    graded = ask("grade_submission", "asesor", SUBMISSION, body={"score": 90})
    marked = ask("mark_presence", "asesor", SESSION)
    assert ask("start_coaching", "asesor", SESSION).status == 302
    for _ in range(2):
        assert invoke("publish_events", example("publish_events")) == ALL_TAKEN
    by_type = {entry["DetailType"]: entry["Detail"] for entry in sent}
    assert len(sent) == len(by_type) == 3
    for kind, answer in (("submission.graded", graded), ("presence.marked", marked)):
        told = by_type[kind]
        assert list(told) == [*answer.content["data"], "version", "event_id"]
        assert {name: told[name] for name in answer.content["data"]} == answer.content["data"]
    assert by_type["session.started"]["status"] == "ongoing"
    assert by_type["session.started"]["asesor"]["name"] == "Budi Santoso"


@pytest.mark.usefixtures("examples")
def test_what_the_bus_does_not_take_is_set_aside_and_healed(
    ask: Ask, set_aside: list[Data], sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("grade_submission", "asesor", SUBMISSION, body={"score": 90})
    with monkeypatch.context() as patch:
        patch.setattr("teaching.publishing.publish.CLAIM_SECONDS", 0)
        patch.setattr("teaching.event_bus.SECONDS", 0)
        patch.setattr("teaching.event_bus.put", lambda entries: [False] * len(entries))
        assert invoke("publish_events", example("publish_events")) == ALL_TAKEN
    assert set_aside == [{"table": "SubmissionsTable", "id": SUBMISSION}]
    assert invoke("heal_changes", example("heal_changes")) == ALL_TAKEN
    assert [entry["DetailType"] for entry in sent] == ["submission.graded"]
    assert sent[0]["Detail"]["user_id"] == PARTICIPANT
