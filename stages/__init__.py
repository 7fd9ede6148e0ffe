"""What happens to a row. Nothing here knows a scheduler, a database or a store."""
