"""Listeners are read from the kernel's table, in whose byte order they stand."""

from __future__ import annotations

from ropeway.embedded.sockets import Listener, parse

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
REST = "00000000:00000000 00:00000000 00000000     0        0"

TCP = (
    f"{HEAD}   0: 0100007F:1F90 00000000:0000 0A {REST} 4711 1 0\n"
    f"   1: 00000000:0016 00000000:0000 0A {REST} 4712 1 0\n"
    f"   2: 0100007F:C350 0100007F:1F90 01 {REST} 4713 1 0\n"
)
TCP6 = (
    f"{HEAD}   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A {REST} 1 1 0\n"
    f"   1: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A {REST} 2 1 0\n"
    f"   2: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A {REST} 3 1 0\n"
)


def test_only_listeners_are_read() -> None:
    assert parse(TCP) == [Listener("127.0.0.1", 8080, 4711), Listener("0.0.0.0", 22, 4712)]  # noqa: S104


def test_loopback_is_told_from_every_address() -> None:
    assert [listener.loopback for listener in parse(TCP)] == [True, False]


def test_six_is_read_like_four() -> None:
    found = parse(TCP6)
    assert [(each.port, each.loopback) for each in found] == [(8080, True), (8081, False), (8082, True)]


def test_an_empty_table_has_no_listeners() -> None:
    assert parse("") == parse(HEAD) == []
