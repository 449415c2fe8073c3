"""What may be configured: the sections of `gateway.toml` as frozen, typed models. Import them from here.

A module for each group of tables; `whole` is the file. A model checks its own fields; what needs two
sections, the environment or a file is in `config.crosscheck`. Names of fields are the TOML keys, except
that the repeated tables `[[trunk]]`, `[[route]]`, `[[advisor]]`, `[[user]]` are the plural attributes of
`Config`. Durations end in `_s` or `_ms`.
"""

from gateway.config.model.alerts import Alerts, AlertTier
from gateway.config.model.audit import Audit, AuditStream
from gateway.config.model.media import Media
from gateway.config.model.mqtt import Mqtt
from gateway.config.model.node import Limits, Log, Node
from gateway.config.model.people import Advisor, TeamEntry, UserEntry
from gateway.config.model.section import Section
from gateway.config.model.sip import Sip, SipTls
from gateway.config.model.store import Retention, Store
from gateway.config.model.supervision import Codes, Supervision, SupervisorKeys
from gateway.config.model.trunks import Route, RouteTo, Trunk
from gateway.config.model.web import Oidc, Web
from gateway.config.model.whole import Config

__all__ = [
    "Advisor",
    "AlertTier",
    "Alerts",
    "Audit",
    "AuditStream",
    "Codes",
    "Config",
    "Limits",
    "Log",
    "Media",
    "Mqtt",
    "Node",
    "Oidc",
    "Retention",
    "Route",
    "RouteTo",
    "Section",
    "Sip",
    "SipTls",
    "Store",
    "Supervision",
    "SupervisorKeys",
    "TeamEntry",
    "Trunk",
    "UserEntry",
    "Web",
]
