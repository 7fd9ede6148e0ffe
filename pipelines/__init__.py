"""What happens to a run: recipes, the store, execution, flows, reports and the command line."""
