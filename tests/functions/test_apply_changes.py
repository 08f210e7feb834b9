import pytest

from teaching.errors import Unavailable
from tests.examples import example
from tests.functions.conftest import Ask
from tests.support import SUBMISSION, Data, invoke


def counted(ask: Ask) -> Data:
    total: Data = ask("get_statistics", "asesor").content["data"]["submission_total"]
    return total


@pytest.mark.usefixtures("examples")
def test_the_count_follows_and_a_repeated_batch_changes_nothing(ask: Ask) -> None:
    for _ in range(2):
        assert invoke("apply_changes", example("apply_changes")) == {"batchItemFailures": []}
        assert counted(ask) == {"total": 1, "pending": 1, "graded": 0}
    ask("grade_submission", "asesor", SUBMISSION, body={"score": 90})
    for _ in range(2):
        assert invoke("apply_changes", example("apply_changes")) == {"batchItemFailures": []}
        assert counted(ask) == {"total": 1, "pending": 0, "graded": 1}


@pytest.mark.usefixtures("examples")
def test_what_cannot_be_counted_now_comes_again(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Unavailable

    event = example("apply_changes")
    with monkeypatch.context() as patch:
        patch.setattr("teaching.dynamo.transact", fail)
        patch.setattr("teaching.dynamo.pause", lambda attempt: None)
        first = event["Records"][0]["dynamodb"]["SequenceNumber"]
        assert invoke("apply_changes", event) == {"batchItemFailures": [{"itemIdentifier": first}]}
    assert counted(ask)["total"] == 0
    invoke("apply_changes", event)
    assert counted(ask)["total"] == 1
