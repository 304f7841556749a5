from __future__ import annotations

import pytest

from bench import janus
from bench.janus import JanusMissing, find_janus, read_version


def test_the_version_is_what_janus_prints_first() -> None:
    assert (
        read_version("Janus version: 1102 (1.1.2)\nJanus commit: not-a-git-repo\n\nUnknown option --version\n")
        == "1.1.2"
    )
    assert read_version("something else") == "unknown"


def test_where_janus_is_not_installed_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janus.shutil, "which", lambda _name: None)
    with pytest.raises(JanusMissing, match="apt-get install janus"):
        find_janus()
