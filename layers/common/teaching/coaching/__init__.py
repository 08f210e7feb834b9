"""Coaching sessions and who came to them (spec, "Teaching Coaching")."""
