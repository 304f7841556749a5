from __future__ import annotations

from typing import Any

import pytest

from server.alerts.settings import AlertsConfig, problem_of
from server.config import ConfigError, load_config

MAIL: dict[str, Any] = {"smtp_host": "mail.example.org", "mail_from": "a@example.org", "mail_to": ("b@example.org",)}
HOOK: dict[str, Any] = {"webhook_url": "https://alerts.example.org/x", "webhook_secret_file": "secret"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        MAIL,
        HOOK,
        {**MAIL, **HOOK},
        {**HOOK, "webhook_url": "https://[2001:db8::1]:8443/a?b=c"},
        {**HOOK, "webhook_url": "http://10.0.0.5:9000/", "allow_private": True},
        {**MAIL, "smtp_host": "127.0.0.1", "smtp_tls": "none"},
        {**MAIL, "smtp_host": "::1", "smtp_tls": "none"},
    ],
)
def test_settings_that_can_be_used(given: dict[str, Any]) -> None:
    assert problem_of(AlertsConfig(**given)) is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"webhook_url": "https://alerts.example.org/"}, "go together"),
        ({"webhook_secret_file": "secret"}, "go together"),
        ({**HOOK, "webhook_url": "http://alerts.example.org/"}, "begins with https://"),
        (
            {**HOOK, "webhook_url": "ftp://alerts.example.org/", "allow_private": True},
            "begins with https:// or http://",
        ),
        ({**HOOK, "webhook_url": "https:///x"}, "is not like"),
        ({**HOOK, "webhook_url": "https://a:99999/"}, "is not like"),
        ({**HOOK, "webhook_url": "https://a:0/"}, "is not like"),
        ({**HOOK, "webhook_url": "https://[1/"}, "is not like"),
        ({**HOOK, "webhook_url": "https://user:word@a/"}, "name or password"),
        ({**HOOK, "webhook_url": "https://user@a/"}, "name or password"),
        ({**HOOK, "webhook_url": "https://a/#b"}, "has a #"),
        ({**HOOK, "webhook_url": "https://a/b\r\nX: y"}, "a space, a backslash"),
        ({**HOOK, "webhook_url": "https://a\\@b/"}, "a space, a backslash"),
        ({**HOOK, "webhook_url": "https://аlerts.example.org/"}, "other characters"),
        ({"mail_to": ("b@example.org",)}, "smtp_host: is empty"),
        ({"smtp_user": "a"}, "smtp_host: is empty"),
        ({**MAIL, "smtp_host": "mail example"}, "no name of a host"),
        ({**MAIL, "mail_to": ()}, "lists nobody"),
        ({**MAIL, "mail_from": ""}, "mail_from: ''"),
        ({**MAIL, "mail_from": "Holdspace <a@example.org>"}, "mail_from"),
        ({**MAIL, "mail_to": ("b@example.org", "c@example.org\r\nBcc: d@example.org")}, "mail_to"),
        ({**MAIL, "mail_to": ("b@example.org, c@example.org",)}, "mail_to"),
        ({**MAIL, "smtp_user": "a"}, "go together"),
        ({**MAIL, "smtp_tls": "none"}, "on this machine only"),
    ],
)
def test_settings_that_cannot_be_used(given: dict[str, Any], says: str) -> None:
    problem = problem_of(AlertsConfig(**given))
    assert problem is not None
    assert says in problem
    # What receives webhooks often has a secret in its path.
    assert "webhook_url" not in given or given["webhook_url"] not in problem


def test_they_are_checked_when_settings_are_read() -> None:
    with pytest.raises(ConfigError, match=r"alerts\.webhook_url: begins with https://"):
        load_config(None, {
            "HOLDSPACE__ALERTS__WEBHOOK_URL": "http://a/",
            "HOLDSPACE__ALERTS__WEBHOOK_SECRET_FILE": "secret",
        })  # fmt: skip


def test_recipients_from_the_environment_are_separated_by_commas() -> None:
    found = load_config(None, {
        "HOLDSPACE__ALERTS__SMTP_HOST": "mail.example.org",
        "HOLDSPACE__ALERTS__MAIL_FROM": "a@example.org",
        "HOLDSPACE__ALERTS__MAIL_TO": "b@example.org, c@example.org",
    })  # fmt: skip
    assert found.alerts.mail_to == ("b@example.org", "c@example.org")
