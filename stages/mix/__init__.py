"""Stages that put rows of several chains together."""
