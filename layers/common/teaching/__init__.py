"""The teaching side of a mentoring programme: what every function shares.

Imports point downwards only::

    healing                                 what takes up again what failed
    projections, recompute, intake.queue    what follows the streams, the schedule and the queue
    coaching, grading                       sessions and presences; submissions: rules and stores
    directory, tally                        people, items and the search; the count trees
    intake.records                          the records of other services
    http                                    requests and answers: endpoint, token, envelope, pages
    streams                                 which rows changed, and where what fails is set aside
    sqs, dynamo, jsons, clock, log, errors, settings, limits
"""
