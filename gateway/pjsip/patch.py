"""One change to PJSIP's source: an exact piece of text that must occur once. Pure."""

from dataclasses import dataclass

from gateway.pjsip.errors import BuildFailed


@dataclass(frozen=True)
class Patch:
    """`old` becomes `new` in the file `path` (relative to the source tree), because of `why`."""

    path: str
    old: str
    new: str
    why: str


def patch_text(text: str, patch: Patch) -> str:
    """`text` with `patch` applied. Raises BuildFailed unless `patch.old` occurs exactly once."""
    found = text.count(patch.old)
    if found != 1:
        raise BuildFailed(
            f"{patch.path}: the text to change ({patch.why}) occurs {found} times instead of once"
        )
    return text.replace(patch.old, patch.new)
