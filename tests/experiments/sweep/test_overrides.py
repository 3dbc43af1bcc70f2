"""What people type: file names with any signs work, Hydra's own words list values or are refused in one line, in plain words."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.cli.main import main
from experiments.sweep.overrides import UsageError, is_multirun, parsed, quoted, remedy, settled, split, values
from experiments.sweep.plan import composed
from experiments.sweep.request import inspect_request

ODD = ["umsätze (1).csv", "a,b.csv", "a[1].csv", "[1].csv", "{a}.csv", "a=b.csv", "a#1;2.csv", "a'b.csv", 'a"b.csv', "日本.csv"]
ODD += [
    "1",
    "null",
    "glob(1)",
    "choice(a,b).csv",
    "range(1,3)",
    "interval(0,1)",
    " lead.csv",
    "a&b.csv",
    "x\\",
    "$x.csv",
    "a b.csv",
]
FILE = ("dataset=csv", "synthesizer=real")


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12))
def test_a_quoted_text_is_read_as_it_is(text: str) -> None:
    read = parsed(f"key={quoted(text)}")
    assert read.value() == text.replace("${", "\\${") and values(read) == [read.value()]
    (typed,) = shlex.split(remedy("key", text))
    assert typed == f"key={quoted(text)}"


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("flags", [(), ("-m",)])
def test_a_file_that_is_there_is_meant_whatever_its_name_is(
    name: str, flags: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("a,y\n1,no\n")
    request = inspect_request([*flags, *FILE, f"dataset.path={name}"])
    assert request.axes["dataset.path"] == [name] and len(request.jobs()) == 1
    again = inspect_request(request.arguments)
    assert again == request, "what `retry` is given"


def test_a_list_of_files_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b.csv", "a,b.csv"):
        (tmp_path / name).write_text("")
    assert inspect_request(["-m", *FILE, "dataset.path=a,b.csv"]).axes["dataset.path"] == ["a", "b.csv"]
    assert settled(["dataset.schema=a"], None) == ["dataset.schema=a"]


@pytest.mark.parametrize("name", ["umsätze.csv", "a[1].csv", "a=b.csv", "x'y.csv", "data(1).csv"])
def test_a_value_that_cannot_be_read_is_refused_with_what_to_type(name: str) -> None:
    for key in ("dataset.path", "dataset.target"):
        with pytest.raises(UsageError) as refused:
            inspect_request([*FILE, f"{key}={name}"])
        said = str(refused.value)
        assert "\n" not in said and "Lexer" not in said and "hydra.cc" not in said and said.endswith(remedy(key, name))
        (typed,) = shlex.split(remedy(key, name))
        assert inspect_request([*FILE, typed]).axes[key] == [name]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("privacy.epsilon=interval(0,1)", r"interval\(0,1\): an interval names no values. List them \(privacy.epsilon=VALUE"),
        ("experiment=interval(0,1)", "an interval names no values"),
        ("seed=glob(*)", "glob is for names of dataset, synthesizer"),
        ("privacy=glob(zz*)", "no privacy is called like that; there are default"),
        ("seed=range(0,3,0)", "a range of 1 to 100,000 values is needed, with a step that is not 0"),
        ("seed=range(0,1000000000)", "a range of 1 to 100,000 values"),
        ("seed=range(2,0)", r"^seed=range\(2,0\) names no value, so that nothing would run; range\(START,STOP,STEP\) goes from"),
        ("+privacy.epsilon=range(1,1)", "names no value"),
        ("seed=range(3)", "seed has several values; add -m to run them all$"),
        ("dataset.target=a,b", "add -m to run them all; if it is one text, quote it twice: 'dataset.target=\"a,b\"'$"),
        ("seed", "'seed' is no setting; KEY=VALUE is needed"),
        ("=1", "'=1' is no setting"),
        ("~", "'~' is no setting"),
        ("--nosuch", "unrecognized arguments: --nosuch; dpdsyn run --help"),
        ("--multi", "unrecognized arguments: --multi;"),
        ("dataset=adult", "^dataset is given more than once; of several values the last alone would count: give one$"),
        ("+synthesizer=mst", "^synthesizer is given more than once"),
        ("experiment=null", "^experiment=null names no experiment; leave it out$"),
        ("evaluation.name=raw", "^evaluation.name=raw is the name of another one; give a `name` of its own, or evaluation=raw$"),
        ("encoding.name=learned", "encoding.name=learned is the name of another one"),
        (
            "hydra.job.chdir=true",
            "^hydra.job.chdir=true: runs keep all files in DPDSYN_RESULTS; leave it out$",
        ),
        ("hydra.run.dir=/x", "^hydra.run.dir=/x: runs keep all files in DPDSYN_RESULTS"),
        ("hydra.sweep.dir=/x", "^hydra.sweep.dir=/x: runs keep all files in DPDSYN_RESULTS"),
        ("hydra/launcher=nope", "^no hydra/launcher is called 'nope'; there are basic, .*local, .*slurm"),
    ],
)
def test_what_hydra_cannot_list_or_read_is_one_line(typed: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        inspect_request(["dataset=adult", "synthesizer=real", typed])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("flags", [["--cfg", "job", "--cfg", "hydra"], ["-c", "job", "--cfg=job"], ["-p", "a", "--package", "b"]])
def test_a_flag_with_a_value_is_given_once(flags: list[str]) -> None:
    with pytest.raises(UsageError, match=r"^--?[a-z]+ is given more than once; of several values the last alone would count"):
        inspect_request(["dataset=adult", "synthesizer=real", *flags])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            "--hydra-help",
            "^--hydra-help is a page on Hydra itself; dpdsyn run --help tells of the flags and keys that there are$",
        ),
        ("--cfg job --info config", "^--cfg and --info each show something else and run nothing; give one of them$"),
        ("--help --cfg job", "^--help and --cfg each show something else"),
        ("--run -m --cfg job", "^--run does one run, and --cfg something else; leave one of them out$"),
        ("--run -m", "^--run does one run, and -m something else"),
        ("--package x", "^--package is for what --cfg shows; add --cfg job, or leave it out$"),
        ("--resolve", "^--resolve is for what --cfg shows; add --cfg job, or leave it out$"),
        ("--config-dir=", "^--config-dir is empty; a value is needed, or leave it out$"),
    ],
)
def test_flags_that_could_do_nothing_are_refused(flags: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        inspect_request(["dataset=adult", "synthesizer=real", *flags.split()])


def test_flags_that_go_together_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    for flags in ("--run", "--cfg job --resolve --package synthesizer", "-m --info config", "--help --resolve"):
        assert inspect_request(["dataset=adult", "synthesizer=real", *flags.split()]).arguments


@pytest.mark.parametrize("command", ["run", "retry", "audit"])
def test_what_hydra_cannot_show_is_one_line(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path / "results"))
    (tmp_path / "hydra" / "launcher").mkdir(parents=True)
    (tmp_path / "hydra" / "launcher" / "broken.yaml").write_text("defaults:\n  - submitit_nosuch\n")
    folder = ["--config-dir", str(tmp_path), "dataset=adult", "synthesizer=real"]
    assert main([command, "--cfg", "hydra", *folder, "hydra/launcher=broken"]) == 2
    said = capsys.readouterr().err
    assert "Could not load 'hydra/launcher/submitit_nosuch'" in said and "pip install 'dpdsyn[slurm]'" in said
    assert said.count("\n") == 1 and not (tmp_path / "results").exists()
    assert main([command, "--hydra-help"]) == 2 and capsys.readouterr().err.count("\n") == 1
    assert main([command, "--debug", "--debug", *folder]) == 2 and capsys.readouterr().err.count("\n") == 1
    with pytest.raises(SystemExit, match="2"):
        main([command, "--cfg", "job", "--package", "nosuch", *folder])
    assert capsys.readouterr().err.count("\n") == 1


def test_words_that_list_values_do(tmp_path: Path) -> None:
    def axis(key: str, typed: str) -> list[str]:
        request = inspect_request(["-m", "dataset=adult", typed, *([] if key == "synthesizer" else ["synthesizer=real"])])
        assert len(request.jobs()) == len(request.axes[key])
        return [str(value) for value in request.axes[key]]

    assert axis("synthesizer", "synthesizer=glob([mst,mw*m])") == ["mst", "mwem"]
    assert axis("synthesizer", "synthesizer=glob(m*,exclude=[mw*,marg*])") == ["majority", "mst"]
    assert axis("synthesizer", "synthesizer=choice(mst,real)") == ["mst", "real"]
    assert axis("seed", "seed=range(0,3)") == ["0", "1", "2"]
    (tmp_path / "synthesizer").mkdir()
    (tmp_path / "synthesizer" / "mine.yaml").write_text("name: mine\n_target_: baselines.mst.MST\n")
    own = inspect_request(["--config-dir", str(tmp_path), "dataset=adult", "synthesizer=glob(mine*)"])
    assert own.axes["synthesizer"] == ["mine"], "one name needs no -m, and those of one's own count"


@pytest.mark.parametrize("key", ["privacy.epsilon", "privacy", "seed", "dataset", "synthesizer", "compute.threads", "evaluation"])
def test_a_deleted_key_that_every_run_needs_is_named(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path))
    request = inspect_request(["dataset=adult", "synthesizer=real", f"~{key}"])
    with pytest.raises(UsageError, match=rf"^every run needs {key}; leave ~{key} out$"):
        list(composed(request.jobs(), None))


def test_flags_may_stand_anywhere() -> None:
    between = inspect_request(["dataset=adult", "-m", "synthesizer=real", "seed=0,1"])
    assert inspect_request(["dataset=adult", "synthesizer=real", "encoding.name=public", "evaluation.name=mine"]).axes
    assert is_multirun(["a=1", "--multirun"]) and is_multirun(["-m"]) and not is_multirun(["a=-m"])
    assert len(between.jobs()) == 2 and split(["a=1", "--cfg", "job", "b=2"]).overrides == ["a=1", "b=2"]


WORDS = ["nan", "2019", "true", "null", "1e5", "inf", "1_000", "-1", "1.5"]  # no texts for Hydra
NAMES = [*WORDS, "on", "01", "0x1F", "12:30", "my method", "a,b", "a=b", "\u00fcn\u00ef"]


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command with options of one's own that are called like that."""
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path / "results"))
    (tmp_path / "synthesizer").mkdir()
    for number, name in enumerate(NAMES):
        text = f"name: own_{number}\n_target_: dpdsyn.candidates.Uniform\nabout: {{role: method, takes: minutes}}\n"
        (tmp_path / "synthesizer" / f"{name}.yaml").write_text(text)
    return ["--config-dir", str(tmp_path), "-m", "dataset=simulated"]


def methods(arguments: list[str]) -> list[str]:
    request = inspect_request(arguments)
    return [run.method for _, _, run in composed(request.jobs(), request.config_dir)]


@pytest.mark.parametrize("name", WORDS)
def test_an_option_whose_name_is_no_text_for_hydra_is_refused_with_what_to_type(name: str, named: list[str]) -> None:
    for typed in (name, f"real,{name}"):
        with pytest.raises(UsageError) as refused:
            inspect_request([*named, f"synthesizer={typed}"])
        said = str(refused.value)
        assert said.startswith(f"Hydra reads synthesizer={name} as ") and "\n" not in said
        assert f"{remedy('synthesizer', name)}, or call the file {name}.yaml otherwise" in said
    (typed,) = shlex.split(remedy("synthesizer", name))
    assert methods([*named, typed]) == [f"own_{NAMES.index(name)}"]
    with pytest.raises(UsageError, match=r"^no synthesizer is called 7; there are "):
        inspect_request([*named, "synthesizer=7"])


def test_quoted_names_may_be_listed_and_found_by_signs_and_by_what_is_told_of_them(named: list[str], tmp_path: Path) -> None:
    all_of_them = [f"own_{number}" for number in range(len(NAMES))]
    assert methods([*named, f"synthesizer={','.join(map(quoted, NAMES))}"]) == all_of_them
    assert methods([*named, "synthesizer=glob([n?n,a?b])"]) == [f"own_{NAMES.index(name)}" for name in ("a,b", "a=b", "nan")]
    (tmp_path / "experiment").mkdir()
    head = "# @package _global_\nmethods: {role: method, takes: minutes}\n"
    (tmp_path / "experiment" / "2019.yaml").write_text(head + "hydra: {sweeper: {params: {dataset: simulated}}}\n")
    found = methods([*named[:3], 'experiment="2019"'])
    assert sorted(name for name in found if name.startswith("own_")) == sorted(all_of_them)


def test_a_list_in_the_defaults_of_an_experiment_is_told_where_it_belongs(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\ndefaults:\n  - override /synthesizer: [real, mst]\n")
    with pytest.raises(UsageError, match=r"belongs under hydra.sweeper.params, as `synthesizer: real,mst`"):
        inspect_request(["--config-dir", str(tmp_path), "-m", "dataset=adult", "experiment=mine"])
