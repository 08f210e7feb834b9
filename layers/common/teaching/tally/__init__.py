"""The count tree: totals, statistics and the n-th row of every list, at the same cost at any size."""
