"""What can go wrong on the way to an installed pjsua2.

PjsipError
├── SourceUnavailable   one place has no source; the next place is tried
├── SourceRefused       a source was there but failed its checksum or signature; nothing is built from it
└── BuildFailed         configure, compiler or linker failed; `log` names the file that tells more
"""

from pathlib import Path


class PjsipError(Exception):
    """Base of all errors here; the text is a sentence for the admin."""


class SourceUnavailable(PjsipError):
    """This place cannot give the source now (no network, no such package, wrong version)."""


class SourceRefused(PjsipError):
    """The source is not what was promised. Never falls through to another place: somebody should look."""


class BuildFailed(PjsipError):
    """A build step failed. `log` is the full output of the step, kept after the build folder is gone."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log
