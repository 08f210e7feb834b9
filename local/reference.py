"""The API's reference at `/docs`, in which requests are tried as one of the demo's people.

The page is Swagger UI, from npm, and the files of local/page around it. Nothing comes from elsewhere:
the browser is told to load from this server only.
"""

import mimetypes
from http import HTTPStatus
from pathlib import Path

from local import demo, npm, tokens
from local.payload import Answer, Request, refusal
from local.template import ROOT, Template

SWAGGER_UI = npm.Package(
    "swagger-ui-dist",
    "5.35.0",
    "sha512-U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==",
)

_OURS = ("page.js", "page.css")
_THEIRS = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
_HEADERS = [
    (
        "content-security-policy",
        # Swagger UI styles its elements one by one, and has its icons in its style sheet.
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    ),
    ("cache-control", "no-cache"),
]


def answer(request: Request, root: Path) -> Answer | None:
    """The page and its parts, and the way to it from `/`; None for what is not of the page."""
    if request.method not in ("GET", "HEAD"):
        return None
    if request.target == "/":
        return Answer(HTTPStatus.FOUND, [("location", "/docs")], b"")
    if request.raw_path != "/docs" and not request.raw_path.startswith("/docs/"):
        return None
    name = request.raw_path.removeprefix("/docs").removeprefix("/")
    try:
        file = _file(name, root)
    except npm.NpmError as error:
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, [("content-type", "text/plain")], f"{error}\n".encode())
    if not file or not file.exists():
        return refusal(HTTPStatus.NOT_FOUND, "Not found")
    kind = mimetypes.guess_type(file)[0] or "application/yaml"
    return Answer(HTTPStatus.OK, [("content-type", kind), *_HEADERS], file.read_bytes())


def _file(name: str, root: Path) -> Path | None:
    ours = ROOT / "local" / "page"
    if name == "openapi.yaml":
        return root / "docs" / name
    if name in _OURS:
        return ours / name
    # Fetched before the page is shown: without its scripts it would be an empty one.
    if name in ("", *_THEIRS):
        theirs = npm.fetched(SWAGGER_UI)
        return theirs / name if name else ours / "index.html"
    return None


def people(facts: Template, key: str) -> list[dict[str, str]]:
    """Whom the page can call as, with a token for each: for those who ask from this machine only.

    Nobody where an identity provider makes the tokens.
    """
    if tokens.are_of_provider(facts):
        return []
    return [
        {**person._asdict(), "token": tokens.token(facts, key, person.role, person.id)}
        for person in demo.PEOPLE
    ]


def seen_by_page(request: Request, answered: Answer) -> Answer:
    """The answer to a request of the page's; a redirect as a header, which a browser would follow unseen."""
    if not request.header("x-from-page") or not 300 <= answered.status < 400:
        return answered
    return Answer(HTTPStatus.OK, [*answered.headers, ("x-status", str(answered.status))], answered.body)
