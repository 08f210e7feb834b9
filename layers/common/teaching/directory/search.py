"""Search over people, items and sessions: every word of the search occurs inside a word of the searched text.

Words are separated by white space; case and accents do not count.

DynamoDB finds what begins with a text, not what contains it. But what a word contains, one of its ends begins
with: "it" is in "siti", for "iti" begins with it. So each *document* (a user, an item, a session) has a row
for every end of each of its words. The search table, drawn for the user 7f (really a UUID) "siti siti@x.id"
of asesor 03, and for the item c5 "Modul 7"::

    term         entry         text
    user#si      siti#7f       siti siti@x.id   every end of every word, of two letters or more:
    user#si      siti@x.id#7f  siti siti@x.id   of "siti" also "iti" and "ti", of "siti@x.id"
    user#it      iti#7f        siti siti@x.id   "iti@x.id", … "id"
    user#x       x#7f          siti siti@x.id   every letter, for words of one letter
    user@        7f            siti siti@x.id   all users once, for words that nearly everyone holds
    user@03      7f            siti siti@x.id   what an asesor may find
    item@        c5            modul 7          all items: some hundred short titles are read whole
    doc@user#7f  doc                            which texts of the user may have left rows (see `index`)

Each row carries the whole text, which tells whether the other words are there too. Sessions are kept as
users are. Who searches reads (`Holders`), each step one round trip:

- an asesor, all that they may find;
- an admin, the first rows of each word. One word whose rows were read to their end gives every document
  that holds all the words. If all words are too common for that, more of their rows, at last all documents.

The rows are written by `index`, whenever a document has changed.
"""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import NamedTuple
from uuid import uuid4

from teaching import clock, dynamo
from teaching.dynamo import Item
from teaching.errors import InvalidQuery
from teaching.limits import MATCHES_MOST
from teaching.settings import settings

ROWS_OF_ONE_WORD = 5000
"""Rows that a search of one word reads at first. Each of them is found."""
ROWS_AT_FIRST = 1000
"""Rows that all words of any other search read at first together, some 13 units."""
WORDS_AT_FIRST = 8
"""Words that are read at first, the longest ones: a word without rows costs half a unit, too."""
ROWS_READ_ON = 8000
"""Rows that all words read on together. A trip brings 1 MB, some 10,000 rows."""
WRITING_MOST = timedelta(minutes=15)
"""No Lambda lives longer, so who began to write before is not writing any more."""

SUFFIX_LEAST, SUFFIX_MOST = 2, 100
USER, ITEM, SESSION = "user", "item", "session"
NOTE = "doc"
HIGHEST = "\U0010ffff"
"""Sorts behind all that begins in the same way."""


class Document(NamedTuple):
    """Something that can be found: its searched text, normalised, and what a match carries besides."""

    kind: str
    """`USER`, `ITEM` or `SESSION`."""
    id: str
    text: str
    asesor: str | None = None
    """Whose searches find it, besides an admin's."""
    time: str = ""
    """When a session begins, which is its place in the list."""


def normalised(text: str) -> str:
    """Case and accents taken away, words separated by single spaces."""
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(unicodedata.normalize("NFKD", bare.casefold()).split())


def words_of(search: str) -> list[str]:
    """The words to look for, the longest first, without those that a longer one implies."""
    words: list[str] = []
    for word in sorted(set(normalised(search).split()), key=lambda word: (-len(word), word)):
        if not any(word in longer for longer in words):
            words.append(word)
    return words


def contains(text: str, word: str) -> bool:
    """Whether the word occurs inside a word of the normalised text; neither has a space inside a word."""
    return word in text


def lacking(text: str, words: Iterable[str]) -> frozenset[str]:
    """The words that the normalised text does not hold."""
    return frozenset(word for word in words if not contains(text, word))


def too_many() -> InvalidQuery:
    return InvalidQuery("search: matches too much, be more specific")


def fragments(text: str) -> set[str]:
    """What a word may begin with to be found: the ends of the text's words, and its letters."""
    ends = {
        word[start : start + SUFFIX_MOST]
        for word in text.split()
        for start in range(len(word) - SUFFIX_LEAST + 1)
    }
    return ends | set("".join(text.split()))


def rows_of(document: Document) -> dict[tuple[str, str], Item]:
    """The rows that a document has in the search table, by their keys; the one that notes it aside."""
    keys = [(_all(document.kind), document.id)]
    if document.kind != ITEM:
        keys += [
            (_term(document.kind, fragment), f"{fragment}#{document.id}")
            for fragment in fragments(document.text)
        ]
    if document.asesor:
        keys.append((_all(document.kind, document.asesor), document.id))
    carried = {"text": document.text}
    if document.time:
        carried["time"] = document.time
    return {(term, entry): {"term": term, "entry": entry, **carried} for term, entry in keys}


def _term(kind: str, fragment: str) -> str:
    return f"{kind}#{fragment[:SUFFIX_LEAST]}"


def _all(kind: str, asesor: str | None = None) -> str:
    return f"{kind}@{asesor or ''}"


def _id(row: Item) -> str:
    return str(row["entry"]).rpartition("#")[2]


def titles(item: str | None) -> dict[str, str]:
    """The searched texts of all items, or of one (also of one that is not known). One round trip."""
    if item is None:
        rows = dynamo.query(settings().search_table, "term = :term", {":term": _all(ITEM)})
        return {_id(row): row["text"] for row in rows}
    return {item: text_of(ITEM, item)}


def text_of(kind: str, identity: str) -> str:
    """The searched text of one document; empty of one that is not known. One round trip."""
    values = {":term": _all(kind), ":entry": identity}
    rows = dynamo.query(settings().search_table, "term = :term AND entry = :entry", values)
    return "".join(row["text"] for row in rows)


class Holders:
    """The documents of a kind that hold words of a search, as far as the index has been read."""

    def __init__(self, kind: str, asesor: str | None, words: Sequence[str]) -> None:
        """An asesor finds only theirs; None finds all."""
        self.rows: dict[str, Item] = {}
        """What was read so far, by the documents' ids; of an asesor's, all."""
        self._kind = kind
        self._asesor = asesor
        self._words = words
        self._whole: set[str] = set()
        """The words whose every holder was read."""
        self._last: dict[str, str] = {}
        """The entry up to which the others were read."""
        self._lacking: defaultdict[frozenset[str], set[str]] = defaultdict(set)
        """The documents by the words that they lack."""

    def read(self) -> None:
        """An asesor's documents all, else the first rows of the longest words. One round trip."""
        if self._asesor:
            term = _all(self._kind, self._asesor)
            self._add(list(dynamo.query(settings().search_table, "term = :term", {":term": term})))
            self._whole.update(self._words)
        else:
            most = ROWS_AT_FIRST if len(self._words) > 1 else ROWS_OF_ONE_WORD
            dynamo.at_once(*self._reads(self._words[:WORDS_AT_FIRST], most))

    def reads_on(self, words: Collection[str]) -> list[Callable[[], None]]:
        """What reads more rows of those words, at once: one round trip if the texts are not very long."""
        return self._reads([word for word in words if word not in self._whole], ROWS_READ_ON)

    def read_all(self) -> None:
        """All documents, in ranges of their ids. One round trip up to some 100,000 documents."""

        def read(digit: str) -> list[Item]:
            return _range(_all(self._kind), digit, digit + HIGHEST)

        for rows in dynamo.at_once(*[partial(read, digit) for digit in "0123456789abcdef"]):
            self._add(rows)
        self._whole.update(self._words)

    def complete(self) -> None:
        """Makes sure that all are known who hold every word. One round trip or none.

        Raises `InvalidQuery` when they are more than `MATCHES_MOST`.
        """
        refuse_too_many(self.known_to_hold(self._words))
        if self.holding(self._words) is None:
            self.read_all()
            refuse_too_many(self.known_to_hold(self._words))

    def holding(self, words: Collection[str]) -> set[str] | None:
        """The documents that hold all the words; None while there may be some that were not read."""
        if words and self._whole.isdisjoint(words):
            return None
        return self.known_to_hold(words)

    def known_to_hold(self, words: Collection[str]) -> set[str]:
        """Those of the documents read so far that hold all the words."""
        found: set[str] = set()
        for lacks, documents in self._lacking.items():
            if lacks.isdisjoint(words):
                found |= documents
        return found

    def _reads(self, words: Sequence[str], most: int) -> list[Callable[[], None]]:
        return [partial(self._read_word, word, max(2, most // len(words))) for word in words]

    def _read_word(self, word: str, limit: int) -> None:
        begin = word[:SUFFIX_MOST]
        rows = _range(_term(self._kind, word), self._last.get(word, begin), begin + HIGHEST, limit)
        self._add(rows)
        if len(rows) < limit:
            self._whole.add(word)
        else:
            self._last[word] = rows[-1]["entry"]

    def _add(self, rows: Iterable[Item]) -> None:
        for row in rows:
            document = _id(row)
            if document not in self.rows:
                self.rows[document] = row
                self._lacking[lacking(row["text"], self._words)].add(document)


def _range(term: str, low: str, high: str, limit: int | None = None) -> list[Item]:
    values = {":term": term, ":low": low, ":high": high}
    condition = "term = :term AND entry BETWEEN :low AND :high"
    return list(dynamo.query(settings().search_table, condition, values, limit=limit))


def refuse_too_many(found: Collection[object]) -> None:
    """Raises `InvalidQuery`."""
    if len(found) > MATCHES_MOST:
        raise too_many()


def sessions(search: str, asesor: str | None) -> list[Item]:
    """`id` and `time` of the sessions whose title and asesor's name hold every word.

    One round trip, up to three where every word is common. Raises `InvalidQuery` when an admin's search
    finds more than `MATCHES_MOST`.
    """
    words = words_of(search)
    holders = Holders(SESSION, asesor, words)
    holders.read()
    if asesor is None:
        refuse_too_many(holders.known_to_hold(words))
        if holders.holding(words) is None:
            dynamo.at_once(*holders.reads_on(words))
        holders.complete()
    found = holders.known_to_hold(words)
    return [{"id": session, "time": holders.rows[session]["time"]} for session in found]


class _Noted(NamedTuple):
    """What the row `doc@<kind>#<id>` says of a document."""

    versions: list[Document]
    """Those that may have left rows. Of a document at rest it is the present one, or none."""
    writers: dict[str, str]
    """Who has begun to write its rows and when, and has not come to the end."""

    @classmethod
    def of(cls, row: Item | None) -> "_Noted":
        if row is None:
            return cls([], {})
        versions = [Document(*fields) for fields in json.loads(row["versions"])]
        return cls(versions, json.loads(row.get("writers", "{}")))

    def row(self) -> Item:
        return {"versions": json.dumps(self.versions), "writers": json.dumps(self.writers)}


def index(kind: str, identity: str, read: Callable[[], Document | None], *, repair: bool = False) -> None:
    """Brings the rows of one document to what it says now, as `read` tells it (None: it is gone).

    First is noted, in a row of the document's own, what will be written and by whom, then the rows are
    written, then the note is settled. Whatever is cut short is found in the note by the next call. Of
    several writers at a time the last to end does its work again, alone, for their writes may have come
    in any order. The note is read before the document, so that who read an old document loses to
    whoever noted a newer one. `repair` writes every row, also where the note says that all is well.

    Costs two writes and one for each row that changes. Raises `Unavailable`.
    """
    writer = str(uuid4())
    key = _note_key(kind, identity)

    def read_and_write() -> bool:
        stored = dynamo.get(settings().search_table, key, consistent=True)
        noted, version = _Noted.of(stored), stored["version"] if stored else 0
        document = read()
        wanted = [document] if document else []
        at_rest = not noted.writers and len(noted.versions) <= 1
        if at_rest and noted.versions == wanted and not repair:
            return True
        others = _still_writing(noted.writers)
        versions = noted.versions + [version for version in wanted if version not in noted.versions]
        _put_note(key, version, _Noted(versions, {**others, writer: clock.now()}))
        _write_rows(versions, document, trusted=at_rest and not repair)
        if not others and _settle(key, version + 1, wanted):
            return True
        return _leave(key, writer)

    while not dynamo.unless_lost(read_and_write):
        continue


def _still_writing(writers: dict[str, str]) -> dict[str, str]:
    long_ago = clock.utc_text(datetime.now(UTC) - WRITING_MOST)
    return {writer: since for writer, since in writers.items() if since > long_ago}


def _write_rows(versions: Sequence[Document], document: Document | None, *, trusted: bool) -> None:
    """Puts the document's rows and deletes those of its other versions; if trusted, what differs only."""
    before: dict[tuple[str, str], Item] = {}
    for version in versions:
        if version != document:
            before |= rows_of(version)
    after = rows_of(document) if document else {}
    puts = [row for key, row in after.items() if not trusted or before.get(key) != row]
    gone = [{"term": term, "entry": entry} for term, entry in before.keys() - after.keys()]
    dynamo.batch_write(settings().search_table, puts, gone)


def _settle(key: dynamo.Key, version: int, wanted: list[Document]) -> bool:
    """Whether nobody else began to write meanwhile; then the rows are as wanted."""
    try:
        _put_note(key, version, _Noted(wanted, {}))
    except dynamo.ConditionFailed:
        return False
    return True


def _leave(key: dynamo.Key, writer: str) -> bool:
    """Whether somebody else is still writing, who will then end after this one."""

    def read_and_write() -> bool:
        stored = dynamo.get(settings().search_table, key, consistent=True)
        noted = _Noted.of(stored)
        others = {other: since for other, since in noted.writers.items() if other != writer}
        _put_note(key, stored["version"] if stored else 0, noted._replace(writers=others))
        return bool(_still_writing(others))

    return dynamo.unless_lost(read_and_write)


def _put_note(key: dynamo.Key, version: int, noted: _Noted) -> None:
    """Raises `ConditionFailed` when the row is not of this version any more."""
    dynamo.put_from(settings().search_table, {**key, **noted.row(), "version": version + 1}, version)


def _note_key(kind: str, identity: str) -> dynamo.Key:
    return {"term": f"{NOTE}@{kind}#{identity}", "entry": NOTE}


def unlike(documents: Iterable[Document]) -> list[tuple[str, str]]:
    """The documents (kind, id) that have not exactly their rows in the search table. Reads all of it.

    Their rows are compared by a checksum for each document; one that changes meanwhile may be among them.
    """
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    for document in documents:
        for row in rows_of(document).values():
            sums[document.kind, document.id] ^= _fingerprint(row)
    for row in dynamo.scan_all(settings().search_table):
        kind, _, _ = row["term"].replace("@", "#").partition("#")
        if kind != NOTE:
            sums[kind, _id(row)] ^= _fingerprint(row)
    return [document for document, checksum in sums.items() if checksum]


def _fingerprint(row: Item) -> int:
    text = json.dumps([row["term"], row["entry"], row["text"], row.get("time")])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
