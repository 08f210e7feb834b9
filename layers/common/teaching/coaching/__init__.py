"""Coaching sessions and who came to them (rules, Coaching sessions; rules, Presences).

Imports point downwards::

    closing  sessions that nobody has ended, ended
    store    sessions and presences in DynamoDB
    rules    what may be done with them, and how they are answered: pure
"""
