"""Telling MLflow beside a command that goes on whatever becomes of that."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from experiments.console import Say
from experiments.records.store import Store, StoreError
from experiments.sweep import launch
from experiments.sweep.mlflow.client import tracking_uri, uri_in_words
from experiments.sweep.mlflow.parents import live
from experiments.sweep.mlflow.runs import Sheets, Tracker
from experiments.sweep.plan import Plan

_PATIENCE = 20.0  # seconds that a command which is done waits for a tracking server
_AGAIN = 5.0  # seconds between two tries at a server that did not answer
_LAST_WORD = 3.0  # seconds that a command which is interrupted takes to say so
_SYSTEM = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"  # MLflow's own switch


class Mirror:
    """Tells MLflow of a sweep's records in a thread of its own.

    sheets: makes files about all records of a sweep, which its parent run gets at the end.
    """

    def __init__(self, store: Store, say: Say, plan: Plan, sheets: Sheets | None = None) -> None:
        self._store, self._say, self._plan, self._sheets = store, say, plan, sheets
        self._live = live(store, plan.sweep_id)
        self._waiting: deque[str] = deque()
        self._added, self._finishing, self._done = threading.Event(), threading.Event(), threading.Event()
        self._begins = self._began = self._killed = False
        self._error = ""
        self._monitor: Any = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def begin(self) -> None:
        """The sweep computes runs from now on, so that its parent run is shown as running."""
        with suppress(StoreError):
            self._live.take()
        self._begins = True
        self._start()

    def add(self, run_ids: Iterable[str]) -> None:
        """Runs that have a record now."""
        self._waiting.extend(run_ids)
        if self._waiting:
            self._start()

    @property
    def behind(self) -> int:
        """Records that were added and not taken yet."""
        return len(self._waiting)

    def _start(self) -> None:
        if not self._thread.is_alive() and not self._done.is_set():
            self._thread.start()
        self._added.set()

    def interrupted(self) -> None:
        """Have MLflow know, if it takes no more than a moment, that the sweep was stopped."""
        self._killed = True
        self._finishing.set()
        self._added.set()
        if self._thread.is_alive():
            self._done.wait(_LAST_WORD)

    def finish(self) -> None:
        """Wait for what is still to be written, as long as MLflow goes on taking it; say so if it does not."""
        self._finishing.set()
        self._added.set()
        left, deadline = len(self._waiting), time.monotonic() + _PATIENCE
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._done.wait(0.05)
            if len(self._waiting) < left:
                left, deadline = len(self._waiting), time.monotonic() + _PATIENCE
        self._live.release(delete=False)
        if self._waiting:
            missing = f"MLflow ({uri_in_words(self._store)}) has not taken {len(self._waiting)} records{self._error}"
            self._say(f"{missing}; they are safe, and `dpdsyn track` brings it up to date")

    def _work(self) -> None:
        tracker = Tracker(self._store)
        ended = False
        while True:
            self._added.wait()
            self._added.clear()
            try:
                with tracker:
                    self._write(tracker)
                    if self._finishing.is_set() and not (self._waiting and not self._killed):
                        self._end(tracker)
                        ended = True
            except Exception as error:  # MLflow can catch up later, whatever it was
                self._error = f" ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
                tracker = Tracker(self._store)
                if self._finishing.wait(_AGAIN):
                    break
                self._added.set()
            if ended or self._killed:
                break
        self._done.set()

    def _write(self, tracker: Tracker) -> None:
        if self._begins and not self._began and self._plan.is_sweep:
            parent = tracker.begin(self._plan)
            self._began = True
            self._watch_system(parent)
        while self._waiting and not self._killed:
            record = self._store.read(self._waiting[0])
            if record is not None:
                tracker.log([(self._plan, record)])
            self._waiting.popleft()

    def _end(self, tracker: Tracker) -> None:
        if self._monitor is not None:
            self._monitor.finish()
        if self._plan.is_sweep:
            self._live.release(delete=False)  # this process's own part of it
            tracker.end(self._plan, launch.records_of(self._plan, self._store), time.time(), self._sheets, self._killed)
        if not self._killed:
            tracker.show()

    def _watch_system(self, parent: str) -> None:
        """Processor, memory and disk of this machine as metrics of the sweep's parent run, where MLflow is asked for them."""
        if os.environ.get(_SYSTEM, "").lower() not in ("1", "true"):
            return
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        uri = tracking_uri(self._store.results)
        self._monitor = SystemMetricsMonitor(parent, resume_logging=True, tracking_uri=uri)
        self._monitor.start()
