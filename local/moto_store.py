"""moto's server, whose transactions would copy every item of every table beforehand: some seconds each.

Here a table's copy shares its items. What a transaction puts or deletes is still taken back when it
fails; it would not be after an update, which none of our transactions makes.
"""

import copy
import sys
from collections import defaultdict
from typing import Any

from moto.dynamodb.models.table import Table
from moto.server import main


def _copied(table: Table, memo: dict[int, Any]) -> Table:
    copied = copy.copy(table)
    copied.items = defaultdict(dict)
    for key, below in table.items.items():
        copied.items[key] = dict(below) if isinstance(below, dict) else below
    return copied


if __name__ == "__main__":
    type.__setattr__(Table, "__deepcopy__", _copied)
    main(sys.argv[1:])
