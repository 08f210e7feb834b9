from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import botocore.session
from botocore.client import BaseClient

from teaching import aws


def test_clients_made_in_many_threads_are_of_one_session(store: str) -> None:
    made: list[BaseClient] = []
    with patch.object(botocore.session, "get_session", wraps=botocore.session.get_session) as get_session:
        with ThreadPoolExecutor(8) as pool:
            made += pool.map(lambda _: aws.create_client("sqs", read_timeout=1), range(8))
        assert get_session.call_count == 1
    assert len(set(made)) == 8
