from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest

from teaching import sqs
from teaching.errors import Unavailable

QUEUE = "https://sqs.example/123456789012/Queue"


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """The bodies of every batch that is sent; the body `refused` is."""
    sent: list[list[str]] = []

    def note(params: Any, **_: Any) -> None:
        assert params["QueueUrl"] == QUEUE
        sent.append([entry["MessageBody"] for entry in params["Entries"]])

    def answer(**_: Any) -> Any:
        failed = [{"Id": "0", "Code": "InternalError"}] if "refused" in sent[-1] else []
        return SimpleNamespace(status_code=200), {"Failed": failed}

    client: Any = botocore.session.get_session().create_client(
        "sqs", region_name="ap-southeast-3", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.meta.events.register("provide-client-params.sqs.SendMessageBatch", note)
    client.meta.events.register("before-call.sqs.SendMessageBatch", answer)
    monkeypatch.setattr(sqs, "client", lambda: client)
    yield sent
    client.close()


def test_messages_go_ten_at_a_time(batches: list[list[str]]) -> None:
    bodies = [str(number) for number in range(23)]
    sqs.send_all(QUEUE, bodies)
    assert batches == [bodies[:10], bodies[10:20], bodies[20:]]


def test_a_message_that_was_not_sent_is_told(batches: list[list[str]]) -> None:
    with pytest.raises(Unavailable):
        sqs.send_all(QUEUE, ["sent", "refused"])
