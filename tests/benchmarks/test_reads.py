"""What is measured of reads is what was asked for."""

from benchmarks import judged, reads
from benchmarks.load import Spread, loaded
from local.template import Template


def test_a_spreadsheet_has_every_row_once_on_all_its_pages(facts: Template) -> None:
    with loaded(facts, 250, Spread.SKEWED) as (_, world):
        told = reads.spreadsheet(world, limit=100)
    assert (told.pages, told.rows, told.each_once) == (3, 250, True)
    assert max(cost.trips for cost in told.costs) <= 4
    assert min(told.first_bytes, told.last_bytes) > 50_000
    assert judged.of_spreadsheet(told._replace(last_bytes=told.first_bytes), 250).kept
    assert not judged.of_spreadsheet(told._replace(last_bytes=2 * told.first_bytes), 250).kept
    assert not judged.of_spreadsheet(told._replace(last_bytes=told.first_bytes), 251).kept
