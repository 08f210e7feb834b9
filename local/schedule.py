"""The template's schedules: each function runs once at the start, then at its rate."""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from local.functions import FunctionError
from local.template import Schedule

Invoke = Callable[[str, Mapping[str, Any]], Any]


class Scheduler:
    """Runs from `start` until `stop`, or until the process ends; a run that fails waits for the next."""

    def __init__(self, schedules: Iterable[Schedule], invoke: Invoke) -> None:
        self._schedules = list(schedules)
        self._invoke = invoke
        self._stopping = threading.Event()

    def start(self) -> None:
        for schedule in self._schedules:
            threading.Thread(target=self._run, args=(schedule,), daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self, schedule: Schedule) -> None:
        """A cron expression has no rate, so that function runs at the start only."""
        while not self._stopping.is_set():
            with suppress(FunctionError):
                self._invoke(schedule.function, {"time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")})
            if self._stopping.wait(schedule.seconds):
                return
