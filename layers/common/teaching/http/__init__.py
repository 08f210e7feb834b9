"""Requests and answers: everything between API Gateway and a function's own few lines.

Imports point downwards::

    endpoint        the decorator of every function behind the API
    auth, envelope  who calls; the shapes of answers
    keys, pages     what tokens are signed with; pages of a list
    token           the rules of a token
"""
