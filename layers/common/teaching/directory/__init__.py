"""People and material items, what other services own and we keep a copy of, and the search over them.

Imports point downwards::

    store           users and items in DynamoDB
    people, search  their shapes in answers, and short copies; the search table
"""
