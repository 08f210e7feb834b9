"""A project of a few tiny functions, for the tests of what runs functions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.functions import Functions
from local.template import Template, read

_TEMPLATE = """
Globals:
  Function:
    CodeUri: functions/toy
    Timeout: 20
    MemorySize: 256
    Environment: {Variables: {SHARED: shared}}
Resources:
  Tell: {Type: AWS::Serverless::Function, Properties: {Handler: app.tell}}
  TellOwn:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.tell, Environment: {Variables: {OWN: own}}}
  Meet: {Type: AWS::Serverless::Function, Properties: {Handler: app.meet}}
  Fail: {Type: AWS::Serverless::Function, Properties: {Handler: app.fail}}
  Exit: {Type: AWS::Serverless::Function, Properties: {Handler: app.leave}}
  Die: {Type: AWS::Serverless::Function, Properties: {Handler: app.die}}
  Overrun: {Type: AWS::Serverless::Function, Properties: {Handler: app.overrun, Timeout: 1}}
  Hang: {Type: AWS::Serverless::Function, Properties: {Handler: app.hang, Timeout: 600}}
  Long: {Type: AWS::Serverless::Function, Properties: {Handler: app.long}}
  Odd: {Type: AWS::Serverless::Function, Properties: {Handler: app.odd}}
  Missing: {Type: AWS::Serverless::Function, Properties: {CodeUri: functions/missing, Handler: app.handler}}
"""

_APP = """
import os, sys, time
from pathlib import Path

VERSION = 1


def tell(event, context):
    print("what a handler prints")
    return {
        "event": event,
        "process": os.getpid(),
        "version": VERSION,
        "input": sys.stdin.read(),
        "environment": {name: os.environ.get(name) for name in ("SHARED", "OWN", "GIVEN", "AWS_PROFILE")},
        "context": [
            context.function_name,
            context.memory_limit_in_mb,
            context.invoked_function_arn,
            len(context.aws_request_id),
            0 < context.get_remaining_time_in_millis() <= 20_000,
        ],
    }


def meet(event, context):
    folder = Path(event["folder"])
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < event["number"]:
        time.sleep(0.01)
    return os.getpid()


def fail(event, context):
    raise RuntimeError("a fault")


def leave(event, context):
    sys.exit("a fault")


def die(event, context):
    os._exit(3)


def overrun(event, context):
    time.sleep(3600)


def hang(event, context):
    print("hanging in", os.getpid(), flush=True)
    time.sleep(3600)


def long(event, context):
    return event["character"] * event["times"]


def odd(event, context):
    return {1, 2}
"""


@pytest.fixture
def project(tmp_path: Path) -> Template:
    code = tmp_path / "functions" / "toy"
    code.mkdir(parents=True)
    (code / "app.py").write_text(_APP)
    (tmp_path / "template.yaml").write_text(_TEMPLATE)
    return read(tmp_path / "template.yaml")


@pytest.fixture
def functions(project: Template) -> Iterator[Functions]:
    log = project.root / "log"
    with log.open("ab") as file:
        running = Functions(project, {"GIVEN": "given"}, log=file, limit=3, warm=1)
        yield running
        running.close()
