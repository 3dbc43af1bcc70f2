"""`dpdsyn data`, and downloads over real HTTP that break, go on, or find another file."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import yaml

from experiments.cli.main import main
from experiments.data.download import download

Dpdsyn = Callable[..., subprocess.CompletedProcess]


class Server(ThreadingHTTPServer):
    """Serves one file; breaks off after `breaks_after` bytes if that is set; notes which byte each request began at."""

    content = np.random.default_rng(0).bytes(300_000)
    tag = '"one"'
    breaks_after: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.starts: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        served = self.server
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.headers["If-Range"] == served.tag else 0
        served.starts.append(start)
        if start >= len(served.content):
            self.send_error(416)
            return
        body = served.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", served.tag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: served.breaks_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        yield served
        served.shutdown()


def test_a_broken_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.breaks_after = 100_000
    with pytest.raises(OSError, match=r"the connection broke after 100,000 of 300,000 bytes; .* goes on from there"):
        download(server.url, tmp_path)
    server.breaks_after = None
    assert download(server.url, tmp_path) == server.content
    assert server.starts == [0, 100_000]
    assert download(server.url, tmp_path) == server.content and server.starts[-1] == 0
    assert [path.suffix for path in (tmp_path / "partial").iterdir()] == [".lock"]


def test_a_file_that_has_changed_since_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.breaks_after = 100_000
    with pytest.raises(OSError, match="broke"):
        download(server.url, tmp_path)
    server.breaks_after, server.tag, server.content = None, '"two"', b"another file"
    assert download(server.url, tmp_path) == b"another file"


def test_a_part_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    server.breaks_after = 100_000
    with pytest.raises(OSError, match="broke"):
        download(server.url, tmp_path)
    (part,) = (path for path in (tmp_path / "partial").iterdir() if not path.suffix)
    part.write_bytes(b"x" * 400_000)
    server.breaks_after = None
    assert download(server.url, tmp_path) == server.content and server.starts[1:] == [400_000, 0]


def test_what_is_here_is_listed_and_verified(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    nowhere = {"DPDSYN_DATA": str(tmp_path / "none")}
    listed = dpdsyn("data", "list", **nowhere)
    lines = {line.split()[0]: line for line in listed.stdout.splitlines()}
    assert listed.returncode == 0 and {"adult", "smoking", "simulated", "csv", "liver_published"} <= set(lines)
    assert " no " in lines["adult"] and "39,000" in lines["adult"] and "income" in lines["adult"]
    verified = dpdsyn("data", "verify", "simulated", "adult", **nowhere)
    assert verified.returncode == 1 and "1 of 2 data sets are as they should be" in verified.stdout
    assert "simulated        ok     60,000 rows, 13 columns, every category declared" in verified.stdout
    assert "adult/adult.data, adult/adult.test is not on this machine; dpdsyn data fetch adult brings it" in verified.stdout


def test_a_simulated_table_is_described_with_the_best_that_is_possible(dpdsyn: Dpdsyn) -> None:
    described = dpdsyn("data", "describe", "simulated")
    assert described.returncode == 0, described.stderr
    for text in (
        "best possible    accuracy 0.950",
        "protected        one row",
        "off-task target  x8",
        "boosting         accuracy 0.9",
    ):
        assert text in described.stdout, text
    assert "nothing to fetch" in dpdsyn("data", "fetch", "simulated").stdout
    for action in ("fetch", "describe", "verify"):
        refused = dpdsyn("data", action, "csv")
        assert refused.returncode == 2 and "csv stands for a table of your own" in refused.stderr


@pytest.mark.slow
def test_the_best_possible_accuracy_stands_above_the_methods(dpdsyn: Dpdsyn) -> None:
    done = dpdsyn(
        "run", "-m", "dataset=simulated", "dataset.generator.rows=3000", "dataset.generator.order=1",
        "synthesizer=real", "evaluation.evaluators=[logistic]",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "best possible accuracy: simulated (order=1, rows=3000) 0.950" in done.stdout
    refused = dpdsyn("run", "dataset=simulated", "dataset.generator.order=99", "synthesizer=real")
    assert refused.returncode == 2 and "order is 99; it cannot exceed the number of columns, 12" in refused.stderr


def test_one_data_set_that_cannot_be_meant_hides_no_other(
    toy_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DPDSYN_DATA", str(toy_world / "data"))
    (tmp_path / "dataset").mkdir()
    described = (toy_world / "conf" / "dataset" / "toy.yaml").read_text()
    (tmp_path / "dataset" / "toy.yaml").write_text(described)
    (tmp_path / "dataset" / "mistyped.yaml").write_text(described.replace("test_share", "tets_share"))
    assert main(["data", "list", "--config-dir", str(tmp_path)]) == 1
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "did you mean test_share?" in lines["mistyped"] and "FAULT" in lines["mistyped"]
    assert "simulated for tests" in lines["toy"] and {"adult", "smoking"} <= set(lines)
    assert main(["data", "verify", "--config-dir", str(tmp_path), "toy", "mistyped"]) == 1
    shown = capsys.readouterr().out
    assert "1,200 rows, 4 columns" in shown and "FAULT" in shown and "1 of 2 data sets are as they should be" in shown


def test_what_a_schema_leaves_open_is_told(
    toy_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DPDSYN_DATA", str(toy_world / "data"))
    (tmp_path / "dataset").mkdir()
    described = yaml.safe_load((toy_world / "conf" / "dataset" / "toy.yaml").read_text())
    described["schema"]["columns"]["age"] = {"kind": "real"}
    (tmp_path / "dataset" / "toy.yaml").write_text(yaml.safe_dump(described))
    assert main(["data", "verify", "--config-dir", str(tmp_path), "toy"]) == 0
    assert "ok     1,200 rows, 4 columns, left open, to be learnt: age" in capsys.readouterr().out
    assert main(["data", "describe", "--config-dir", str(tmp_path), "toy"]) == 0
    shown = capsys.readouterr().out
    assert "rows             1,200, of them " in shown and " for training with seed 0" in shown
    assert "4; left open, to be learnt: age. So no row is encoded, and no model is trained here" in shown
