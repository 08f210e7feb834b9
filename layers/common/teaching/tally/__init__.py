"""Count trees: the total and any page of a list on DynamoDB, exact and at the same price at any size.

DynamoDB does not tell how many rows an index holds, nor which of them is the 40,000th. So each list is
kept besides as a tree of small rows, the *nodes*. *Leaves* hold an entry for each row of the list, in the
order of their keys (time, id); *branches* hold, for each node below them, the sum of what is in it::

    root                   [ from the start: 5,310 rows | from March: 4,870 rows ]
                            /                                    |
    branches     [ 60 rows | 71 rows | … ]            [ 48 rows | 66 rows | … ]
                    /          |                          |
    leaves     [ a b c … ] [ f g h … ]                [ x y z … ]

The root alone gives every total, by label if one asks, and the scores added up, by the groups that labels
name. To a row at any offset one goes down from the root, past the children that hold only rows before it: a
node on each level. That is all; in books it is a B+ tree with counts. A node that has grown over its size is
cut in two, one that has become thin is merged with its neighbour, and three levels are enough for a million
rows (hundreds of labels make nodes smaller, and may take a level more).

A row of yours is in one list or in several ("all orders", "orders of customer 7"). Its *ledger*, one more
small row, says in which it is counted now and as what. So a change needs to tell only the row's id: what
the ledger says is taken out, what the row is now is put in, and the ledger notes it, last.

To use it:

1. A table with the keys `list` and `node`, both texts, and no index (`settings().tallies_table`).
2. A `Source`: a function that reads what ids count as now (`Counted`: its entry in each of its lists), and
   one that reads the rows of a list from an index, for the check.
3. `apply.apply(ids, source.current)` with the ids of changed rows, as the tables' streams tell them: twice,
   late and out of order do no harm.
4. `lists.first_page`, `page_in_a_row`, `page_of_scattered` for pages of one list; `store.totals` for totals
   alone; `store.rows_at` for pages of several lists merged.
5. `check.check_list` for every list now and then, and for one that raised `Damaged`.

What it costs: the total, one small read (half a unit to one). A page, one trip for each level, up to three,
and the reading of its rows. A change, for each of its lists, reading and writing a node of each level, of
1 to 3 KB (changes that come together share them), and two writes of the ledger.

What it promises: once all changes have been told, every list holds exactly its rows, whoever was cut short,
repeated or overtaken on the way; until then it is behind by what was not told yet. No transactions, but for
the cutting and merging of nodes. What a reader meets that cannot be right raises `Damaged` and is never
counted. `check` finds what no reader meets, and builds it anew from the rows.

To take it elsewhere, take besides `dynamo` (plain values, retries), of `errors` `Unavailable` and `Damaged`,
of `clock` `utc_text`, `log.logger`, and the name of the table in `settings`. It knows nothing else.

Imports point downwards::

    check, lists   lists beside their rows, and mending; pages of a list whose rows stand in an index
    apply, store   rows into, within and out of lists; reading: totals, pages, short lists
    writer, pages  changing lists, node by node; which nodes a page needs: pure
    source         what is counted: rows, as their tables and indexes tell
    nodes          the rows of the table
    tree           one list as a tree in memory: nodes and what may be done with them, pure
"""
