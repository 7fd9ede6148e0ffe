"""Stores written by Bowerbird 0.1.0: one `manifest.json` per stage folder, replaced at each commit.

They are read as they are; the first commit to such a folder begins a log that holds all of it.
"""

import msgspec

from pipelines.store.files.folder import Folder
from pipelines.store.log.manifest import Manifest
from stages.errors import RunError

NAME = "manifest.json"


def read(folder: Folder) -> Manifest | None:
    """The manifest of a stage folder of that format; None where there is none.

    Raises:
        RunError: it is damaged.
    """
    try:
        found = msgspec.json.decode(folder.read(NAME), type=Manifest)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        cause = f"the manifest {folder.uri(NAME)} is damaged ({error})"
        raise RunError(cause, "Delete its folder; the stage is then computed again.") from None
    # Its `version` was the format's.
    return msgspec.structs.replace(found, version=0)
