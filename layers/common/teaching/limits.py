"""Every limit, so that each row, copy, page and answer that can follow from a record fits (docs/limits.md).

Sizes are in bytes, of JSON in UTF-8 where a value is measured.
"""

# What AWS takes.
ROW_BYTES = 400 * 1024
"""An item of DynamoDB, names of attributes included."""
ANSWER_BYTES = 6 * 1024 * 1024
"""What a function of Lambda is called with, and what it answers, each as JSON."""
EVENT_BYTES = 256 * 1024
"""An event of EventBridge: a record and its envelope."""
GATEWAY_BODY_BYTES = 10 * 1024 * 1024

# Requests.
BODY_BYTES = 64 * 1024
BATCH_BODY_BYTES = 256 * 1024
"""Of a request that marks or grades many at once."""
BATCH_MOST = 100
BATCH_ANSWER_BYTES = 5 * 1024 * 1024
"""What the results of many gradings may come to, each as JSON within JSON, as Lambda answers it."""
PER_PAGE = 25
PER_PAGE_MOST = 100
TABLE_ROWS_MOST = 1000
"""Of a page as CSV."""
TABLE_BYTES = 5 * 1024 * 1024
"""Of a page as CSV within JSON, as Lambda answers it; of what is larger the first rows are answered."""
SEARCH_LEAST, SEARCH_MOST = 2, 100
"""Characters of a search."""
SCORE_LEAST = 0
SCORE_DIGITS = 15
"""A JSON number of up to 15 digits survives every client's floating point unchanged."""
JWKS_BYTES = 64 * 1024
"""Of the keys that an identity provider publishes."""

# Texts, in characters.
NOTE_MOST = 10_000
NAME_MOST = 500
WORD_MOST = 100
URL_MOST = 2000
TEXT_MOST = 1000
"""Any text without a limit of its own."""
NAME_SHOWN = 100
"""Of the name of a field, in the reason why a record or a body is refused."""
BYTES_PER_CHARACTER = 4
"""A text of n characters has at most 4n bytes as JSON: any that UTF-8 holds, but few control characters."""

# Values of records.
PROFILE_BYTES = 4 * 1024
DATA_BYTES = 150 * 1024
SNAPSHOT_BYTES = 150 * 1024
DEPTH_MOST = 64
"""Lists and objects within one another."""
ROSTER_MOST = 5000
SEQUENCE_MOST = 10**9
HOURS_AHEAD = 24
"""How far `updated_at` of a record may be ahead of our clock."""

# The search.
MATCHES_MOST = 2000
"""People, items or sessions that an admin's search may find."""
