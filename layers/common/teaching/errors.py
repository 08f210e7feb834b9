"""Every error the API answers, in one tree.

::

    ApiError                          status  first string of `errors`
    ├── Unauthorized                  401     Unauthorized
    ├── Forbidden                     403     Forbidden
    ├── NotFound                      404     Not found
    │   ├── SessionNotFound           404     Coaching session not found
    │   └── SubmissionNotFound        404     Submission not found
    ├── BadRequest                    400
    │   ├── InvalidQuery              400     Invalid query parameters
    │   ├── InvalidBody               400     Invalid request body
    │   ├── InvalidHeaders            400     Invalid request headers
    │   ├── CannotBeStarted           400     Coaching session cannot be started
    │   ├── CannotBeEnded             400     Coaching session cannot be ended
    │   └── CannotBeGraded            400     Submission cannot be graded
    ├── PreconditionFailed            412     Precondition failed
    ├── BodyTooLarge                  413     Request body too large
    ├── Fault                         500     Internal server error
    └── Unavailable                   503     Service unavailable
        └── Damaged                   503     Service unavailable

What is not an `ApiError` is a fault of ours, and answered as `Fault`.
Beside the tree stand `Malformed`, a record from another service that breaks its schema, and
`NotFinished`, work that goes on the next time.
"""

from http import HTTPStatus
from typing import ClassVar


class ApiError(Exception):
    """An answer other than success; `details` say which field is wrong and why."""

    status: ClassVar[HTTPStatus]
    message: ClassVar[str]

    def __init__(self, *details: str) -> None:
        super().__init__(self.message, *details)
        self.details = details


class Unauthorized(ApiError):
    status = HTTPStatus.UNAUTHORIZED
    message = "Unauthorized"


class Forbidden(ApiError):
    status = HTTPStatus.FORBIDDEN
    message = "Forbidden"


class NotFound(ApiError):
    status = HTTPStatus.NOT_FOUND
    message = "Not found"


class SessionNotFound(NotFound):
    message = "Coaching session not found"


class SubmissionNotFound(NotFound):
    message = "Submission not found"


class BadRequest(ApiError):
    status = HTTPStatus.BAD_REQUEST


class InvalidQuery(BadRequest):
    message = "Invalid query parameters"


class InvalidBody(BadRequest):
    message = "Invalid request body"


class InvalidHeaders(BadRequest):
    message = "Invalid request headers"


class CannotBeStarted(BadRequest):
    message = "Coaching session cannot be started"


class CannotBeEnded(BadRequest):
    message = "Coaching session cannot be ended"


class CannotBeGraded(BadRequest):
    message = "Submission cannot be graded"


class PreconditionFailed(ApiError):
    """The object is not of the version that the request is meant for; nothing was written."""

    status = HTTPStatus.PRECONDITION_FAILED
    message = "Precondition failed"


class BodyTooLarge(ApiError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    message = "Request body too large"


class Fault(ApiError):
    """A bug of ours: nothing of it shows."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    message = "Internal server error"


class Unavailable(ApiError):
    """Lost a race after retries, throttled, or the store does not answer: try again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    message = "Service unavailable"


class Damaged(Unavailable):
    """A list kept ready has lost a node, or one is wrong: it is told to the healing, and soon mended."""

    def __init__(self, list_name: str, node: str) -> None:
        super().__init__()
        self.list_name = list_name
        self.node = node


class Malformed(Exception):
    """A record that came in breaks its schema; the message names the fields, never their values."""


class NotFinished(Exception):
    """The time ran out; what was done stays, and doing it all again does only the rest."""
