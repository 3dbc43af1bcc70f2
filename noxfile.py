"""What a change has to pass. Sessions use the environment that nox runs in: nox -s lint types tests."""

import sys

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "tests"]


@nox.session
def lint(session: nox.Session) -> None:
    """Style and common mistakes."""
    session.run(sys.executable, "-m", "ruff", "check", ".")
    session.run(sys.executable, "-m", "ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Static types of the packages."""
    session.run(sys.executable, "-m", "mypy")


@nox.session
def quick(session: nox.Session) -> None:
    """The tests that take a few seconds at most."""
    session.run(sys.executable, "-m", "pytest", "-q", "-m", "not slow", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, on two processes."""
    session.run(sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """The hostile-file test with 10,000 tries."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/test_table_file.py", "-k", "whatever", *session.posargs]
    session.run(*command, env={"DPDSYN_FUZZ": "10000"})


@nox.session
def kills(session: nox.Session) -> None:
    """The test that kills a sweep at random moments, a hundred times."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/test_sweep.py", "-k", "random_moments", *session.posargs]
    session.run(*command, env={"DPDSYN_KILLS": "100"})
