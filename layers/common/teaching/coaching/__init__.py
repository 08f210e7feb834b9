"""Coaching sessions and who came to them (rules, Coaching sessions; rules, Presences)."""
