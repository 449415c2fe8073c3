"""How the parts are given their settings."""

from __future__ import annotations

from gateway.app import Addresses, sip_settings
from gateway.config.model import Config


def config(*routes: str) -> Config:
    return Config.model_validate(
        {
            "sip": {"bind": "192.0.2.8:5070", "transports": ["udp"], "advertised_address": "198.51.100.1"},
            "trunk": [{"name": "pbx", "uri": "sip:192.0.2.9:5080", "transport": "tcp"}],
            "route": [{"match": r"\d+", "to": {"trunk": "pbx", "uri": uri}} for uri in routes],
            "limits": {"max_calls": 10, "retry_after_s": 9},
        }
    )


def test_sip_settings() -> None:
    settings = sip_settings(config("sip:{number}@{trunk}"))
    assert (settings.bind_host, settings.port, settings.transports) == ("192.0.2.8", 5070, ("udp",))
    assert (settings.advertised_address, settings.retry_after_s, settings.max_legs) == ("198.51.100.1", 9, 40)
    assert settings.trunks["pbx"].transport == "tcp"
    assert settings.trunks["pbx"].proxy is None


def test_a_route_that_names_another_host_goes_by_way_of_its_trunk() -> None:
    settings = sip_settings(config("sip:{number}@{trunk}", "sip:{number}@care.example"))
    assert settings.trunks["pbx"].proxy == "sip:192.0.2.9:5080;lr;transport=tcp"


def test_the_url() -> None:
    assert Addresses((), ("127.0.0.1", 8080)).url == "http://127.0.0.1:8080"
    assert Addresses((), ("::1", 8080)).url == "http://[::1]:8080"
