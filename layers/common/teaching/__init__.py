"""The teaching side of a mentoring programme: what every function shares.

Imports point downwards only; what stands on one line knows nothing of its neighbours::

    records_queue, streams, failed_queue, schedule  the ways in beside requests, each a function's event
    projections, publishing                         what is kept ready of the tables; the events that go out
    coaching, grading                               sessions and presences; submissions: rules and stores
    directory, http, tally                          people, items, their search; requests; the count trees
    records, changed_rows                           the records of other services; which rows changed
    event_bus, fields, sqs                          the types of what comes from outside; the bus; queues
    dynamo, log                                     the store; the log
    clock, errors, jsons, limits, log_lines
    aws, settings
"""

import gc
import os

if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    # Of a hundred looks for garbage while everything is imported none finds any: a tenth of a cold start.
    gc.set_threshold(50_000)
