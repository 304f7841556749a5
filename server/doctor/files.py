"""Files besides the database: the built client, and secrets that others must not read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from server.arrivals import notices_of
from server.config import Config, ConfigError
from server.doctor.finding import Finding, broken, look, ok
from server.keys import ROOT_KEY_VARIABLE, KeysError, load_root_key, root_key_file

_ASSET: Final = re.compile(r'(?:src|href)="\.?/?(assets/[^"?#]+)"')
_SECRET: Final = re.compile(r"(.*_)?(key|secret|token|password)_file")


def built_client(folder: Path) -> Finding:
    """Whether there are pages to show."""
    name, index = "pages", folder / "index.html"
    advice = "build them: make run does it in the project's folder; or correct server.client_dir"
    try:
        page = index.read_text(encoding="utf-8")
    except OSError as error:
        return broken(name, f"{index}: {error.strerror}", advice)
    missing = [each for each in _ASSET.findall(page) if not (folder / each).is_file()]
    if missing:
        return broken(name, f"{index} names files that are missing: {', '.join(missing)}", advice)
    return ok(name, f"built, in {folder}")


def notice(config: Config) -> Finding:
    """Whether there is a notice to accept, and it says whom to turn to."""
    name = "notice"
    try:
        found = notices_of(config)
    except ConfigError as error:
        return broken(name, str(error), "correct the file; program/texts holds the ones that come along")
    version = next(iter(found.values())).version
    said = f"version {version}, in {', '.join(found)}"
    unset = [key for key, value in msgspec.structs.asdict(config.program).items() if not value]
    if not unset:
        return ok(name, said)
    return look(
        name,
        f"{said}; where it names them, it says that they are not set yet: program.{', program.'.join(unset)}",
        "set them in config.toml before people come: each change of the notice asks everyone again",
    )


def secret_files(config: Config, lan_key: Path) -> tuple[Finding, ...]:
    """A finding for each file of a secret that the settings name, or that was made without them."""
    named = dict(_named(config))
    for name, path in (("the root key", root_key_file(config)), ("the key of --lan", lan_key)):
        if path.exists() and path not in named.values():
            named[name] = path
    return tuple(secret_file(setting, path) for setting, path in named.items())


def root_key(config: Config, environ: Mapping[str, str]) -> Finding:
    """Whether there is a root key, from the environment or its file; without one, only the demo starts."""
    name = "root key"
    try:
        found = load_root_key(config, environ)
    except KeysError as error:
        if environ.get(ROOT_KEY_VARIABLE) or root_key_file(config).exists():
            return broken(name, str(error), "give it the key that belongs to this database")
        return look(name, "none yet", "`holdspace keys new` makes one; keep a copy of it apart from the database")
    return ok(name, f"there is one, {found.id}")


def secret_file(setting: str, path: Path) -> Finding:
    """Whether the file is there, and only its owner may read it."""
    name = "keys"
    try:
        found = path.stat()
        with path.open("rb"):
            pass
    except FileNotFoundError:
        return look(name, f"{setting}: {path} does not exist", "make it, or correct the setting")
    except OSError as error:
        return broken(name, f"{setting}: {path}: {error.strerror}", f"chown it to this user, then chmod 600 {path}")
    if not stat.S_ISREG(found.st_mode):
        return broken(name, f"{setting}: {path} is not a file", "correct the setting")
    mode = f"{setting}: {path} has mode {stat.S_IMODE(found.st_mode):o}"
    if found.st_mode & stat.S_IRWXO:
        return broken(name, f"{mode}: every user of this machine has it", f"chmod 600 {path}")
    if found.st_mode & stat.S_IRWXG:
        return look(name, f"{mode}: its group has it, too", f"chmod 600 {path}")
    if found.st_uid not in (os.geteuid(), 0):
        return look(name, f"{mode}, but belongs to another user", "chown it to the user that runs the server")
    return ok(name, f"{mode}: its owner only")


def _named(config: Config) -> Iterator[tuple[str, Path]]:
    """Settings that are called like a file with a secret, and are set."""
    for section in config.__struct_fields__:
        for key, value in msgspec.structs.asdict(getattr(config, section)).items():
            if _SECRET.fullmatch(key) and isinstance(value, str) and value:
                yield f"{section}.{key}", Path(value)
