"""A scripted engine that writes down each call, and takes a moment, so that a kill hits many."""

import os
import time

from pipelines.store.log import journal
from stages.engines import scripts


def counted(request):
    identity = {"kind": "scripted", "model": "scripted", "script": f"{__name__}:counted"}
    line = journal.key(identity, request).hex() + "\n"
    handle = os.open(os.environ["CHAOS_CALLS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())
    os.close(handle)
    time.sleep(0.0005)
    return scripts.babble(request)
