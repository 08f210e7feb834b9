"""Loads a function as Lambda does, and tells beside each answer what it took: seconds of the process's CPU.

The environment's `PROBED` names the module.
"""

import importlib
import os
from time import process_time
from typing import Any

before = process_time()
probed = importlib.import_module(os.environ["PROBED"]).handler
loading = process_time() - before


def handler(event: Any, context: Any) -> dict[str, Any]:
    began = process_time()
    answer = probed(event, context)
    return {"answer": answer, "loading": loading, "request": process_time() - began}
