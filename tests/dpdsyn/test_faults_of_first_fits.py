"""Methods that keep exact counts of the first table of a process, wherever that is kept: `dpdsyn check` names each."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dpdsyn.contract import BLIND, NOTHING_LEFT, outcomes
from dpdsyn.synthesizer import Synthesizer

METHOD = """
import functools
import numpy as np
from dpdsyn.accounting.spends import SampledGaussian
from dpdsyn.synthesizer import Synthesizer
{state}

class Method(Synthesizer):
    def fit(self, private, rng):
        self.sizes_ = private.schema.sizes
        seen = {seen}
        noise = private.ledger.open_calibrated(lambda noise: [SampledGaussian(1.0, noise, 1)])

        def counts(batch, clip):
            found = np.bincount(batch[:, 0], minlength=self.sizes_[0]) * float(clip)
            if not seen:
                seen.append(found / len(batch) if len(batch) else found)
            return found

        private.noisy_sum(counts, 1.0, noise, 1.0)
        self.shares_ = seen[0].copy()
        return self

    def sample(self, n, rng):
        return np.zeros((n, len(self.sizes_)), dtype=np.int64)
"""
WORKSPACE = "@functools.{cache}\ndef workspace(columns):\n    return []\n"


@pytest.fixture
def method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., type[Synthesizer]]]:
    """The class of a module of that name, in a folder with another one, `helper_of_a_method`, which holds a list."""

    def made(module: str, state: str, seen: str) -> type[Synthesizer]:
        (tmp_path / f"{module}.py").write_text(METHOD.format(state=state, seen=seen))
        (tmp_path / "helper_of_a_method.py").write_text("found = []\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        kind: type[Synthesizer] = importlib.import_module(module).Method
        return kind

    yield made
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(file.stem, None)


@pytest.mark.parametrize(
    ("module", "state", "seen", "told"),
    [
        ("a_method", "cached_shares = []", "cached_shares", "a_method.cached_shares is "),
        ("context_trees", "kept = []", "kept", "context_trees.kept is "),
        ("settings_of_mine", "kept = []", "kept", "settings_of_mine.kept is "),
        ("a_method", "import helper_of_a_method", "helper_of_a_method.found", "helper_of_a_method.found is "),
    ],
)
def test_what_is_kept_outside_of_a_method_is_seen_by_whatever_name(
    method: Callable[..., type[Synthesizer]], module: str, state: str, seen: str, told: str
) -> None:
    (outcome,) = outcomes(method(module, state, seen), [NOTHING_LEFT])
    assert f"a fit changes what is outside the method: {told}" in (outcome.fault or "")


@pytest.mark.parametrize("cache", ["cache", "lru_cache(4)"])
def test_what_a_cache_hands_out_to_all_fits_is_seen(method: Callable[..., type[Synthesizer]], cache: str) -> None:
    kind = method("a_method", WORKSPACE.format(cache=cache), "workspace(len(self.sizes_))")
    (outcome,) = outcomes(kind, [BLIND])
    assert "another row shows though no answer tells of it: shares_[" in (outcome.fault or "")


@pytest.mark.parametrize("cache", ["cache", "lru_cache(4)"])
def test_a_cache_of_what_no_fit_changes_is_no_fault(method: Callable[..., type[Synthesizer]], cache: str) -> None:
    kind = method("a_method", WORKSPACE.format(cache=cache), "[np.zeros(1 + len(workspace(len(self.sizes_))))]")
    assert [outcome.fault for outcome in outcomes(kind, [NOTHING_LEFT, BLIND])] == [None, None]
