"""`gateway.core.brake`: guessing is slow, and nobody is locked out by it who has their own browser."""

from __future__ import annotations

import pytest

from gateway.core.brake import ACCOUNT, ADDRESS, DEVICE, PAIR, Brake


def guesses(
    brake: Brake, account: str, address: str, device: str | None, now_s: float, most: int = 1000
) -> int:
    """How many wrong passwords may be tried at this moment."""
    for tried in range(most):
        if brake.charge(account, address, device, now_s) > 0:
            return tried
    return most


def test_one_account_from_one_place() -> None:
    brake = Brake()
    assert guesses(brake, "ann", "192.0.2.1", None, 0) == PAIR.burst
    assert brake.charge("ann", "192.0.2.1", None, 0) == PAIR.each_s
    assert guesses(brake, "ann", "192.0.2.1", None, 2.5 * PAIR.each_s) == 2
    assert guesses(brake, "ben", "192.0.2.1", None, 0) == PAIR.burst


def test_many_accounts_from_one_place() -> None:
    brake = Brake()
    assert sum(guesses(brake, f"user{n}", "192.0.2.1", None, 0) for n in range(100)) == ADDRESS.burst
    assert guesses(brake, "ann", "192.0.2.2", None, 0) == PAIR.burst


def test_one_account_from_many_places() -> None:
    brake = Brake()
    assert sum(guesses(brake, "ann", f"192.0.2.{n}", None, 0) for n in range(200)) == ACCOUNT.burst


@pytest.mark.parametrize("shared", ["192.0.2.1", "198.51.100.7"])
def test_whoever_has_their_own_browser_is_let_in_whatever_strangers_do(shared: str) -> None:
    brake = Brake()
    for n in range(300):
        guesses(brake, "ann", f"192.0.2.{n % 250}", None, float(n))
        guesses(brake, f"user{n}", shared, None, float(n))
    assert brake.charge("ann", shared, None, 299.0) > 0
    assert brake.charge("ann", shared, "ann's browser", 299.0) == 0


def test_a_stolen_device_cookie_gives_a_handful_of_guesses_and_locks_nobody_else() -> None:
    brake = Brake()
    assert guesses(brake, "ann", "192.0.2.9", "stolen", 0) == DEVICE.burst
    assert brake.charge("ann", "192.0.2.1", "another of ann's", 0) == 0
    assert brake.charge("ann", "192.0.2.9", None, 0) == 0


def test_the_right_password_costs_nothing() -> None:
    brake = Brake()
    for _ in range(1000):
        assert brake.charge("ann", "192.0.2.1", None, 0) == 0
        brake.refund("ann", "192.0.2.1", None, 0)


def test_its_books_are_bounded() -> None:
    brake = Brake(limit=10)
    for n in range(1000):
        brake.charge(f"user{n}", f"address{n}", None, 0)
    books = (brake._pairs, brake._addresses, brake._accounts, brake._devices)
    assert [len(book._left) for book in books] == [10, 10, 10, 0]
