"""Odd values and texts, and what can be done to an event with them: the same from the same `Random`."""

import base64
import json
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote

from tests import support

TEXTS = (
    "",
    " ",
    "\0",
    "\t\r\n",
    "a",
    "ab",
    "siti",
    "Siti  Rahmawati",
    "\u0301",
    "\u0301\u0301\u0301",
    "e\u0301tude \u0301\u0301",
    "\ud800",
    "a\udfff",
    "\ufeff\u200b",
    "\U0001f469\u200d\U0001f4bb",
    "\u0130\u0131\u00df\ufb01",
    "\u202eevil",
    "%",
    "%00",
    "%ff%fe",
    "%u0041",
    "#",
    "##",
    "a#b",
    "~",
    "../../etc/passwd",
    "' OR 1=1 --",
    "{{7*7}}",
    "x" * 100,
    "x" * 101,
    "x y " * 25,
    "x" * 5000,
    "-1",
    "0",
    "00",
    "1",
    "+5",
    "1.0",
    "1_000",
    "1e3",
    "\u0663",
    "99",
    "101",
    "9" * 18,
    "9" * 5000,
    "null",
    "NaN",
    "true",
    "submitted",
    "GRADED",
    "graded ",
    support.SESSION,
    support.SESSION.upper(),
    support.SESSION + "\n",
    support.SUBMISSION,
    support.SUBMISSION.replace("-", ""),
    f"{{{support.PARTICIPANT}}}",
    support.PARTICIPANT,
    support.ITEM,
    support.COURSE,
    support.NOBODYS,
    "00000000-0000-0000-0000-000000000000",
    "2026-02-18T07:22:24.260Z",
    "2026-02-18 07:22:24Z",
    "2026-02-18T07:22:24",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59",
    "2026-W10-1T00:00Z",
    "2016-12-31T23:59:60Z",
    "https://[",
    "https://[kenari]",
    "https://kenari@",
    "javascript:alert(1)",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -0.0,
    -1,
    1,
    90,
    0.1,
    1e308,
    1e-308,
    10**15,
    10**15 - 1,
    10**400,
    123456789012345.6,
    [],
    [[]],
    {},
    {"": ""},
    {"a": {"b": [None]}},
)
LITERALS = (
    "NaN",
    "-Infinity",
    "1e400",
    "1e999999999999999999999",
    "1E-999999999",
    "-0.0",
    "0.1000000000000000055511151231257827",
    "9" * 400,
    "9" * 5000,
    "[" * 60_000,
    '{"a":' * 10_000,
    '{"a":1,"a":2}',
    '"\\ud800"',
    '"\\u0000"',
    "'",
    "01",
    "\ufeff{}",
)
"""Of JSON, or nearly."""
QUERY_NAMES = (
    "limit",
    "page",
    "search",
    "status",
    "course_id",
    "material_item_id",
    "Limit",
    "limit[]",
    "",
    "unknown",
    "\u0131d",
)
BODY_NAMES = (
    "score",
    "feedback",
    "participant_id",
    "status",
    "feedback_notes",
    "joined_at",
    "__proto__",
    "",
    "\0",
    "x" * 200,
)


def text(chance: Random) -> str:
    if chance.random() < 0.7:
        return chance.choice(TEXTS)
    letters = [chr(chance.choice((chance.randrange(128), chance.randrange(0x3000)))) for _ in range(40)]
    return "".join(letters[: chance.randrange(40)])


def value(chance: Random) -> Any:
    """Anything that JSON can hold."""
    kind = chance.random()
    if kind < 0.5:
        return text(chance)
    if kind < 0.9:
        return chance.choice(VALUES)
    return {text(chance): value(chance) for _ in range(3)}


def query(chance: Random) -> str:
    """Names once or twice, encoded well, badly or not at all."""
    encode: tuple[Callable[[str], str], ...] = (
        lambda each: quote(each, safe="", errors="surrogatepass"),
        lambda each: quote(each, safe="", encoding="latin-1", errors="replace"),
        lambda each: each,
    )
    parts = []
    for _ in range(chance.choice((0, 1, 1, 2, 3, 300))):
        name, given = chance.choice(QUERY_NAMES), chance.choice(encode)(text(chance))
        parts.append(
            chance.choice((f"{name}={given}", f"{name}={given}", name, f"={given}", f"{name}=={given}"))
        )
    return chance.choice("&&&;").join(parts)


def body(chance: Random) -> Any:
    """A good one with something changed, or no JSON at all."""
    good = chance.choice(
        (
            {"score": 90, "feedback": "Ok"},
            {"participant_id": support.PARTICIPANT, "status": "present", "feedback_notes": "x"},
        )
    )
    kind = chance.random()
    if kind < 0.6:
        return json.dumps(
            good | {chance.choice(BODY_NAMES): value(chance) for _ in range(chance.randrange(3))}
        )
    if kind < 0.8:
        name = chance.choice(BODY_NAMES)
        return json.dumps(good)[:-1] + f", {json.dumps(name)}: {chance.choice(LITERALS)}}}"
    if kind < 0.9:
        return chance.choice((*LITERALS, "x" * 70_000, json.dumps({"feedback": "\u00e9" * 33_000})))
    return value(chance)


def headers(chance: Random, good: dict[str, str]) -> Any:
    kind = chance.random()
    if kind < 0.7:
        return good | {text(chance): text(chance)}
    if kind < 0.8:
        return {name.title(): given for name, given in good.items()}
    if kind < 0.9:
        return good | {"Authorization": value(chance)}
    return chance.choice(({"authorization": value(chance)}, value(chance)))


def encoded(chance: Random, content: Any) -> Any:
    """As base64, sometimes wrong."""
    plain = content if isinstance(content, str) else json.dumps(content)
    made = base64.b64encode(plain.encode(errors="surrogatepass")).decode()
    return chance.choice((made, made, made[:-1], made + "=", f"\u00e9{made}", content))


def change(chance: Random, event: dict[str, Any]) -> dict[str, Any]:
    """The event with one to three of its parts made odd, and any of them left out now and then."""
    made = dict(event)
    for part in chance.sample(("headers", "query", "path", "body", "context", "any"), chance.randrange(1, 4)):
        if part == "headers":
            made["headers"] = headers(chance, event["headers"])
        elif part == "query":
            made["rawQueryString"] = query(chance) if chance.random() < 0.95 else value(chance)
        elif part == "path":
            names = event.get("pathParameters", {"id": ""})
            odd = value(chance) if chance.random() < 0.1 else dict.fromkeys(names, text(chance))
            made["pathParameters"] = odd if chance.random() < 0.9 else {text(chance): value(chance)}
        elif part == "body":
            made["body"] = body(chance)
            if chance.random() < 0.3:
                made |= {"body": encoded(chance, made["body"]), "isBase64Encoded": True}
        elif part == "context":
            made["requestContext"] = value(chance)
        else:
            name = chance.choice(sorted(made))
            made[name] = value(chance)
            if chance.random() < 0.5:
                del made[name]
    return made
