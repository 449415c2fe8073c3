"""`gateway.core.permissions`: the whole table by hand, so that a change must be made here, too."""

import itertools

import pytest

from gateway.core.model import Mode
from gateway.core.permissions import ROLE_ACTIONS, Action, User, actions_of, decide

# A row per action; a column per role; + may, . may not.
TABLE = """
              advisor  auditor  floorwalker  manager  admin
listen        .        +        +            +        .
whisper       .        .        +            .        .
barge         .        .        +            .        .
takeover      .        .        +            .        .
stream        .        +        +            +        .
watch         .        +        +            +        +
raise         +        .        +            +        .
acknowledge   .        .        +            +        .
duty          .        .        +            .        .
help          +        .        +            .        .
answer        .        .        +            .        .
audit         .        +        .            .        .
review        .        .        .            +        .
system        .        .        .            +        +
administer    .        .        .            .        +
export_trail  .        .        .            +        +
"""
HEADER, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
MAY = {(role, row[0]): mark == "+" for row in ROWS for role, mark in zip(HEADER, row[1:], strict=True)}
CASES = sorted(itertools.product(ROLE_ACTIONS, Action))


def test_the_table_is_complete() -> None:
    assert set(MAY) == {(role, action.value) for role, action in CASES}


@pytest.mark.parametrize(("role", "action"), CASES)
def test_every_role_and_action_on_the_own_team_another_team_and_no_call(role: str, action: Action) -> None:
    user = User("u", roles=frozenset({role}), teams=frozenset({"north"}))
    allowed = MAY[role, action.value]
    assert decide(user, action, "north").allowed is allowed
    assert decide(user, action, None).allowed is allowed
    assert not decide(user, action, "south").allowed
    everywhere = User("u", roles=frozenset({role}), teams=frozenset({"*"}))
    assert decide(everywhere, action, "south").allowed is allowed


@pytest.mark.parametrize("action", Action)
def test_strangers_and_people_without_roles_or_teams_may_nothing(action: Action) -> None:
    assert decide(None, action, "north").why == "unknown user"
    assert not decide(None, action, None).allowed
    assert not decide(User("u"), action, None).allowed
    assert not decide(User("u", roles=frozenset({"chief"})), action, None).allowed
    assert not decide(User("u", roles=frozenset({"floorwalker"})), action, "north").allowed


def test_roles_add_up() -> None:
    user = User("u", roles=frozenset({"auditor", "advisor"}), teams=frozenset({"north"}))
    assert decide(user, Action.LISTEN, "north").allowed
    assert decide(user, Action.RAISE, "north").allowed
    assert not decide(user, Action.WHISPER, "north").allowed


def test_the_reason_names_who_what_and_why() -> None:
    auditor = User("arthur", roles=frozenset({"auditor"}), teams=frozenset({"north"}))
    assert decide(auditor, Action.BARGE, "north").why == "arthur may not barge: roles held: auditor"
    assert decide(auditor, Action.LISTEN, "south").why == "arthur may not listen on calls of team south"
    assert decide(User("x"), Action.WATCH, None).why == "x may not watch: roles held: none"


def test_every_mode_is_an_action() -> None:
    assert [Action.of(mode).value for mode in Mode] == [mode.value for mode in Mode]


def test_what_a_console_is_told_is_what_is_allowed() -> None:
    for role in ROLE_ACTIONS:
        user = User("u", roles=frozenset({role}), teams=frozenset({"north"}))
        assert actions_of(user) == [action.value for action in Action if MAY[role, action.value]]
