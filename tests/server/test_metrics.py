from __future__ import annotations

import aiohttp
import pytest

from server.metrics import Metrics, MetricsListener


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_what_happens_is_counted() -> None:
    metrics = Metrics()
    metrics.set_rooms(2)
    metrics.count_participants(lambda: 9)
    metrics.socket_opened()
    metrics.socket_opened()
    metrics.socket_closed()
    metrics.command("post_chat", "ok", 0.002)
    metrics.command("post_chat", "not_saved")
    metrics.committed(7, 0.003)
    metrics.committed(0, 0.004)  # of supervision alone
    metrics.commit_failed()
    metrics.frames_sent(3, 120)
    metrics.room_failed()
    assert value(metrics, "holdspace_rooms") == 2
    assert value(metrics, "holdspace_participants") == 9
    assert value(metrics, "holdspace_sockets") == 1
    assert value(metrics, "holdspace_commands_total", type="post_chat", outcome="ok") == 1
    assert value(metrics, "holdspace_commands_total", type="post_chat", outcome="not_saved") == 1
    assert value(metrics, "holdspace_command_seconds_count") == 1
    assert value(metrics, "holdspace_commit_group_size_sum") == 7
    assert value(metrics, "holdspace_commit_seconds_bucket", le="0.005") == 1
    assert value(metrics, "holdspace_commit_seconds_count") == 1
    assert value(metrics, "holdspace_commit_failures_total") == 1
    assert value(metrics, "holdspace_frames_sent_total") == 3
    assert value(metrics, "holdspace_bytes_sent_total") == 120
    assert value(metrics, "holdspace_room_failures_total") == 1


def test_two_servers_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.socket_opened()
    assert value(other, "holdspace_sockets") == 0


def test_numbers_of_others_are_asked_for_at_each_scrape() -> None:
    metrics = Metrics()
    numbers = {"packets": 1.0}
    metrics.collect_from("media", lambda: numbers)
    assert value(metrics, "holdspace_media_packets") == 1
    numbers["packets"] = 2.0
    assert b"holdspace_media_packets 2.0" in metrics.render()


async def test_metrics_have_a_listener_of_their_own() -> None:
    metrics = Metrics()
    metrics.set_rooms(3)
    listener = MetricsListener(metrics)
    port = await listener.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as client:
        async with client.get(f"http://127.0.0.1:{port}/metrics") as answer:
            assert answer.content_type == "text/plain"
            assert "holdspace_rooms 3.0" in await answer.text()
        async with client.get(f"http://127.0.0.1:{port}/") as answer:
            assert answer.status == 404
    second = MetricsListener(metrics)
    with pytest.raises(OSError, match="address already in use"):
        await second.start("127.0.0.1", port)
    await second.stop()
    await listener.stop()
