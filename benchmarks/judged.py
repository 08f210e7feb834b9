"""The lines of what changes and the worst reads cost, each beside what is to be reached."""

from collections.abc import Iterable, Iterator
from random import Random
from string import ascii_letters, digits
from typing import NamedTuple

from benchmarks import reach, reads, shards, starts, writes
from benchmarks.load import SEED, Part, Spread, loaded
from benchmarks.meter import Cost
from benchmarks.reads import Searched, Spreadsheet
from local.template import Template
from teaching import limits

_LONGEST = limits.PROFILE_BYTES - len('{"bio":""}')
PROFILES = {
    "of 250 bytes": {"bio": "x" * 230},
    "of the largest size, of one word": {"bio": ("peserta " * 512)[:_LONGEST]},
    "of the largest size, at random": {
        "bio": "".join(Random(SEED).choices(ascii_letters + digits, k=_LONGEST))
    },
}
"""Everybody's. Copies of 250 bytes and more are compressed."""
LARGE = 100_000
"""With more rows only a grade is measured."""
_SHARE_MOST = 0.05
_STARTS_MOST = dict(zip(starts.PEERS, ((0.50, 0.50), (0.37, 0.36)), strict=True))
"""Cold and warm, of each peer's."""
_MEMORY_MOST = 1.25
"""Of the first page's, for the last."""
_RACE_SECONDS = 2
_RACE_WASTED = 0.1


class Judged(NamedTuple):
    line: str
    measured: str
    reach: str
    kept: bool


def of_writes(facts: Template, submissions: int) -> Iterator[Judged]:
    at = f"at {submissions:,} rows"
    with loaded(facts, submissions, Spread.SKEWED, Part.KEPT) as (_, world):
        supply = writes.Supply(world)
        for kind in writes.kinds()[: 1 if submissions > LARGE else None]:
            spent = writes.measured(kind.changes(supply), kind.batch, kind.table)
            most, most_reads = kind.most_writes(submissions), kind.reads if submissions <= LARGE else None
            limit = f"≤ {most:g}" + (f" / {most_reads:g}" if most_reads else "")
            yield Judged(
                f"{kind.name}, {at}: write / read units",
                f"{spent.writes:.1f} / {spent.reads:.1f}",
                limit,
                spent.writes <= most and spent.reads <= (most_reads or spent.reads),
            )
            if kind.a_second:
                yield Judged(
                    f"{kind.name}, {at}: a second by the partition key of the list of all",
                    f"{spent.a_second:.0f}",
                    f"≥ {kind.a_second:g}",
                    spent.a_second >= kind.a_second,
                )
        if submissions > LARGE:
            return
        raced = writes.race(facts, supply)
        yield Judged(
            f"{writes.SHARDS} shards at once, {writes.OF_A_SHARD} hand-ins each, {at}",
            f"{raced.seconds:.1f} s of {raced.requests:,} requests of {1000 * shards.LATENCY:.0f} ms, "
            f"{raced.unavailable} times Unavailable, {raced.wasted:.0%} of the units wasted, "
            f"{raced.wasted_a_change:.1f} a change",
            f"≤ {_RACE_SECONDS} s, never, ≤ {_RACE_WASTED:.0%}",
            raced.seconds <= _RACE_SECONDS and not raced.unavailable and raced.wasted <= _RACE_WASTED,
        )


def of_reads(facts: Template, submissions: int) -> Iterator[Judged]:
    at = f"at {submissions:,} rows"
    with loaded(facts, submissions, Spread.SKEWED, Part.WHOLE) as (_, world):
        for limit, most in ((25, 30), (100, 105)):
            costs = reads.pages_of_a_shared_item(world, limit)
            name = f"a page of {limit} of one course, of an item mostly in others, {at}"
            yield _of_requests(name, costs, most, 4)
        yield from (_of_search(found, at) for found in reads.searches(world))
        yield of_spreadsheet(reads.spreadsheet(world), submissions)
        checked = reads.check(world, facts)
        a_row = checked.cost.reads / submissions
        yield Judged(
            f"a full check with nothing drifted, {at}",
            f"{a_row:.2f} read units a submission, {checked.cost.requests:,} requests, "
            f"${checked.dollars_a_month:.2f} a month",
            "≤ 1.2, ≤ $1 a month as scheduled",
            a_row <= 1.2 and checked.dollars_a_month <= 1 and not checked.drifted,
        )
    for name, profile in PROFILES.items():
        with loaded(facts, 1000, Spread.EVEN, profile=profile) as (_, world):
            costs = reads.first_pages(world)
        yield _of_requests(f"the first page of all statuses, profiles {name}", costs, 8, 1)


def of_spreadsheet(told: Spreadsheet, submissions: int) -> Judged:
    units, trips = sum(cost.reads for cost in told.costs), max(cost.trips for cost in told.costs)
    once = "each once" if told.each_once else "not each once"
    first, last = told.first_bytes / 1e6, told.last_bytes / 1e6
    return Judged(
        f"all {submissions:,} rows as CSV, page by page through Link",
        f"{told.rows:,} rows, {once}, on {told.pages} pages of {trips} trips at most, {units:,.0f} read "
        f"units, in {first:.1f} MB of memory for the first page and {last:.1f} MB for the last",
        f"each once, ≤ 4 trips, in ≤ {_MEMORY_MOST:g} times the memory of the first",
        told.each_once and told.rows == submissions and trips <= 4 and last <= _MEMORY_MOST * first,
    )


def of_reach() -> Iterator[Judged]:
    for name, order in reach.ORDERS.items():
        rows = reach.most_rows(order)
        least = "≥ " if rows == reach.MOST else ""
        yield Judged(
            f"four trips to any page, rows that came {name}, up to",
            f"{least}{rows:,} rows",
            f"≥ {reach.WANTED:,}",
            rows >= reach.WANTED,
        )


def of_starts(facts: Template) -> Iterator[Judged]:
    taken = starts.measure(facts)
    for name, each in taken.items():
        figures = f"{each.cold:.0f} / {each.first:.0f} / {each.warm:.1f}"
        yield Judged(f"{name}: cold / of that the first request / warm, in ms of CPU", figures, "", True)
    ours = taken[starts.OURS]
    share = ours.first / ours.cold
    yield Judged(
        "of a cold start in its first request", f"{share:.1%}", f"≤ {_SHARE_MOST:.0%}", share <= _SHARE_MOST
    )
    for name, (cold_most, warm_most) in _STARTS_MOST.items():
        for kind, ratio, most in (
            ("cold", ours.cold / taken[name].cold, cold_most),
            ("warm", ours.warm / taken[name].warm, warm_most),
        ):
            yield Judged(f"{kind}, of {name}", f"{ratio:.2f}", f"≤ {most:.2f}", ratio <= most)


def rows(lines: Iterable[Judged]) -> Iterator[list[str]]:
    """Of a table; what is not reached is bold."""
    for line, measured, to_reach, kept in lines:
        yield [line, measured if kept else f"**{measured}**", to_reach]


def _of_requests(name: str, costs: list[Cost], most: float, trips: int) -> Judged:
    """The most that any of them took."""
    units, made = max(cost.reads for cost in costs), max(cost.trips for cost in costs)
    kept = units <= most and made <= trips
    return Judged(f"{name}: trips / read units", f"{made} / {units:g}", f"≤ {trips} / {most:g}", kept)


def _of_search(found: Searched, at: str) -> Judged:
    cost = found.cost
    kept = cost.trips <= reads.SEARCH_TRIPS and cost.reads <= found.most
    refused = ", refused" if found.refused else ""
    return Judged(
        f"search for {found.name} (“{found.text}”), {at}: trips / read units",
        f"{cost.trips} / {cost.reads:g}{refused}",
        f"≤ {reads.SEARCH_TRIPS} / {found.most:.1f} ({found.people} people, {found.items} items, "
        f"{found.rows:,} rows)",
        kept,
    )
