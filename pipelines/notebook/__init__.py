"""A store as a notebook sees it."""
