"""The index that `dpdsyn status` reads says what the records say, whatever has become of either."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from builders.records import changed, record

from dpdsyn.base.files import FileError
from experiments.records import brief as briefs
from experiments.records.brief import INDEX, brief
from experiments.records.record import Record
from experiments.records.store import Store, StoreError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.prepare()
    failed = record("b", status="failed", error="ValueError: no", log="runs/logs/b.txt", metrics={}, seconds={"run": 4.0})
    for each in (record("a"), failed, record("c", seed=3, encoding={"name": "learned"})):
        store.write(each)
    return store


def told(records: dict[str, Record]) -> list[tuple]:
    names = [(r.run_id, r.dataset.name, r.method.name, r.encoding and r.encoding.name) for r in records.values()]
    return [
        (*name, r.privacy.epsilon, r.seed, r.status, r.error, r.log, r.seconds.run)
        for name, r in zip(names, records.values(), strict=True)
    ]


def whole(store: Store) -> dict[str, Record]:
    return {each.run_id: each for each in store.all()}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose records were read."""
    names: list[str] = []
    before = Store.read

    def reading(self: Store, run_id: str, *more: object) -> Record | None:
        names.append(run_id)
        return before(self, run_id, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "read", reading)
    return names


def test_each_record_is_read_once_and_again_when_it_has_changed(store: Store, read: list[str]) -> None:
    assert told(brief(store)) == told(whole(store)) and read == ["a", "b", "c"]
    read.clear()
    assert told(brief(store)) == told(whole(store)) and read == []
    store.write(changed(record("b"), seed=7))
    store.write(record("d"))
    (store.records / "a.json").unlink()
    assert told(brief(store)) == told(whole(store)) and read == ["b", "d"]
    assert [each.run_id for each in brief(store).values()] == ["b", "c", "d"] and read == ["b", "d"]


def test_a_record_that_was_changed_in_place_within_a_moment_is_read_again(store: Store, read: list[str]) -> None:
    brief(store)
    read.clear()
    path = store.records / "a.json"
    before = path.stat()
    path.write_text(path.read_text().replace('"seed":0', '"seed":5'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert brief(store)["a"].seed == 5 and read == ["a"]


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"read_by": 1, "rows": {}}', "\x00", '{"rows": 3}'])
def test_a_damaged_index_or_one_of_another_version_is_made_anew(store: Store, read: list[str], damage: str) -> None:
    index = store.results / "runs" / INDEX
    brief(store)
    good = index.read_text()
    index.write_text(damage)
    read.clear()
    assert told(brief(store)) == told(whole(store)) and len(read) == 3 and index.read_text() == good
    index.write_text(json.dumps({**json.loads(good), "rows": {"a.json": [[0, 0, 0], "a"]}}))
    assert told(brief(store)) == told(whole(store)) and index.read_text() == good


def test_what_is_no_record_is_set_aside_and_a_later_one_is_refused_as_ever(store: Store) -> None:
    brief(store)
    said: list[str] = []
    (store.records / "b.json").write_text("{")
    assert [*brief(store, said.append)] == ["a", "c"] and "set aside as b.unreadable" in said[0]
    (store.records / "c.json").write_text(record("c").to_json().replace('"format":3', '"format":99'))
    with pytest.raises(StoreError, match="a record of format 99"):
        brief(store)


def test_where_nothing_can_be_written_or_read_status_still_says_what_there_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(path: Path, content: bytes) -> None:
        raise FileError("the disk is full")

    monkeypatch.setattr(briefs, "write_whole", refusing)
    assert told(brief(store)) == told(whole(store)) and not (store.results / "runs" / INDEX).exists()
    assert brief(Store(store.results / "elsewhere")) == {}
