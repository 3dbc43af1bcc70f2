"""Environments for packages whose pins conflict with ours. `dpdsyn env` makes them, `isolated` uses them.

An environment is described by two files in `baselines/foreign`: NAME.txt, its lock (every version pinned, after lines that say
which Python it is for, how much room it takes and which methods it has), and NAME.py, which calls the package (see
`isolated`). It lies in the cache under the hash of its versions, so other versions are another environment, and it is whole or
it is not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dpdsyn.base.checks import InputError

_HOME = Path(__file__).parent
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)$")
_HEADER = re.compile(r"^# (python|gigabytes|methods): (.+)$", re.MULTILINE)
Say = Callable[[str], None]


class EnvironmentFault(InputError):
    """An environment is not known, or cannot be made here."""


@dataclass(frozen=True)
class Environment:
    """One environment, made or not. lock: the content of NAME.txt."""

    name: str
    lock: str

    @cached_property
    def pins(self) -> dict[str, str]:
        """The version of every package in it."""
        found = (_PIN.match(line) for line in self.lock.splitlines())
        return {match[1]: match[2] for match in found if match}

    @cached_property
    def _header(self) -> dict[str, str]:
        return dict(_HEADER.findall(self.lock))

    @property
    def python(self) -> str:
        """The version of Python that it is for, as 3.11."""
        return self._header["python"]

    @property
    def gigabytes(self) -> float:
        """The room that it takes on the disk."""
        return float(self._header["gigabytes"])

    @property
    def methods(self) -> list[str]:
        """Names of the methods that its package offers here."""
        return self._header["methods"].split()

    @property
    def versions(self) -> dict[str, int | str]:
        """All that makes it what it is."""
        return {"python": self.python, **self.pins}

    @property
    def adapter(self) -> Path:
        """The file that calls the package."""
        return _HOME / f"{self.name}.py"

    @property
    def folder(self) -> Path:
        """Where it lies or would lie."""
        return _folder() / f"{self.name}-{hashlib.sha256(json.dumps(self.versions).encode()).hexdigest()[:12]}"

    @property
    def interpreter(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    @property
    def made(self) -> bool:
        """Whether it is on this machine."""
        return self.interpreter.exists()

    @property
    def command(self) -> str:
        """What a person types to have it."""
        return f"dpdsyn env create {self.name}"


def names() -> list[str]:
    """Of all environments that are described."""
    return sorted(path.stem for path in _HOME.glob("*.txt"))


def find(name: str) -> Environment:
    """Raises EnvironmentFault, listing the names that exist."""
    if name not in names():
        raise EnvironmentFault(f"no environment is called {name!r}; there are {', '.join(names())}")
    return Environment(name, (_HOME / f"{name}.txt").read_text(encoding="utf-8"))


def left_over() -> list[Path]:
    """Folders of environments whose versions have changed since."""
    current = {find(name).folder for name in names()}
    return sorted(path for path in _folder().glob("[!.]*") if path not in current)


def create(environment: Environment, say: Say) -> Path:
    """Make the environment unless it is there; gives its folder. It appears when it is complete, by one renaming.

    Raises EnvironmentFault, in one line, if there is no such Python, too little room, or if pip cannot install a package.
    """
    if environment.made:
        return environment.folder
    python = _python(environment)
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(_folder()).free / 1e9
        if free < environment.gigabytes:
            raise EnvironmentFault(
                f"{environment.name} takes {environment.gigabytes:g} GB and {_folder()} has {free:.1f} GB left; "
                "XDG_CACHE_HOME can name another place"
            )
        with _building_site(environment.name) as site:
            say(f"making {environment.folder} with {python}")
            _run([python, "-m", "venv", str(site)], "venv cannot make it (Debian: apt-get install python3-venv)")
            _install(environment, site, say)
            _put(site, environment)
    except OSError as error:
        raise EnvironmentFault(f"{environment.name} cannot be made in {_folder()} ({error.strerror or error})") from error
    return environment.folder


def cache_dir() -> Path:
    """Where everything lies that can be fetched or made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dpdsyn"


def _folder() -> Path:
    return cache_dir() / "environments"


def _python(environment: Environment) -> str:
    """This interpreter or one on the PATH, of the version that is needed."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if own == environment.python:
        return sys.executable
    other = shutil.which(f"python{environment.python}")
    if other is None:
        raise EnvironmentFault(
            f"{environment.name} needs Python {environment.python}; this is {own}, and there is no python{environment.python} "
            "on the PATH"
        )
    return other


@contextmanager
def _building_site(name: str) -> Iterator[Path]:
    """A folder beside the finished ones that is gone afterwards, those of killed processes too."""
    for path in _folder().glob(f".{name}.*"):
        if not _alive(int(path.suffix[1:])):
            shutil.rmtree(path, ignore_errors=True)
    site = _folder() / f".{name}.{os.getpid()}"
    try:
        yield site
    finally:
        shutil.rmtree(site, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _install(environment: Environment, site: Path, say: Say) -> None:
    lock = site / "lock.txt"
    lock.write_text(environment.lock, encoding="utf-8")
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--retries", "2"]
    count = 0

    def hear(line: str) -> None:
        nonlocal count
        if line.startswith(("Collecting ", "Processing ")):
            count += 1
            say(f"{count} of {len(environment.pins)}: {line.split()[1].rpartition('/')[2]}")
        elif line.startswith("Installing "):
            say(f"installing {len(environment.pins)} packages")

    python = str(site / "bin" / "python")
    _run([python, "-m", "pip", "install", *options, "-r", str(lock)], "pip cannot install its packages", hear)
    _run([python, "-m", "pip", "check"], "its packages contradict each other")
    _run([python, "-c", "import pandas, pyarrow.parquet"], "what was installed cannot be imported")


def _run(command: list[str], what: str, hear: Say = lambda line: None) -> None:
    """Run a command to its end; `hear` gets each line. Raises EnvironmentFault with the line that says why it failed."""
    heard: deque[str] = deque(maxlen=50)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                heard.append(line.strip())
                hear(line)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        if any("connection" in line.lower() for line in heard):
            raise EnvironmentFault(f"{what}: the package index cannot be reached")
        errors = [line.removeprefix("ERROR: ") for line in heard if line.startswith("ERROR: ")]
        raise EnvironmentFault(f"{what}: {errors[0] if errors else heard[-1] if heard else 'no reason given'}")


def _put(site: Path, environment: Environment) -> None:
    """Give the finished folder its name, unless somebody else has just made the same."""
    try:
        site.rename(environment.folder)
    except OSError:
        if not environment.made:
            raise
