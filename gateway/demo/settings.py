"""Who is who in the demonstration, and the configuration that its gateway is given. Pure.

Every port is the system's choice, so that any number of demonstrations run side by side.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

SITE = "demo"
TOPIC_ROOT = "gateway"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone in the story."""

    id: str
    name: str
    role: str
    number: str
    """The telephone number; empty for someone without a telephone."""
    style: str
    """How rich colours what they do."""

    @property
    def title(self) -> str:
        """`Tom, advisor`."""
        return f"{self.name}, {self.role}" if self.name.lower() != self.role else self.role


PATIENT = Person("patient", "Patient", "patient", "07700900123", "bright_blue")
ADVISOR = Person("tom", "Tom", "advisor", "2001", "bright_green")
FLOORWALKER = Person("sarah", "Sarah", "floorwalker", "9001", "bright_magenta")
AUDITOR = Person("arthur", "Arthur", "auditor", "", "bright_cyan")
GUEST = Person("guest", "You", "floorwalker", "9002", "bright_yellow")
"""For a real telephone that is registered at the demonstration's exchange."""

FEATURE_CODES = r"\*7[1-4]\d{4}"
"""What the exchange hands on to the gateway besides the advisors' numbers."""
ADVISORS_NUMBERS = r"2\d{3}"


TOKEN_BYTES = 12
"""16 characters: as short as the gateway takes them, so that an address with one fits into a line."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Bearer tokens for the web, new for each demonstration."""

    sarah: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))
    arthur: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))

    def environ(self) -> dict[str, str]:
        """As the gateway is given them."""
        return {"GATEWAY_DEMO_TOKEN_SARAH": self.sarah, "GATEWAY_DEMO_TOKEN_ARTHUR": self.arthur}


def configuration(exchange_uri: str, broker_url: str, state_directory: str) -> str:
    """The gateway's TOML file. exchange_uri: `sip:host:port` of the simulated exchange; state_directory: for
    this run alone."""
    text = json.dumps  # a JSON string is a TOML string
    return f"""\
# Made by `gateway demo` for this one run.
[node]
name = "demo"
site = {text(SITE)}

[sip]
bind = "127.0.0.1:0"

[media]
bind = "127.0.0.1"

[[trunk]]
name = "exchange"
uri = {text(exchange_uri)}
identify_by = ["127.0.0.0/8"]

[[route]]
match = '{ADVISORS_NUMBERS}'
to = {{ trunk = "exchange" }}

[[route]]
match = '9\\d{{3}}'
to = {{ trunk = "exchange" }}

[[advisor]]
id = {text(ADVISOR.id)}
name = {text(ADVISOR.name)}
extension = {text(ADVISOR.number)}
team = "north"

[[user]]
id = {text(FLOORWALKER.id)}
name = {text(FLOORWALKER.name)}
sip = {text(FLOORWALKER.number)}
roles = ["floorwalker"]
token_env = "GATEWAY_DEMO_TOKEN_SARAH"

[[user]]
id = {text(GUEST.id)}
name = {text(GUEST.name)}
sip = {text(GUEST.number)}
roles = ["floorwalker"]

[[user]]
id = {text(AUDITOR.id)}
name = {text(AUDITOR.name)}
roles = ["auditor"]
teams = ["north"]
token_env = "GATEWAY_DEMO_TOKEN_ARTHUR"

[alerts]
ring = [{text(FLOORWALKER.id)}]

[mqtt]
url = {text(broker_url)}
topic_root = {text(TOPIC_ROOT)}

[web]
bind = "127.0.0.1:0"

[store]
state_directory = {text(state_directory)}

[limits]
max_calls = 20

[log]
format = "json"
"""
