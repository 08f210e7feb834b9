"""People and material items: what other services own and we keep a copy of, and the search over them."""
