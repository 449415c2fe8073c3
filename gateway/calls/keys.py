"""How the phones of a leg send their keys: a matter of the trunk that it came by or goes to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from gateway.core.errors import NotPermitted
from gateway.core.model import Address, KeysBy
from gateway.core.routing import Router


class TrunkKeys(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def address(self) -> Address: ...
    @property
    def dtmf(self) -> KeysBy: ...


class KeyWays:
    def __init__(self, router: Router, trunks: Iterable[TrunkKeys]) -> None:
        self._router = router
        self._trunks = tuple(trunks)

    def of_trunk(self, name: str | None) -> KeysBy:
        """None: a phone called directly."""
        return next((trunk.dtmf for trunk in self._trunks if trunk.name == name), KeysBy.RFC4733)

    def of_source(self, source: Address, names: Iterable[str] = ()) -> KeysBy:
        """Of a leg that was offered from there; where no trunk says its addresses, the trunk's own counts."""
        try:
            name = self._router.identify(source[0], names)
        except NotPermitted:
            return KeysBy.RFC4733
        if name is None:
            name = next((trunk.name for trunk in self._trunks if trunk.address[0] == source[0]), None)
        return self.of_trunk(name)
