"""docs/cost.md: what a month costs, from the units that `make bench` measured and the prices of prices.toml.

`python -m benchmarks.bill` writes it; `--check` fails where it is another.
"""

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from local import template
from local.template import ROOT

HERE = ROOT / "benchmarks"
DOCUMENT = ROOT / "docs" / "cost.md"
MONTH = 30
"""Days."""
SIZES = (1_000, 100_000, 10_000_000)

# What nobody can measure without an account; docs/cost.md names each.
BYTES_A_SUBMISSION = 8_000
MS_A_REQUEST = 25
MS_A_CHANGE = 20
MS_CHECKED = 0.3
BYTES_LOGGED = 700
POLLS_A_QUEUE = 5 * 3 * 60 * 24 * MONTH
"""Lambda waits at a queue with five calls of 20 seconds, message or not."""

ARRIVAL = "an arrival alone, at 100,000 rows: write / read units"
HAND_IN = "a hand-in alone, at 100,000 rows: write / read units"
GRADE = "a grade alone, at 100,000 rows: write / read units"

Quantities = dict[str, float]


def measured(name: str, row: str) -> list[float]:
    """The numbers of a row in a table that `make bench` wrote: of its second cell, or of its 100,000 even."""
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == row:
            cell = cells[4] if name == "results.md" else cells[1]
            return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", cell)]
    raise LookupError(f"no row {row!r} in benchmarks/{name}")


def standing() -> Quantities:
    """What a stack of production has, whatever is in it."""
    resources = template.read(Stage="prod").resources.values()
    of_type = [resource["Type"] for resource in resources]
    alarms = [one["Properties"] for one in resources if one["Type"] == "AWS::CloudWatch::Alarm"]
    fed = {queue.queue for queue in template.read().queues}
    runs = sum(MONTH * 86400 / schedule.seconds for schedule in template.read().schedules if schedule.seconds)
    return {
        "alarms": sum(max(1, len(alarm.get("Metrics", [])) - 1) for alarm in alarms),
        "dashboards": of_type.count("AWS::CloudWatch::Dashboard"),
        "metrics": 2,
        "secrets": 1,
        "queue_requests": len(fed) * POLLS_A_QUEUE / 1e6,
        "schedules": runs / 1e6,
        "lambda_requests": runs / 1e6,
    }


def idle(submissions: int) -> Quantities:
    """A month in which nobody comes: what stands, and what the daily check and storage cost."""
    (units, *_) = measured("reads.md", "a full check with nothing drifted, at 20,000 rows")
    checked = submissions * MONTH
    size = submissions * BYTES_A_SUBMISSION / 1e9
    return standing() | {
        "read_units": units * checked / 1e6,
        "lambda_seconds": checked * MS_CHECKED / 1000 / 1e6,
        "storage": size,
        "recovery": size,
    }


def requests(read: float) -> Quantities:
    """A million requests that read so many units each."""
    return {
        "read_units": read,
        "api_requests": 1,
        "lambda_requests": 1,
        "lambda_seconds": MS_A_REQUEST / 1000,
        "logs": BYTES_LOGGED / 1000,
    }


def changes(row: str) -> Quantities:
    """A million changes, all the way to lists and events."""
    write, read = measured("writes.md", row)
    return {
        "write_units": write,
        "read_units": read,
        "lambda_requests": 3,
        "lambda_seconds": 3 * MS_A_CHANGE / 1000,
        "events": 1,
        "logs": BYTES_LOGGED / 1000,
    }


def price(quantities: Mapping[str, float], *, allowances: bool = False) -> float:
    prices: dict[str, dict[str, float]] = tomllib.loads((HERE / "prices.toml").read_text(encoding="utf-8"))
    return sum(
        max(0.0, amount - (prices[name].get("free", 0) if allowances else 0)) * prices[name]["price"]
        for name, amount in quantities.items()
    )


def grading() -> Quantities:
    """A million grades: the request, and the change all the way."""
    both = requests(0)
    for name, amount in changes(GRADE).items():
        both[name] = both.get(name, 0) + amount
    return both


_TEXT = """# What it costs

Written by `make openapi`, from the units that `make bench` measured ([results](../benchmarks/results.md),
[writes](../benchmarks/writes.md), [reads](../benchmarks/reads.md)) and the list prices in
[prices.toml](../benchmarks/prices.toml), in US dollars without tax. *Allowances*: what every account has each
month for ever (10 alarms, 10 metrics, 3 dashboards, a million messages, …), where nothing else uses it.

## A month in which nobody comes (prod)

| submissions | list price | with allowances | of it the daily check | of it storage |
|--:|--:|--:|--:|--:|
{idle}

Whatever is in it, a stack costs {standing} at list prices: {parts}. `dev` has no dashboard. The check grows
with the data: `CheckParts` of 168 instead of 24 looks at everything once a week, for a seventh.

## A million requests

| a million of | read units each | list price |
|---|--:|--:|
{requests}

## A million changes, all the way to lists, totals and events

| a million of | write / read units each | list price |
|---|--:|--:|
{changes}

## What was not measured

Without an account: a submission with its indexes, trees and search is taken to be {bytes} bytes; a request
{request:g} ms and a change three functions of {change:g} ms at 1 GB; the check {check:g} ms a submission;
the log {log} bytes a request. Cold starts, traffic out ($0.09 a GB) and what alarms send are left out. No
tracing and no keys of KMS: both are off, and why is in [decisions.md](decisions.md).
"""
_REQUESTS = (
    "statistics",
    "details",
    "list, page 1, all statuses",
    "list, any page, any filter, all statuses",
    "search that finds 20 people",
)


def document() -> str:
    stands = standing()
    parts = {name.replace("_", " "): price({name: amount}) for name, amount in stands.items()}
    largest = sorted(parts, key=lambda name: -parts[name])[:5]
    return _TEXT.format(
        idle="\n".join(map(_idle_row, SIZES)),
        standing=_dollars(price(stands)),
        parts=", ".join(f"{name} {_dollars(parts[name])}" for name in largest),
        requests="\n".join(map(_request_row, _REQUESTS)),
        changes="\n".join(
            [
                _change_row("an arrival", ARRIVAL, changes(ARRIVAL)),
                _change_row("a hand-in", HAND_IN, changes(HAND_IN)),
                _change_row("a grade, with its request", GRADE, grading()),
            ]
        ),
        bytes=f"{BYTES_A_SUBMISSION:,}",
        request=MS_A_REQUEST,
        change=MS_A_CHANGE,
        check=MS_CHECKED,
        log=BYTES_LOGGED,
    )


def _idle_row(submissions: int) -> str:
    whole = idle(submissions)
    check = {name: whole[name] for name in ("read_units", "lambda_seconds")}
    stored = {name: whole[name] for name in ("storage", "recovery")}
    prices = [price(whole), *(price(some, allowances=True) for some in (whole, check, stored))]
    return f"| {submissions:,} | {' | '.join(map(_dollars, prices))} |"


def _request_row(row: str) -> str:
    read = measured("results.md", row)[1]
    return f"| {row} | {read:g} | {_dollars(price(requests(read)))} |"


def _change_row(name: str, row: str, quantities: Quantities) -> str:
    write, read = measured("writes.md", row)
    return f"| {name} | {write:g} / {read:g} | {_dollars(price(quantities))} |"


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}"


def main(document_at: Path = DOCUMENT) -> int:
    if "--check" in sys.argv:
        if document_at.read_text(encoding="utf-8") == document():
            return 0
        print("docs/cost.md is not what is measured: make openapi writes it", file=sys.stderr)
        return 1
    document_at.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
