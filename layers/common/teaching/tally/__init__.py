"""The count trees: totals, statistics and the n-th row of every list, at the same cost at any size.

tree     one list as a counted B+ tree, pure: nodes and what may be done with them
nodes    the rows of the table
source   what is counted: rows, as their tables and indexes tell
pages    which nodes a page needs (pure)          store   reading: totals, pages, short lists
writer   changing lists, node by node             apply   rows into, within and out of lists
check    lists beside their rows, and mending
"""
