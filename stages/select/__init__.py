"""Stages that choose which rows make the dataset."""
