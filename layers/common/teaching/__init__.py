"""The teaching side of a mentoring programme: what every function shares.

Imports point downwards only::

    http        requests and answers: endpoint, token, envelope, pages
    intake      records from other services, one step from the stores
    coaching    sessions and presences
    grading     submissions
    directory   people and items, and the search over their names
    tally       the count tree: totals, statistics, deep pages
    dynamo      the one client, its values and its errors
    errors, clock, settings
"""
