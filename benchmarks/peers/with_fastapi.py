"""FastAPI behind Mangum, with boto3 and PyJWT."""

from typing import Annotated

from fastapi import FastAPI, Header, HTTPException
from fastapi import Query as InQuery
from listing import Page, Query, is_allowed, page
from mangum import Mangum

app = FastAPI()


@app.get("/api/teaching/submissions")
def list_submissions(query: Annotated[Query, InQuery()], authorization: Annotated[str, Header()]) -> Page:
    if not is_allowed(authorization):
        raise HTTPException(401, "Unauthorized")
    return page(query)


handler = Mangum(app, lifespan="off")
