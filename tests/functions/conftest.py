import pytest

from tests.support import take_in_examples


@pytest.fixture
def examples(tables: str) -> None:
    """The spec's examples are in the store, and nothing else."""
    take_in_examples()
