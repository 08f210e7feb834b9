"""Submissions: what participants hand in, and the grades they get (spec, "Teaching Grading")."""
