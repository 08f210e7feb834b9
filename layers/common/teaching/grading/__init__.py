"""Submissions: what participants hand in, and the grades they get (rules, Submissions)."""
