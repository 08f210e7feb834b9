"""boto3, Powertools' resolver, pydantic and PyJWT."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, UnauthorizedError
from listing import Query, is_allowed, page
from pydantic import ValidationError

app = APIGatewayHttpResolver()


@app.get("/api/teaching/submissions")
def list_submissions() -> Response[str]:
    if not is_allowed(app.current_event.headers.get("authorization", "")):
        raise UnauthorizedError("Unauthorized")
    try:
        query = Query.model_validate(app.current_event.query_string_parameters or {})
    except ValidationError as error:
        raise BadRequestError(str(error)) from error
    return Response(200, "application/json", page(query).model_dump_json())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
