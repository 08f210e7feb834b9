"""Requests and answers: everything between API Gateway and a function's own few lines.

Imports point downwards::

    endpoint, batch           the decorator of every function behind the API; many of a request in one
    requested, tables, links  the log's line; pages of a list as CSV; the way to the other pages
    startup                   what is made ready beforehand
    auth, envelope            who calls; the shapes of answers
    jwks                      the keys that an identity provider publishes
    keys, pages               what tokens are signed with; pages of a list
    token, versions           the rules of a token; ETag and If-Match
    accepted                  JSON or CSV
"""
