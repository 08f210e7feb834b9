"""Coaching sessions and who came to them (rules, Coaching sessions; rules, Presences).

Imports point downwards::

    store  sessions and presences in DynamoDB
    rules  what may be done with them, and how they are answered: pure
"""
