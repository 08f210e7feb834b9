"""Search over people, items and sessions: every word of the search occurs inside a word of the searched text.

Words are separated by white space; case and accents do not count. For each text the index holds every
suffix (two letters or more) of every word, so that "contains" becomes `begins_with`: the key (`term`)
is `<kind>#<first two letters>`, the sort key (`entry`) `<suffix>#<id>`. What an asesor may find is few:
it stands once more under `<kind>@<asesor>`, and their searches read just that. Each row carries the
whole text, so further words are checked without another read. Cost grows with what is found.
"""

import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from teaching import dynamo
from teaching.dynamo import Item
from teaching.errors import InvalidQuery
from teaching.limits import CANDIDATES_MOST, MATCHES_MOST
from teaching.settings import settings

SUFFIX_LEAST, SUFFIX_MOST = 2, 100
USER, ITEM, SESSION = "user", "item", "session"


class Document(NamedTuple):
    """Something that can be found: its searched text, normalised, and what a match carries besides."""

    kind: str
    id: str
    text: str
    asesor: str | None = None
    """Whose searches find it, besides an admin's."""
    time: str = ""


class Matches(NamedTuple):
    """Which submissions a search finds."""

    items: set[str]
    """Every submission for these items, and"""
    participants: dict[str, list[str]]
    """of these participants every submission for an item whose title holds the words."""


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


def suffixes(text: str) -> set[str]:
    return {
        word[start : start + SUFFIX_MOST]
        for word in text.split()
        for start in range(len(word) - SUFFIX_LEAST + 1)
    }


def rows_of(document: Document) -> dict[tuple[str, str], Item]:
    """The index rows of a document by their keys."""
    keys = [(_term(document.kind, suffix), f"{suffix}#{document.id}") for suffix in suffixes(document.text)]
    if document.asesor and document.text:
        keys.append((_own(document.kind, document.asesor), document.id))
    carried = {"id": document.id, "text": document.text, "time": document.time}
    return {(term, entry): {"term": term, "entry": entry, **carried} for term, entry in keys}


def _term(kind: str, word: str) -> str:
    return f"{kind}#{word[:SUFFIX_LEAST]}"


def _own(kind: str, asesor: str) -> str:
    return f"{kind}@{asesor}"


def too_many() -> InvalidQuery:
    return InvalidQuery("search: matches too much, be more specific")


def submissions(search: str, own: str | None) -> Matches:
    """The people (name, e-mail) and items (title) whose words together hold every word of the search.

    One round trip. Raises `InvalidQuery` when more than `MATCHES_MOST` people or items match.
    """
    words = words_of(search)
    users, items = _candidates([(USER, own), (ITEM, None)], words)
    whole_items = _holding_all(items, words)
    participants: dict[str, list[str]] = {}
    for user, text in users.texts.items():
        rest = [word for word in words if not contains(text, word)]
        if len(rest) < len(words) and _may_hold(items, rest):
            participants[user] = rest
    if users.vague and any(_lacks_only(users.vague, title, words) for title in items.texts.values()):
        raise too_many()
    if max(len(whole_items), len(participants)) > MATCHES_MOST:
        raise too_many()
    return Matches(whole_items, participants)


def titles(items: Iterable[str]) -> dict[str, str]:
    """The searched texts of items. One round trip."""
    table = settings().search_table
    rows = dynamo.batch_get({table: [_document_key(ITEM, item) for item in items]})[table]
    return {row["id"]: row["text"] for row in rows}


def sessions(search: str, own: str | None) -> list[Item]:
    """`id` and `time` of the sessions whose title and asesor's name hold every word.

    One round trip. Raises `InvalidQuery` when the words are too common.
    """
    words = words_of(search)
    (found,) = _candidates([(SESSION, own)], words)
    return [{"id": session, "time": found.times[session]} for session in _holding_all(found, words)]


class _Candidates(NamedTuple):
    """Documents that hold at least one word, and the words that too many documents hold."""

    texts: dict[str, str]
    times: dict[str, str]
    vague: set[str]


def _candidates(kinds: Sequence[tuple[str, str | None]], words: list[str]) -> list[_Candidates]:
    """For each kind, of one asesor or (None) of all, the documents that the words find, all at once."""
    found = [_Candidates({}, {}, set()) for _ in kinds]
    reads: list[Callable[[], None]] = []
    for (kind, own), into in zip(kinds, found, strict=True):
        if own:
            reads.append(partial(_read_own, into, _own(kind, own), words))
        else:
            reads += [partial(_read_suffixes, into, kind, word) for word in words]
    dynamo.at_once(*reads)
    return found


def _read_own(into: _Candidates, term: str, words: list[str]) -> None:
    rows = list(dynamo.query(settings().search_table, "term = :term", {":term": term}))
    _add(into, [row for row in rows if any(contains(row["text"], word) for word in words)])


def _read_suffixes(into: _Candidates, kind: str, word: str) -> None:
    if len(word) < SUFFIX_LEAST:
        into.vague.add(word)
        return
    rows = list(
        dynamo.query(
            settings().search_table,
            "term = :term AND begins_with(entry, :word)",
            {":term": _term(kind, word), ":word": word},
            limit=CANDIDATES_MOST + 1,
        )
    )
    if len(rows) > CANDIDATES_MOST:
        into.vague.add(word)
    else:
        _add(into, rows)


def _add(into: _Candidates, rows: list[Item]) -> None:
    into.texts.update({row["id"]: row["text"] for row in rows})
    into.times.update({row["id"]: row["time"] for row in rows})


def _holding_all(candidates: _Candidates, words: list[str]) -> set[str]:
    if candidates.vague >= set(words):
        raise too_many()
    return {
        identity for identity, text in candidates.texts.items() if all(contains(text, word) for word in words)
    }


def _may_hold(candidates: _Candidates, words: list[str]) -> bool:
    """Whether some document may hold all the words; one that is known by vague words alone may."""
    return candidates.vague >= set(words) or any(
        all(contains(text, word) for word in words) for text in candidates.texts.values()
    )


def _lacks_only(vague: set[str], text: str, words: list[str]) -> bool:
    """Whether the text holds all words but some vague ones, which then too many others could complete."""
    lacking = {word for word in words if not contains(text, word)}
    return bool(lacking) and lacking <= vague


def index(kind: str, identity: str, document: Document | None) -> None:
    """Brings the index rows of one document to what it says now; None: it is gone.

    A row of its own (`doc@<kind>#<id>`) remembers every version of the document that may have left
    rows, so that whatever is cut short is cleaned up by the next call.
    """
    table, key = settings().search_table, _document_key(kind, identity)
    after = rows_of(document) if document else {}

    def once() -> None:
        known = dynamo.get(table, key, consistent=True) or {"versions": "[]", "version": 0}
        versions = [Document(*fields) for fields in json.loads(known["versions"])]
        before = {row_key: row for version in versions for row_key, row in rows_of(version).items()}
        settled = [document] if document else []
        if before == after and len(versions) == len(settled):
            return
        changed = [row for row_key, row in after.items() if before.get(row_key) != row]
        gone = [{"term": term, "entry": entry} for term, entry in before.keys() - after.keys()]
        writes = [{"Put": dynamo.put_arguments(table, row)} for row in changed]
        writes += [{"Delete": dynamo.delete_arguments(table, row_key)} for row_key in gone]
        chunks = list(dynamo.chunked(writes, dynamo.TRANSACTION_LIMIT - 1)) or [[]]
        for number, chunk in enumerate(chunks):
            kept = settled if number == len(chunks) - 1 else [*versions, *settled]
            noted = {"id": identity, "text": document.text if document else "", "versions": json.dumps(kept)}
            dynamo.transact([dynamo.versioned_put(table, key, known["version"] + number, noted), *chunk])

    dynamo.unless_lost(once)


def _document_key(kind: str, identity: str) -> dynamo.Key:
    return {"term": f"doc@{kind}#{identity}", "entry": "doc"}
