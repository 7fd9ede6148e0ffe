"""Published figures, computed again by the code that judges, extracts and pairs here."""
