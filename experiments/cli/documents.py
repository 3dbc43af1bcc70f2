"""The parts of the READMEs that the code knows, written again: python -m experiments.cli.documents

Each stands between `<!-- generated: NAME -->` and `<!-- end -->`: the commands as the parser has them, the configuration's
keys and the experiments as their files tell of them, and what the committed records say. A test holds the committed documents
to what this makes.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from dpdsyn.base.files import write_whole
from experiments.cli.main import parser
from experiments.configuration import config_dir, options, read_option
from experiments.console import say
from experiments.data.description import described
from experiments.records.export import read_export
from experiments.records.record import Record
from experiments.report.grouped import View
from experiments.report.readme.parts import FRONT, RESULTS, parts
from experiments.sweep.request import inspect_request

ROOT = Path(__file__).parents[2]
PAGES = {
    "experiments/README.md": ("commands",),
    "conf/README.md": ("keys", "dataset", "experiments"),
    "README.md": FRONT,
    "results/README.md": ("ran", *RESULTS),
}
_WHOLE = "paper"  # the experiment that consists of all others whose records are committed
_PREFIXES = {"guide": "synthesizer.guide."}  # a method's file brings this group in under a key of its own
_KEY = re.compile(r"(?P<key>[a-z_]+):\s*(?P<value>\[.*?\]|\"[^\"]*\"|[^#\s]+)\s*(?:#\s*(?P<said>.*))?$")


def documents() -> dict[str, str]:
    """The text of each page with its generated parts as they have to be. Raises ValueError if a page lacks a marker."""
    records = read_export(ROOT / "results", say)
    tables = {
        "commands": commands_table(parser()),
        "keys": keys_table(),
        "dataset": dataset_table(),
        "experiments": experiments_table(),
        "ran": ran_table(records),
        **parts(View.of(records)),
    }
    pages = {}
    for page, names in PAGES.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        for name in names:
            text = replaced(text, name, tables[name])
        pages[page] = text
    return pages


def replaced(text: str, name: str, table: str) -> str:
    """The text with this table between the markers of this name. Raises ValueError unless they are there exactly once."""
    pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"a page needs `<!-- generated: {name} -->` and, after it, `<!-- end -->`, once")
    return pattern.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text)


def commands_table(whole: argparse.ArgumentParser) -> str:
    """A row a command, those of commands that have actions of their own included."""
    return _table(("command", "what it does"), [(f"`{name}`", said) for name, said in _commands(whole)])


def keys_table() -> str:
    """A row a key of the configuration that is no method's or data set's own: name, default and its file's remark."""
    rows = [row for row in _keys(config_dir() / "config.yaml", "") if row[1] != "???"]
    for group in sorted(path.name for path in config_dir().iterdir() if path.is_dir()):
        for name in ("default", "standard", "public"):
            path = config_dir() / group / f"{name}.yaml"
            rows += _keys(path, _PREFIXES.get(group, f"{group}.")) if path.is_file() else []
    return _table(("key", "default", "what it is"), [(f"`{key}`", f"`{value}`", said) for key, value, said in rows])


def dataset_table() -> str:
    """A row a key of a published data set's description, but for what pandas calls its own options."""
    rows = [(f"`{row.key}`", row.type, row.meaning) for row in described("published") if not row.key.startswith("read.")]
    return _table(("key", "value", "what it is"), rows)


def experiments_table() -> str:
    """A row an experiment: the remark that opens its file, and the experiments that it consists of."""
    rows = []
    for name in options("experiment"):
        lines = (config_dir() / "experiment" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        said = next(line[1:].strip() for line in lines if line.startswith("# ") and "@package" not in line)
        parts = ", ".join(f"`{part}`" for part in read_option("experiment", name).get("experiments", []))
        rows.append((f"`{name}`", f"{said} Consists of {parts}." if parts else said))
    return _table(("`experiment=`", "what it is"), rows)


def ran_table(records: Sequence[Record]) -> str:
    """A row an experiment of the whole comparison: how many runs it has, how many of them have a record, and their seeds.

    A run that several experiments share has its record with the first that ran it.
    """
    planned = Counter(job[-1].partition("=")[2] for job in inspect_request(["-m", f"experiment={_WHOLE}"]).jobs())
    there = {name: [r for r in records if r.experiment and r.experiment.name == name] for name in planned}
    rows = [(f"`{name}`", str(count), str(len(there[name])), _seeds(there[name])) for name, count in planned.items()]
    return _table(("`experiment=`", "runs", "here", "seeds"), rows)


def _seeds(records: Sequence[Record]) -> str:
    seeds = sorted({record.seed for record in records})
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(*seeds) or "-"


def _commands(whole: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for group in (action for action in whole._actions if isinstance(action, argparse._SubParsersAction)):
        said = {choice.dest: choice.help or "" for choice in group._choices_actions}
        for name, command in group.choices.items():
            below = list(_commands(command))
            yield from below or [(command.prog, said[name])]


def _keys(path: Path, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Key, default and remark of each line `key: value # remark`; a nested key needs none of these and is left out."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for found in filter(None, map(_KEY.match, lines)):
        yield f"{prefix}{found['key']}", found["value"], found["said"] or ""


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    for page, text in documents().items():
        write_whole(ROOT / page, text.encode())
        print(f"wrote {page}")
