"""docs/asyncapi.yaml: the events that go out, made from their types.

`python -m local.asyncapi` writes it, `--check` fails when it says something else than the code.
"""

import sys
from datetime import datetime
from typing import Any
from uuid import UUID

from local import examples
from local.aws import delivered
from local.openapi import Json, keep, schema_of, yaml_of
from local.template import ROOT
from teaching import limits
from teaching.publishing import events

DOCUMENT = ROOT / "docs" / "asyncapi.yaml"

_BUS = "EventsBus"
_DESCRIPTION = f"""\
What asesors and admins do here, told to other services as events of EventBridge.

The bus is the stack's output `{_BUS}Name`; here `make start` appends the events to `DATA_DIR/events.jsonl`
and `make events` follows them.

Each event comes at least once; the same event has the same `event_id` whenever it comes. Of one submission,
presence or session they are sent in the order of `version`, which grows with every change of it; EventBridge
may deliver them in another order, so keep the highest version that you have seen. One that was overtaken by
the next before it was sent may be left out, the last one never is. The `time` is that of the action, in whole
seconds; the detail has it to the millisecond.

Nothing is sent for what came in as a record. What the detail carries of people, and what records have changed
meanwhile, is as it was when the event was sent. An event has at most {limits.EVENT_BYTES // 1024} KB.
"""
_SUMMARIES = {
    events.GRADED: "A submission was graded, or graded again",
    events.MARKED: "A participant of a session was marked",
    events.STARTED: "A session was started",
    events.ENDED: "A session was ended, by its asesor or by the schedule",
}
_ID = "5b0cf4a5-7b5e-5d0a-9a33-6d1c53c8a9d1"


def document() -> Json:
    """The whole AsyncAPI document."""
    schemas: Json = {}
    messages = {of.__name__: _message(kind, of, schemas) for kind, of in events.TYPES.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Teaching API: events", "version": "1.0.0", "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": _BUS,
                "description": f"The event bus, whose name is the stack's output `{_BUS}Name`",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            f"send{name}": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "messages": [{"$ref": f"#/channels/events/messages/{name}"}],
            }
            for name in messages
        },
        "components": {"messages": messages, "schemas": {name: schemas[name] for name in sorted(schemas)}},
    }


def _message(kind: str, of: Any, schemas: Json) -> Json:
    detail = schema_of(of, schemas)
    return {
        "name": kind,
        "title": kind,
        "summary": _SUMMARIES[kind],
        "payload": _envelope(kind, detail),
        "examples": [{"name": kind, "payload": _example(kind)}],
    }


def _envelope(kind: str, detail: Json) -> Json:
    """What EventBridge puts around the detail."""
    text = {"type": "string"}
    properties = {
        "version": {"const": "0", "description": "Of EventBridge's envelope"},
        "id": {**text, "description": "Another one each time that the event is sent: see `event_id`"},
        "detail-type": {"const": kind},
        "source": {"const": events.SOURCE},
        "account": text,
        "time": {**text, "format": "date-time"},
        "region": text,
        "resources": {"type": "array", "items": text},
        "detail": detail,
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def _example(kind: str) -> Json:
    detail = _details()[kind] | {"version": 4, "event_id": _ID}
    moments = {
        events.GRADED: "graded_at",
        events.MARKED: "updated_at",
        events.STARTED: "started_at",
        events.ENDED: "ended_at",
    }
    moment = datetime.fromisoformat(detail[moments[kind]])
    # Another id than the event's own, and the same whenever this is written.
    return delivered(events.SOURCE, kind, moment, detail) | {"id": str(UUID(int=UUID(_ID).int + 1))}


def _details() -> Json:
    """What the requests answer, by the types of their events."""
    session = examples.answer("list_coachings")["data"]["data"][0] | {
        "status": "ongoing",
        "meeting_url": "https://meet.example.com/go-digital-1",
        "started_at": "2026-03-10T08:58:31.640Z",
        "ended_at": None,
        "ended_by": None,
    }
    return {
        events.GRADED: examples.answer("grade_submission")["data"],
        events.MARKED: examples.answer("mark_presence")["data"],
        events.STARTED: session,
        events.ENDED: examples.answer("end_coaching")["data"],
    }


def text() -> str:
    """docs/asyncapi.yaml as it should be."""
    return yaml_of(document(), "the types of the events")


if __name__ == "__main__":
    sys.exit(keep(DOCUMENT, text(), sys.argv[1:]))
