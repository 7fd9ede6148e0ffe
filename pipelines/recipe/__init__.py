"""What a recipe says: YAML in, typed stages and engines out."""
