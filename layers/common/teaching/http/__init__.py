"""Requests and answers: everything between API Gateway and a function's own few lines."""
