"""A folder of stage folders and runs. The files are the truth; no row is found by listing."""
