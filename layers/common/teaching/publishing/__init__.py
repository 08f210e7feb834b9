"""What goes out: the events that tell other services of grades, marks, starts and ends (docs/asyncapi.yaml).

Imports point downwards::

    publish    what of changed rows was not sent yet, sent
    programme  what was sent, as metrics
    events     what each event says, and which one a row has to tell: pure
"""
