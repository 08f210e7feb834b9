import pytest

from benchmarks import reach
from teaching.tally.tree import LEAF_MOST


@pytest.mark.parametrize("order", reach.ORDERS)
def test_three_levels_hold_a_few_thousand_rows_in_any_order(order: str) -> None:
    assert reach.most_rows(reach.ORDERS[order], 3000) == 3000


def test_the_rows_are_told_at_which_a_level_more_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "LEVELS", 1)
    assert reach.most_rows(reach.at_random, 3000) == LEAF_MOST
