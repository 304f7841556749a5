"""Where the commands find their settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from server.config import Config, load_config

ConfigPath = Annotated[
    Path | None, Parameter(name="--config", help="Settings file; config.toml in this folder when there is one.")
]


def read_settings(path: Path | None) -> Config:
    """The settings from that file or the folder's, and the environment. Raises ConfigError."""
    here = Path("config.toml")
    return load_config(path or (here if here.exists() else None), os.environ)
