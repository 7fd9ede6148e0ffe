"""What stages know about texts: answers, constraints, documents, languages, leaks."""
