"""A run's dataset as a release: a folder that loads as it is, its card, one commit, a tag.

`release.py` makes the folder, `hub.py` is the one door to the Hugging Face Hub.
"""
