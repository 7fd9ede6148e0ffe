"""Stages that drop what is too close to a set that must not be trained on."""
