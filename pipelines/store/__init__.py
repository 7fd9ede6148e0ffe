"""A folder of stage folders and runs. The files are the truth; nothing is found by listing."""
