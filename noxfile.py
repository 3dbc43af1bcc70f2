"""What a change has to pass. Sessions use the environment that nox runs in: nox -s lint types tests."""

import os
import shutil
import sys
from pathlib import Path

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
    """The tests that take a few seconds at most, on two processes."""
    session.run(sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", "-m", "not slow", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, on two processes."""
    session.run(sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Ten thousand fuzzed files through all entrances, or others: nox -s fuzz -- --files 500 --start 10000 --jobs 2."""
    with session.chdir("tests"):
        command = [sys.executable, "-m", "fuzzing", "--files", os.environ.get("DPDSYN_FUZZ", "10000"), *session.posargs]
        session.run(*command, env={"PYTHONPATH": os.pathsep.join([str(Path.cwd().parent), str(Path.cwd())])})


@nox.session
def hostile(session: nox.Session) -> None:
    """The older tests of hostile files, with 10,000 tries each."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "tests/experiments/data/test_table_file.py",
        "tests/experiments/data/test_entrances.py",
        "-k",
        "whatever or hostile",
        *session.posargs,
    ]
    session.run(*command, env={"DPDSYN_FUZZ": "10000"})


@nox.session
def examples(session: nox.Session) -> None:
    """The quick tests, with ten times as many examples where a test takes any that there are."""
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-m", "not slow", *session.posargs]
    session.run(*command, env={"DPDSYN_EXAMPLES": "400"})


@nox.session
def plans(session: nox.Session) -> None:
    """Both accountants on sixty plans of every kind, and on sixty that are calibrated."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/experiments/audit/test_second_accountant.py", *session.posargs]
    session.run(*command, env={"DPDSYN_PLANS": "60"})


@nox.session
def kills(session: nox.Session) -> None:
    """The test that kills a sweep at random moments, a hundred times."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "tests/experiments/sweep/test_sweep.py",
        "-k",
        "random_moments",
        *session.posargs,
    ]
    session.run(*command, env={"DPDSYN_KILLS": "100"})


@nox.session
def mutants(session: nox.Session) -> None:
    """Faults planted one at a time, and what tells of each, into results/notes/mutants.md (half an hour on two processors)."""
    command = [sys.executable, "-m", "mutants", "--check", "--jobs", "2", *session.posargs]
    with session.chdir("tests"):
        session.run(*command, env={"PYTHONPATH": os.pathsep.join([str(Path.cwd().parent), str(Path.cwd())])})


@nox.session
def memory(session: nox.Session) -> None:
    """A sweep in a memory cgroup of its own, where the kernel's out-of-memory killer strikes; by root."""
    session.run(sys.executable, "-m", "pytest", "-q", "tests/services/test_out_of_memory.py", *session.posargs)


@nox.session
def slurm(session: nox.Session) -> None:
    """Sweeps on a real Slurm of one node, on loopback."""
    _debian(session, {"slurmctld": "slurm-wlm", "slurmdbd": "slurmdbd", "munged": "munge", "mariadbd": "mariadb-server"})
    _services(session, "test_slurm.py", ".[slurm]")


@nox.session
def tracking(session: nox.Session) -> None:
    """MLflow's server on sqlite and on PostgreSQL, on loopback."""
    _debian(session, {"pg_ctlcluster": "postgresql"})
    _services(session, "test_tracking.py", ".[postgres]")


@nox.session
def browser(session: nox.Session) -> None:
    """The dashboard and the report in a headless Chromium."""
    _debian(session, {"chromium": "chromium", "chromedriver": "chromium-driver"})
    _services(session, "test_browser.py", ".[browser]")
    session.run(sys.executable, "-m", "pytest", "-q", "tests/services/test_report_page.py", *session.posargs)


@nox.session
def latex(session: nox.Session) -> None:
    """The committed tables, compiled."""
    _debian(session, {"pdflatex": "texlive-latex-base texlive-latex-recommended"})
    session.run(sys.executable, "-m", "pytest", "-q", "tests/services/test_latex.py", *session.posargs)


_RAY = ("tests/services/test_ray.py", "tests/services/test_ray_fit.py")


@nox.session
def ray(session: nox.Session) -> None:
    """Sweeps and fits on a Ray cluster of two nodes, in an environment of its own: Ray asks for older joblib and cloudpickle."""
    home = Path(session.create_tmp()).parent / "environment"
    session.run(sys.executable, "-m", "venv", str(home))
    python = str(home / "bin" / "python")
    session.run(python, "-m", "pip", "install", "--quiet", "-c", "constraints.txt", "-e", ".[bench,test,ray]", external=True)
    session.run(python, "-m", "pytest", "-q", *_RAY, *session.posargs, external=True)


@nox.session
def environments(session: nox.Session) -> None:
    """The packages in environments of their own, which are made if they are not there (2.7 GB)."""
    command = str(Path(sys.executable).with_name("dpdsyn"))
    session.run(command, "env", "create", "smartnoise", "dpmm")
    session.run(sys.executable, "-m", "pytest", "-q", "tests/baselines/test_isolated.py", "-k", "real", *session.posargs)


def _services(session: nox.Session, test: str, extra: str) -> None:
    """A test that starts servers, in this environment with what it needs besides."""
    session.run(sys.executable, "-m", "pip", "install", "--quiet", "-c", "constraints.txt", "-e", extra)
    session.run(sys.executable, "-m", "pytest", "-q", f"tests/services/{test}", *session.posargs)


def _debian(session: nox.Session, programs: dict[str, str]) -> None:
    """Have Debian's packages for these programs: root installs what is missing, others are told."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = sorted(
        {p for program, packages in programs.items() if not shutil.which(program, path=path) for p in packages.split()}
    )
    if missing and os.getuid() != 0:
        session.error(f"this needs Debian's {' '.join(missing)}: sudo apt-get install {' '.join(missing)}")
    if missing:
        session.run("apt-get", "update", "-qq", external=True)
        install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing)
        session.run(*install, external=True, env={"DEBIAN_FRONTEND": "noninteractive"})
