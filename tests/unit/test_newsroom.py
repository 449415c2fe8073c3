"""News to the log and to watchers."""

from __future__ import annotations

from gateway.calls.newsroom import Newsroom
from gateway.core.events import News
from gateway.core.model import CallId


def test_watchers_come_and_go() -> None:
    newsroom, seen = Newsroom(), list[News]()
    end = newsroom.subscribe(seen.append)
    newsroom.publish("call.ringing", "t0", CallId("c1"), {"state": "ringing"})
    end()
    end()
    newsroom.publish("call.ended", "t1", CallId("c1"), {})
    assert seen == [News("call.ringing", "t0", CallId("c1"), {"state": "ringing"})]


def test_a_watcher_may_leave_while_it_is_told() -> None:
    newsroom, seen = Newsroom(), list[str]()

    def once(news: News) -> None:
        seen.append(news.kind)
        end()

    end = newsroom.subscribe(once)
    newsroom.subscribe(lambda news: seen.append(f"other {news.kind}"))
    newsroom.publish("a.b", "t", None, {})
    newsroom.publish("c.d", "t", None, {})
    assert seen == ["a.b", "other a.b", "other c.d"]
