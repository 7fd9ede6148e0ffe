"""Models are loaded into a process one at a time.

Two threads that import parts of transformers at once see them half imported: where imports go in a
circle, Python lets one of them through rather than have both wait without end. vLLM and
sentence-transformers side by side then fail with "cannot import name 'PreTrainedConfig'".
"""

import threading

one_at_a_time = threading.Lock()
"""Held while a model is loaded."""
