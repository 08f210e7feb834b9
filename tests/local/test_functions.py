import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.functions import LAYER, EventTooLarge, FunctionError, Functions, FunctionTimeout
from local.template import ROOT, Template
from teaching.limits import ANSWER_BYTES
from tests.server import is_running


def test_a_handler_gets_its_event_and_context(functions: Functions) -> None:
    told = functions.invoke("Tell", {"name": "Rén"})
    assert told["event"] == {"name": "Rén"}
    assert told["input"] == ""
    assert told["context"] == [
        "Tell",
        256,
        "arn:aws:lambda:ap-southeast-3:123456789012:function:Tell",
        36,
        True,
    ]


def test_a_function_sees_its_own_variables_and_no_others(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "the developer's")
    shared = {"SHARED": "shared", "GIVEN": "given", "AWS_PROFILE": None}
    assert functions.invoke("TellOwn", {})["environment"] == {**shared, "OWN": "own"}
    assert functions.invoke("Tell", {})["environment"] == {**shared, "OWN": None}


def test_what_a_handler_prints_is_in_the_log(functions: Functions, project: Template) -> None:
    functions.invoke("Tell", {})
    assert "what a handler prints" in (project.root / "log").read_text()


def test_a_process_serves_one_invocation_after_another(functions: Functions) -> None:
    processes = {functions.invoke("Tell", {})["process"] for _ in range(5)}
    assert len(processes) == 1


def test_concurrent_invocations_have_a_process_each(functions: Functions, tmp_path: Path) -> None:
    folder = tmp_path / "meeting"
    folder.mkdir()
    event = {"folder": str(folder), "number": 3}
    with ThreadPoolExecutor(6) as pool:
        processes = list(pool.map(functions.invoke, ["Meet"] * 6, [event] * 6))
    assert len(set(processes)) == 3


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Fail", "RuntimeError: a fault"),
        ("Exit", "SystemExit: a fault"),
        ("Die", "its process ended"),
        ("Odd", "TypeError"),
        ("Missing", "ModuleNotFoundError"),
    ],
)
def test_a_handler_that_fails_is_an_error_and_the_next_call_is_served(
    functions: Functions, name: str, reason: str
) -> None:
    with pytest.raises(FunctionError, match=f"{name}: .*{reason}"):
        functions.invoke(name, {})
    assert functions.invoke("Tell", {"still": "here"})["event"] == {"still": "here"}


def test_what_is_larger_than_lambda_takes_is_refused(functions: Functions) -> None:
    """A character of two bytes is not the six that escaping makes of it."""
    most = ANSWER_BYTES // 2 - 1
    assert len(functions.invoke("Long", {"character": "é", "times": most})) == most
    with pytest.raises(FunctionError, match="a result of 6291458 bytes, 6291456 are allowed"):
        functions.invoke("Long", {"character": "é", "times": most + 1})
    with pytest.raises(EventTooLarge):
        functions.invoke("Tell", {"text": "x" * ANSWER_BYTES})


def test_a_fault_leaves_its_traceback_in_the_log(functions: Functions, project: Template) -> None:
    with pytest.raises(FunctionError):
        functions.invoke("Fail", {})
    assert "RuntimeError: a fault" in (project.root / "log").read_text()


def test_a_handler_that_overruns_is_ended_and_replaced(functions: Functions) -> None:
    before = functions.invoke("Tell", {})["process"]
    with pytest.raises(FunctionTimeout, match="Overrun did not answer within 1 s"):
        functions.invoke("Overrun", {})
    assert functions.invoke("Tell", {})["process"] != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_edited_code_is_loaded(
    functions: Functions, project: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.functions._SECONDS_BETWEEN_LOOKS", 0)
    assert functions.invoke("Tell", {})["version"] == 1
    code = project.root / "functions" / "toy" / "app.py"
    code.write_text(code.read_text().replace("VERSION = 1", "VERSION = 12"))
    assert functions.invoke("Tell", {})["version"] == 12


def test_closing_ends_every_process(functions: Functions) -> None:
    process = functions.invoke("Tell", {})["process"]
    functions.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_none_starts_once_they_are_closed_and_the_log_with_them(project: Template) -> None:
    with (project.root / "log").open("ab") as log:
        functions = Functions(project, {}, log=log, warm=0)
        functions.close()
    with pytest.raises(FunctionError, match="closed"):
        functions.invoke("Tell", {})


_SERVER = """
import sys
from pathlib import Path
from local.functions import Functions
from local.template import read

functions = Functions(read(Path(sys.argv[1]) / "template.yaml"), {}, log=sys.stdout.buffer, warm=1)
functions.invoke("Hang", {})
"""


def test_a_process_ends_with_a_server_that_is_killed_even_amid_its_work(project: Template) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(project.root)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": LAYER},
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdout
        process = next(int(line.split()[-1]) for line in server.stdout if line.startswith("hanging in"))
        server.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while is_running(process):
        assert time.monotonic() < deadline, f"process {process} is still there"
        time.sleep(0.02)
