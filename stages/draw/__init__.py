"""New rows made of rows that there are, by chance."""
