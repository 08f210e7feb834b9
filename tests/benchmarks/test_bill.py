from pathlib import Path

import pytest

from benchmarks import bill
from local import template


def test_a_month_in_which_nobody_comes_is_three_dollars_at_the_most_with_100_000_submissions() -> None:
    assert 0 < bill.price(bill.idle(100_000), allowances=True) <= 3


def test_a_price_is_of_what_is_beyond_the_allowance() -> None:
    assert bill.price({"dashboards": 4}) == 12
    assert bill.price({"dashboards": 4}, allowances=True) == 3
    assert bill.price({"dashboards": 2, "secrets": 1}, allowances=True) == 0.4


def test_what_stands_is_counted_in_the_template() -> None:
    alarms = [
        name
        for name, resource in template.read(Stage="prod").resources.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    stands = bill.standing()
    assert stands["alarms"] == len(alarms) + 1, "one looks at two metrics"
    assert stands["dashboards"] == 1
    assert stands["schedules"] == pytest.approx((30 * 24 + 30 * 24 * 12) / 1e6)


def test_units_are_those_that_were_measured() -> None:
    assert bill.measured("results.md", "statistics")[1] == 0.5
    with pytest.raises(LookupError, match="no row 'nothing'"):
        bill.measured("writes.md", "nothing")


def test_a_document_that_is_not_what_was_measured_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "cost.md"
    assert bill.main(written) == 0
    monkeypatch.setattr("sys.argv", ["bill", "--check"])
    assert bill.main(written) == 0
    written.write_text(written.read_text().replace("$", "€"))
    assert bill.main(written) == 1
    assert "make openapi" in capsys.readouterr().err
