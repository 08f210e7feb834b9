"""The count trees: totals, statistics and the n-th row of every list, at the same cost at any size.

Imports point downwards::

    check          lists beside their rows, and mending
    apply          rows into, within and out of lists
    writer, store  changing lists, node by node; reading: totals, pages, short lists
    pages, source  which nodes a page needs; what is counted: rows, as their tables and indexes tell
    nodes          the rows of the table
    tree           one list as a counted B+ tree: nodes and what may be done with them
"""
