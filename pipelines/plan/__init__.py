"""What a recipe will do, before anything runs: steps, columns, fingerprints, estimates."""
