"""The whole file."""

from __future__ import annotations

from pydantic import Field

from gateway.config.model.alerts import Alerts
from gateway.config.model.audit import Audit
from gateway.config.model.media import Media
from gateway.config.model.mqtt import Mqtt
from gateway.config.model.node import Limits, Log, Node
from gateway.config.model.people import Advisor, TeamEntry, UserEntry
from gateway.config.model.section import Section
from gateway.config.model.sip import Sip
from gateway.config.model.store import Store
from gateway.config.model.supervision import Supervision
from gateway.config.model.trunks import Route, Trunk
from gateway.config.model.web import Web


class Config(Section):
    """The whole file. `gateway.config.loading.load` makes it, with `advisors_csv` already read into
    `advisors`."""

    node: Node = Node()
    sip: Sip = Sip()
    media: Media = Media()
    trunks: tuple[Trunk, ...] = Field(default=(), alias="trunk")
    routes: tuple[Route, ...] = Field(default=(), alias="route")
    advisors: tuple[Advisor, ...] = Field(default=(), alias="advisor")
    advisors_csv: str | None = None
    """CSV file with the columns id, name, extension, team, beside or instead of `[[advisor]]`; relative to
    the TOML file."""
    teams: tuple[TeamEntry, ...] = Field(default=(), alias="team")
    users: tuple[UserEntry, ...] = Field(default=(), alias="user")
    supervision: Supervision = Supervision()
    alerts: Alerts = Alerts()
    mqtt: Mqtt | None = None
    web: Web = Web()
    store: Store = Store()
    audit: Audit = Audit()
    limits: Limits = Limits()
    log: Log = Log()

    def with_(self, **sections: object) -> Config:
        """A copy with whole sections replaced, such as `config.with_(sip=Sip(bind=("127.0.0.1", 0)))`;
        checked like a file."""
        return Config.model_validate(
            {**{name: getattr(self, name) for name in type(self).model_fields}, **sections}
        )
