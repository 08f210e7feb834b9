from pathlib import Path

import pytest

from local import reset
from local.start import locked


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As a server leaves it, and with something of its owner's."""
    folder = tmp_path / "data"
    for name in ("dynamodb", "streams", "logs"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").touch()
    for name in ("demo-loaded", "RejectedRecords.jsonl", "events.jsonl", "token-key", "own.txt"):
        (folder / name).touch()
    monkeypatch.setenv("DATA_DIR", str(folder))
    return folder


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_data_goes_and_the_key_and_what_is_not_ours_stay(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert reset.main() == 0
        assert capsys.readouterr().out == f"the data in {folder} is gone: `make start` begins with the demo\n"
        assert left(folder) == {"lock", "token-key", "own.txt"}


def test_the_data_of_a_running_server_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = left(folder) | {"lock"}
    with locked(folder):
        assert reset.main() == 1
    assert capsys.readouterr().err == f"another server is using {folder}; stop it or set DATA_DIR\n"
    assert left(folder) == before


def test_without_data_there_is_nothing_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(folder / "absent"))
    assert reset.main() == 0
    assert not (folder / "absent").exists()
