"""How fast passwords may be tried: a brake that an attacker cannot turn into a lock against somebody else.

Failures are counted in three books, each with an allowance that comes back with time:

* by **account and address**: guessing at one account from one place. A handful, then ever rarer.
* by **address**: trying many accounts from one place. More, since a whole office may share an address.
* by **account** from browsers that are not known to it: guessing from many places at once.

A browser that has signed in to the account before carries a proof of it (the device cookie, 32 random bytes
bound to the account). For it only its own book counts, **by account and device**: whatever strangers do, from
wherever, the person at their own browser is let in at once with the right password. So the account is never
locked, nor is the office whose address is shared; what an attack can cost is a new browser's first sign-in,
which waits while the attack lasts. A stolen device cookie gives nothing but a book of its own with the same
handful of attempts.

An attempt is charged before the password is looked at, so that many at once count as many, and given back
when it was right. Pure: time is given. Bounded: the books hold so many entries and drop the one longest
untouched.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """`burst` attempts at once; one comes back every `each_s`."""

    burst: float
    each_s: float


PAIR = Allowance(burst=5, each_s=60.0)
DEVICE = Allowance(burst=10, each_s=30.0)
ADDRESS = Allowance(burst=50, each_s=10.0)
ACCOUNT = Allowance(burst=20, each_s=60.0)
BOOK = 10_000
"""Entries a book holds at most."""


class _Book:
    def __init__(self, allowance: Allowance, limit: int) -> None:
        self._allowance = allowance
        self._limit = limit
        self._left: OrderedDict[tuple[str, ...], tuple[float, float]] = OrderedDict()

    def wait_s(self, key: tuple[str, ...], now_s: float) -> float:
        """Until an attempt is allowed [s]; 0 when it is now."""
        left = self._now(key, now_s)
        return 0.0 if left >= 1.0 else (1.0 - left) * self._allowance.each_s

    def add(self, key: tuple[str, ...], change: float, now_s: float) -> None:
        left = min(self._allowance.burst, self._now(key, now_s) + change)
        self._left[key] = (left, now_s)
        self._left.move_to_end(key)
        while len(self._left) > self._limit:
            self._left.popitem(last=False)

    def _now(self, key: tuple[str, ...], now_s: float) -> float:
        left, at_s = self._left.get(key, (self._allowance.burst, now_s))
        return min(self._allowance.burst, left + max(0.0, now_s - at_s) / self._allowance.each_s)


class Brake:
    """`charge` before the password is looked at; `refund` when it was right."""

    def __init__(self, limit: int = BOOK) -> None:
        self._pairs = _Book(PAIR, limit)
        self._devices = _Book(DEVICE, limit)
        self._addresses = _Book(ADDRESS, limit)
        self._accounts = _Book(ACCOUNT, limit)

    def charge(self, account: str, address: str, device: str | None, now_s: float) -> float:
        """Count an attempt. Returns 0, or how long to wait [s]: then nothing was counted and none may be
        made.

        device: names a browser whose proof for this account was found good; None for any other.
        """
        books = self._books(account, address, device)
        wait_s = max(book.wait_s(key, now_s) for book, key in books)
        if wait_s == 0.0:
            for book, key in books:
                book.add(key, -1.0, now_s)
        return wait_s

    def refund(self, account: str, address: str, device: str | None, now_s: float) -> None:
        """The attempt that was charged had the right password."""
        for book, key in self._books(account, address, device):
            book.add(key, 1.0, now_s)

    def _books(
        self, account: str, address: str, device: str | None
    ) -> tuple[tuple[_Book, tuple[str, ...]], ...]:
        if device is not None:
            return ((self._devices, (account, device)),)
        return (
            (self._pairs, (account, address)),
            (self._addresses, (address,)),
            (self._accounts, (account,)),
        )
