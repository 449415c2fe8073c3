"""Cross-checks of advisors, users, alerts and the secrets they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gateway.config.crosscheck_routes import sound_router
from gateway.config.draft import Draft
from gateway.config.mistakes import Mistake, near
from gateway.config.secrets import secret, secret_file
from gateway.core.errors import NoRoute
from gateway.core.escalation import ON_DUTY
from gateway.core.permissions import ROLE_ACTIONS, Action, decide
from gateway.core.routing import Router

SHORTEST_TOKEN = 16
"""A bearer token below this many characters can be guessed."""


def check_people(draft: Draft) -> Iterator[Mistake]:
    """Nobody twice, only roles that exist, only teams that have someone in them."""
    config = draft.config
    yield from _duplicates(draft)
    if not config.advisors and "advisor" not in draft.broken:
        yield draft.mistake(
            ("advisor",),
            "there is none; feature codes and the panic code have nobody to work on",
            fatal=False,
        )
    teams = draft.names("advisor", "team") | {"*"}
    for position, user in enumerate(config.users):
        for number, role in enumerate(user.roles):
            if role not in ROLE_ACTIONS:
                message = f'found "{role}"; allowed: {", ".join(ROLE_ACTIONS)}'
                yield draft.mistake(("user", position, "roles", number), message, near(role, ROLE_ACTIONS))
        for number, team in enumerate(user.teams):
            if team not in teams and "advisor" not in draft.broken:
                message = f'found "{team}"; no advisor is in that team'
                yield draft.mistake(
                    ("user", position, "teams", number), message, near(team, teams), fatal=False
                )
        if not user.sip and not user.token_env and draft.is_sound("user", position):
            message = "has neither sip nor token_env, so can do nothing"
            yield draft.mistake(("user", position), message, fatal=False)


def check_teams(draft: Draft) -> Iterator[Mistake]:
    """Each team once, and only teams that have someone in them: one that is mistyped would not be private."""
    teams = draft.names("advisor", "team")
    seen: set[str] = set()
    for position, team in enumerate(draft.config.teams):
        yield from _once(draft, ("team", position, "name"), team.name, seen, "another team")
        if team.name not in teams and "advisor" not in draft.broken:
            message = f'found "{team.name}"; no advisor is in that team'
            yield draft.mistake(("team", position, "name"), message, near(team.name, teams))


def check_mapped_teams(draft: Draft) -> Iterator[Mistake]:
    """Teams that an identity provider's people are put into, and whose calls are streamed: someone is in
    them."""
    if "advisor" in draft.broken:
        return
    teams = draft.names("advisor", "team")
    named: list[tuple[tuple[int | str, ...], str]] = []
    if (oidc := draft.config.web.oidc) is not None:
        named += [(("web", "oidc", "teams", value), team) for value, team in oidc.teams.items()]
        named += [(("web", "oidc", "default_teams", at), one) for at, one in enumerate(oidc.default_teams)]
    for position, stream in enumerate(draft.config.audit.streams):
        named += [(("audit", "stream", position, "teams", at), one) for at, one in enumerate(stream.teams)]
    for loc, team in named:
        if team != "*" and team not in teams:
            yield draft.mistake(
                loc, f'found "{team}"; no advisor is in that team', near(team, teams), fatal=False
            )


def _duplicates(draft: Draft) -> Iterator[Mistake]:
    ids: set[str] = set()
    identities: set[str] = set()
    for position, advisor in enumerate(draft.config.advisors):
        yield from _once(draft, ("advisor", position, "id"), advisor.id, ids)
        yield from _once(draft, ("advisor", position, "extension"), advisor.extension, identities)
    for position, user in enumerate(draft.config.users):
        yield from _once(draft, ("user", position, "id"), user.id, ids)
        if user.sip:
            yield from _once(draft, ("user", position, "sip"), user.sip, identities)


def _once(
    draft: Draft, loc: Sequence[int | str], value: str, seen: set[str], who: str = "another advisor or user"
) -> Iterator[Mistake]:
    if value.lower() in seen:
        yield draft.mistake(loc, f'found "{value}"; {who} has it already')
    seen.add(value.lower())


def check_alerts(draft: Draft) -> Iterator[Mistake]:
    """Who is rung for an alert must exist, have a phone that can be called, and be allowed to help."""
    config = draft.config
    if draft.is_broken("alerts", "ring"):
        return
    if not config.alerts.ring and not draft.has("mqtt"):
        message = "is empty and there is no [mqtt]: an alert shows only in the web console"
        yield draft.mistake(("alerts", "ring"), message, fatal=False)
    users = {user.id: user for position, user in enumerate(config.users) if draft.is_sound("user", position)}
    known = draft.names("user", "id")
    router = sound_router(draft)
    for position, user_id in enumerate(config.alerts.ring):
        loc = ("alerts", "ring", position)
        if user_id not in known and not draft.is_broken("user", ""):
            yield draft.mistake(loc, f'found "{user_id}"; no [[user]] has that id', near(user_id, known))
            continue
        if not (user := users.get(user_id)):
            continue
        if not user.sip:
            yield draft.mistake(loc, f'found "{user_id}"; that user has no sip identity to ring')
        elif router and not _reachable(router, user.sip):
            message = f'found "{user_id}"; no route fits "{user.sip}", so that phone cannot be called'
            yield draft.mistake(loc, message, 'add a route, or write sip as "user@host"')
        for action in (Action.WHISPER, Action.ACKNOWLEDGE):
            if not (decision := decide(user.person(), action, None)).allowed:
                yield draft.mistake(loc, f'found "{user_id}"; {decision.why}', 'the role "floorwalker" may')
                break


def check_tiers(draft: Draft) -> Iterator[Mistake]:
    """The escalation: at once first, then ever later; everyone in it exists, can be called, and may help."""
    config = draft.config
    if draft.is_broken("alerts", "tier"):
        return
    tiers, before_s = config.alerts.tier, -1.0
    for position, tier in enumerate(tiers):
        loc = ("alerts", "tier", position)
        if position == 0 and tier.after_s != 0:
            yield draft.mistake(
                (*loc, "after_s"), f"found {tier.after_s:g}; the first tier is rung at once: 0"
            )
        elif tier.after_s <= before_s:
            yield draft.mistake(
                (*loc, "after_s"), f"found {tier.after_s:g}; the tier before has {before_s:g}"
            )
        before_s = tier.after_s
        for number, target in enumerate(tier.ring):
            yield from _check_target(draft, (*loc, "ring", number), target)
    if tiers and config.alerts.ring and not any(ON_DUTY in tier.ring for tier in tiers):
        message = f'is behind those on duty, but no tier has "{ON_DUTY}": nobody on it would be rung'
        yield draft.mistake(("alerts", "ring"), message)


def _check_target(draft: Draft, loc: Sequence[int | str], target: str) -> Iterator[Mistake]:
    if target == ON_DUTY or draft.is_broken("user", ""):
        return
    users = {
        user.id: user for position, user in enumerate(draft.config.users) if draft.is_sound("user", position)
    }
    known = draft.names("user", "id")
    identity: str | None = None
    if target.startswith("sip:"):
        identity = target.removeprefix("sip:")
    elif target not in known:
        hint = near(target, known | {ON_DUTY})
        yield draft.mistake(loc, f'found "{target}"; allowed: "{ON_DUTY}", a user\'s id, "sip:NUMBER"', hint)
        return
    elif user := users.get(target):
        identity = user.sip
        if not identity:
            yield draft.mistake(loc, f'found "{target}"; that user has no sip identity to ring')
        if not (decision := decide(user.person(), Action.ACKNOWLEDGE, None)).allowed:
            yield draft.mistake(loc, f'found "{target}"; {decision.why}')
    router = sound_router(draft)
    if identity and router and not _reachable(router, identity):
        message = f'found "{target}"; no route fits "{identity}", so that phone cannot be called'
        yield draft.mistake(loc, message, 'add a route, or write it as "user@host"')


def _reachable(router: Router, identity: str) -> bool:
    try:
        router.reach(identity)
    except NoRoute:
        return False
    return True


def check_secrets(draft: Draft, environ: Mapping[str, str]) -> Iterator[Mistake]:
    """Every `..._env` must name a variable that is there; no two users may have one token."""
    tokens: dict[str, str] = {}
    holders = [(("user", at, "token_env"), user) for at, user in enumerate(draft.config.users)]
    holders += [(("advisor", at, "token_env"), one) for at, one in enumerate(draft.config.advisors)]  # type: ignore[misc]
    for loc, user in holders:
        if not user.token_env:
            continue
        token = secret(user.token_env, environ)
        if token is None:
            yield _missing(draft, loc, user.token_env)
        elif token in tokens:
            yield draft.mistake(loc, f"the token in {user.token_env} is that of user {tokens[token]}, too")
        else:
            tokens[token] = user.id
            if len(token) < SHORTEST_TOKEN:
                message = (
                    f"the token in {user.token_env} can be guessed: fewer than {SHORTEST_TOKEN} characters"
                )
                yield draft.mistake(loc, message, "openssl rand -hex 32 makes a good one", fatal=False)
    mqtt = draft.config.mqtt
    if mqtt and mqtt.password_env:
        if secret(mqtt.password_env, environ) is None:
            yield _missing(draft, ("mqtt", "password_env"), mqtt.password_env)
        if not mqtt.username:
            yield draft.mistake(("mqtt", "username"), "is missing, and password_env is given")
    oidc = draft.config.web.oidc
    if oidc and oidc.client_secret_env and secret(oidc.client_secret_env, environ) is None:
        yield _missing(draft, ("web", "oidc", "client_secret_env"), oidc.client_secret_env)
    for value, role in (oidc.roles if oidc else {}).items():
        if role not in ROLE_ACTIONS:
            message = f'found "{role}"; allowed: {", ".join(ROLE_ACTIONS)}'
            yield draft.mistake(("web", "oidc", "roles", value), message, near(role, ROLE_ACTIONS))
    for position, stream in enumerate(draft.config.audit.streams):
        if stream.token_env and secret(stream.token_env, environ) is None:
            yield _missing(draft, ("audit", "stream", position, "token_env"), stream.token_env)
    store = draft.config.store
    if store.password_env and secret(store.password_env, environ) is None:
        yield _missing(draft, ("store", "password_env"), store.password_env)
    if store.password_file and secret_file(store.password_file) is None:
        message = f"{store.password_file} cannot be read, or is empty"
        yield draft.mistake(("store", "password_file"), message)


def _missing(draft: Draft, loc: Sequence[int | str], env_name: str) -> Mistake:
    return draft.mistake(
        loc, f"the environment variable {env_name} is not set, or empty", f"export {env_name}=..."
    )
