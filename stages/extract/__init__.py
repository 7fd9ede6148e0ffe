"""Parts of a text as columns: the place where replies and answers are taken apart."""
