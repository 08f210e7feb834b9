"""What is logged of each request: one line, with nothing of what it held.

Written here rather than by Powertools, whose import every cold start would pay for.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from teaching.http.auth import Caller


class Requested:
    """A request that is under way. Its line has `milliseconds` within the function, and the ids of the access
    log's line (`correlation_id`) and of whoever called, where their token was good.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        """`request` is what the log says of it in any case: its id and its route."""
        self.caller: Caller | None = None
        self._request = request
        self._began = time.perf_counter()

    def answered(self, status: int) -> None:
        line = {
            "level": "INFO",
            "message": "request",
            **self._request,
            "caller": self.caller and self.caller.id,
            "role": self.caller and self.caller.role,
            "status": status,
            "milliseconds": round((time.perf_counter() - self._began) * 1000, 1),
        }
        print(json.dumps(line), flush=True)
