"""What a release consists of: the synthetic table, its privacy statement and its page, each whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import free_names, put_at, refuse_unwritable, scratch, settle, write_whole
from experiments.cli.parts.asked_rows import kept, kept_rules
from experiments.cli.parts.outputs import beside
from experiments.data.errors import DataError
from experiments.data.synthetic_file import ENDINGS, Types, write_csv, write_parquet

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from dpdsyn.api import DPDSyn
    from dpdsyn.rules.conditions import Conditions
    from experiments.page.release_pages import Pages

APPEARED = "{}, its statement or its page was made by somebody else meanwhile and is left as it is: the rows are in"
_NOISE = {
    True: "SEEDED: not private against whoever knows the seed",
    False: "operating system's entropy",
    None: "not known whether seeded: the model was saved by an earlier version",
}
_CHUNK = 1_000_000  # rows sampled and written at once
_LEAST_BYTES = {".csv": 3, ".gz": 1 / 8, ".parquet": 1 / 8}  # that a row of two columns takes
_MANY = 10**12  # more than there are where they are not stated; the schema's number of rows may have to be learnt


@dataclass(frozen=True)
class ReleaseFiles:
    """output: the table; the others stand beside it. conditions: what rows are to be. first_id: where ids are numbered from.

    seeded: whether the rows can be drawn again from a seed; whether the noise can be is what the model says.
    """

    output: Path
    conditions: Conditions
    first_id: int | None = None
    seeded: bool = False

    @property
    def statement(self) -> Path:
        return beside(self.output, ".privacy.json")

    @property
    def page(self) -> Path:
        return beside(self.output, ".html")

    @property
    def all(self) -> list[tuple[str, Path]]:
        """With what messages call them."""
        return [("--output", self.output), ("the statement", self.statement), ("the page", self.page)]

    def check(self, rows: int | None) -> None:
        """Raise DataError or InputError for a name or number of rows that cannot be meant."""
        if not self.output.name.endswith(ENDINGS):
            raise DataError(f"--output {self.output}: the name has to end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
        if not self.output.parent.is_dir():
            raise DataError(f"--output {self.output}: there is no folder {self.output.parent}")
        refuse_unwritable(self.output)
        if rows is not None and rows < 1:
            raise InputError(f"--rows is {rows}; a whole number of at least 1 is needed")
        if rows is not None:
            self.check_room("--rows", rows)
        if self.first_id is not None:
            from dpdsyn.rules.made_columns import numbered

            numbered("--first-id", self.first_id, _MANY if rows is None else rows)

    def check_room(self, asked: str, rows: int) -> None:
        """Raise InputError for so many rows that the disk cannot hold them. asked: what the message calls the number."""
        least, free = rows * _LEAST_BYTES[self.output.suffix], shutil.disk_usage(self.output.parent).free
        if least > free:
            raise InputError(
                f"{asked} is {rows:,}: as many rows take {least / 1e9:,.0f} GB or more in {self.output}, and {free / 1e9:,.0f} "
                "GB are free there; ask for fewer (--rows)"
            )

    def write(
        self, model: DPDSyn, method: Mapping[str, Any], rows: int, owners: Mapping[str, pa.DataType], replace: bool
    ) -> tuple[Pages, ReleaseFiles]:
        """Sample and write; gives the pages, and the files under the names that they have now.

        method: name and settings, for the statement. owners: types that columns of a Parquet file are to have. replace: whether
        files of these names may be replaced. If not, and somebody made one meanwhile, all of them get names that are free.
        """
        from experiments.page.release_pages import Pages

        pages = Pages(model.schema_)
        with scratch(self.output) as table:
            chunks = pages.watch(self._chunks(model, rows))
            if self.output.suffix == ".parquet":
                write_parquet(chunks, table, Types.of(model.schema_, owners))
            else:
                write_csv(chunks, table, model.schema_, packed=self.output.suffix == ".gz")
            statement = self._statement(model, method, rows)
            for output in free_names(self.output):
                files = dataclasses.replace(self, output=output)
                with suppress(FileExistsError):
                    files._settle(table, statement, pages, replace)
                    break
        return pages, files

    def _settle(self, table: Path, statement: Mapping[str, Any], pages: Pages, replace: bool) -> None:
        """Put all under their names, or none where one is not to be replaced; the table comes last."""
        done = []
        try:
            put_at(self.statement, replace, lambda path: write_whole(path, _json(statement).encode()))
            done.append(self.statement)
            put_at(self.page, replace, lambda path: pages.write(path, self.output.name, statement))
            done.append(self.page)
            settle(table, self.output, replace)
        except BaseException:
            for path in () if replace else done:
                path.unlink(missing_ok=True)
            raise

    def told(self, model: DPDSyn, rows: int) -> Sequence[str]:
        """What was written, and under what guarantee, in lines."""
        files = (
            f"{self.output}: {rows:,} synthetic rows\n{self.statement}: the privacy statement\n{self.page}: the same as a page"
        )
        return [files, *map(str, filter(None, (model.guarantee, model.evaluation_, *kept(model, self.conditions))))]

    def _chunks(self, model: DPDSyn, rows: int) -> Iterator[pd.DataFrame]:
        from rich.console import Console
        from rich.progress import track

        console = Console(stderr=True)
        starts, given, balance = range(0, rows, _CHUNK), self.conditions.given or None, self.conditions.balance or None
        for start in track(starts, "sampling", console=console, disable=not console.is_terminal, transient=True):
            yield model.sample(min(_CHUNK, rows - start), given, balance, None if start else self.first_id)

    def _statement(self, model: DPDSyn, method: Mapping[str, Any], rows: int) -> dict[str, Any]:
        """Public values only: what was configured, what the plan spends, and cautions, of the noisy count of the rows too."""
        from importlib.metadata import version

        again = {"draws": "seeded: whoever knows the seed and the model can draw these rows again; no noise comes off by that"}
        return {
            **model.guarantee.to_mapping(),
            "program": f"dpdsyn {version('dpdsyn')}",
            "method": dict(method),
            "rows": rows,
            **kept_rules(model, self.conditions),
            "noise": _NOISE[model.noise_seeded_],
            **(again if self.seeded and not model.noise_seeded_ else {}),
            "cautions": [caution.text for caution in model.cautions],
            **({} if model.evaluation_ is None else {"evaluation": model.evaluation_.to_mapping()}),
            "schema": model.schema_.to_mapping(),
        }


def _json(statement: Mapping[str, Any]) -> str:
    """Readable: lists of numbers, as a learnt column has them, on one line each."""
    text = json.dumps(statement, indent=2, default=str)
    return re.sub(r"\[\s+(-?\d[^][\"{}]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"
