"""Labels of people: what is shown, on which page, where it is kept."""
