"""Whether texts are what they should be: forms, mathematics, programs, tasks with scorers."""
