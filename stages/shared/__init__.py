"""What stages of several families are made of. No stage is here."""
