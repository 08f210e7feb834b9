import pytest

from local import demo
from teaching import dynamo
from teaching.errors import Unavailable
from tests.examples import example
from tests.functions.conftest import Ask
from tests.support import SESSION, SUBMISSION, invoke, stored_session


@pytest.mark.usefixtures("tables")
def test_the_examples_come_in(ask: Ask) -> None:
    for _ in range(2):
        assert invoke("ingest_records", example("ingest_records")) == {"batchItemFailures": []}
    assert ask("get_submission", "asesor", SUBMISSION).status == 200
    assert ask("list_presences", "participant", SESSION).status == 200
    assert stored_session(demo.SPEC_SESSION_TO_END["id"])["status"] == "ongoing"


@pytest.mark.usefixtures("tables")
def test_while_the_store_is_unavailable_every_record_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Unavailable

    event = example("ingest_records")
    with monkeypatch.context() as patch:
        patch.setattr("teaching.dynamo.update", fail)
        failures = invoke("ingest_records", event)["batchItemFailures"]
    assert sorted(failure["itemIdentifier"] for failure in failures) == sorted(
        message["messageId"] for message in event["Records"]
    )
    assert dynamo.scan("UsersTable")[0] == []


@pytest.mark.usefixtures("tables")
def test_near_the_end_of_its_time_it_begins_nothing() -> None:
    event = example("ingest_records")
    failures = invoke("ingest_records", event, remaining=10_000)["batchItemFailures"]
    assert len(failures) == len(event["Records"])
    assert dynamo.scan("UsersTable")[0] == []
