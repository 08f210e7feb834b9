"""Submissions: what participants hand in, and the grades they get (rules, Submissions).

Imports point downwards::

    store           submissions in DynamoDB
    finding, rules  which lists a search reads; what may be done with submissions: pure
"""
