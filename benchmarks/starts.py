"""How fast a function starts and answers, beside functions that others would write for the same answer.

Everybody runs as in Lambda: bytecode in place, by Lambda's runtime client, in the Python that ships where
this machine has it. Measured is the CPU of the process (what Lambda's share of a core is spent on), in
rounds in which each has its turn, so that what else the machine does hits all of them.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlencode

import build

from benchmarks.load import Spread, loaded
from local import aws, tokens
from local.emulator import Emulator, packages, shipped_python, version_of
from local.gateway import Gateway
from local.template import ROOT, Function, Template
from teaching.limits import PER_PAGE

ABOUT = """A list of 25 submissions, asked of DynamoDB Local, by our function and by
others that answer the same from the same two reads (`peers/`), all with bytecode, in Python {python}, by
Lambda's runtime client. CPU of the process, without Python's and the runtime client's own start; medians of
rounds in which each has its turn. Cold is loading the module and the first request."""
ROUNDS = 15
WARM = 40
"""Requests of each process after the first."""
WARMING = 10
"""Of those so many are not counted: Python adapts its bytecode to what comes."""
SUBMISSIONS = 1000
SCRIPTS = Path(__file__).parent / "peers"
PYTHON = shipped_python()
KEY = "the key that the benchmark signs its tokens with"
OURS, NOTHING = "this API", "an empty function"
PEERS = {
    "boto3, Powertools' resolver, pydantic, PyJWT": "with_boto3",
    "FastAPI, Mangum, boto3, PyJWT": "with_fastapi",
}


class Subject(NamedTuple):
    module: str
    path: Sequence[Path]


class Taken(NamedTuple):
    """CPU in milliseconds."""

    loading: float
    first: float
    warm: float

    @property
    def cold(self) -> float:
        return self.loading + self.first


def measure(facts: Template, rounds: int = ROUNDS) -> dict[str, Taken]:
    """The median of each subject's rounds."""
    function = facts.functions["ListSubmissions"]
    taken: dict[str, list[Taken]] = defaultdict(list)
    with TemporaryDirectory() as scratch, loaded(facts, SUBMISSIONS, Spread.EVEN) as (endpoint, world):
        folder = Path(scratch)
        subjects = _subjects(function, folder)
        token = tokens.token(facts, KEY, "admin", world.admin)
        with _stand_in(facts, folder) as address:
            variables = {**function.environment, **aws.environment(endpoint, address)}
            for _ in range(rounds):
                for name, subject in subjects.items():
                    with _started(function, subject, variables, folder) as emulator:
                        taken[name].append(_round(emulator, _event(token), name != NOTHING))
    return {name: Taken(*map(median, zip(*of_name, strict=True))) for name, of_name in taken.items()}


def _subjects(function: Function, folder: Path) -> dict[str, Subject]:
    layer = folder / "layer"
    build.build(layer, version_of(PYTHON))
    peers = packages("peers", PYTHON)
    own = [ROOT.joinpath(*function.module.split(".")[:-1]), layer / "python", packages("runtime", PYTHON)]
    return {
        OURS: Subject("app", own),
        **{name: Subject(module, [peers]) for name, module in PEERS.items()},
        NOTHING: Subject("with_nothing", [packages("runtime", PYTHON)]),
    }


def _started(function: Function, subject: Subject, variables: Mapping[str, str], folder: Path) -> Emulator:
    variables = {**variables, "PROBED": subject.module}
    path = [*subject.path, SCRIPTS]
    return Emulator(PYTHON, function, path, variables, folder, handler="probe.handler")


def _round(emulator: Emulator, event: Mapping[str, Any], answers: bool) -> Taken:
    told = [emulator.invoke(event) for _ in range(1 + WARM)]
    if answers:
        page = json.loads(told[-1]["answer"]["body"])
        assert len(page["data"]) == PER_PAGE, page
    requests = [1000 * each["request"] for each in told]
    return Taken(1000 * told[0]["loading"], requests[0], mean(requests[1 + WARMING :]))


def _event(token: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(
        (ROOT / "events" / "list_submissions.json").read_text(encoding="utf-8")
    )
    query = {"limit": str(PER_PAGE), "status": "graded"}
    event["headers"]["authorization"] = f"Bearer {token}"
    return event | {"rawQueryString": urlencode(query), "queryStringParameters": query}


@contextmanager
def _stand_in(facts: Template, folder: Path) -> Iterator[str]:
    """The rest of AWS."""
    stand_in = aws.StandIn(tokens.secret(facts, KEY), folder)
    gateway = Gateway(0, facts, lambda name, event: None, stand_in, {})
    threading.Thread(target=gateway.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield gateway.url
    finally:
        gateway.shutdown()
        gateway.server_close()
