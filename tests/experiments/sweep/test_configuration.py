"""The configuration files: every run composes, every experiment names what exists, and identities change with what matters."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml
from builders.configuration import composed
from hydra import initialize_config_dir

from dpdsyn.guide import PRETRAINED, GuideSettings
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.synthesizer import load
from experiments.configuration import config_dir, options, read_option
from experiments.run import Run, execute
from experiments.sweep import sweep
from experiments.sweep.request import UsageError, inspect_request


@pytest.fixture(autouse=True)
def hydra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path))
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield


@pytest.mark.parametrize(
    ("dataset", "synthesizer"),
    [(name, "dpdsyn") for name in options("dataset") if name != "csv"] + [("adult", name) for name in options("synthesizer")],
)
def test_every_data_set_and_every_method_composes(dataset: str, synthesizer: str) -> None:
    """Data sets and methods are groups apart, so that one of each stands for all pairs."""
    run = Run.of(composed(f"dataset={dataset}", f"synthesizer={synthesizer}"))
    assert (run.dataset.name, run.method) == (dataset, synthesizer)
    target = run.schema[str(run.schema.target)]
    assert run.dataset.positive is None if target.ordered else run.dataset.positive in target.categories
    eligible = [name for name in run.schema.features if not run.schema[name].ordered]  # none where all features are numbers
    assert run.dataset.offtask in eligible or (run.dataset.offtask is None and not eligible)


OTHER_VALUES = {"variant", "as_published", "wrapped"}  # roles of methods that state values of their own for a class of another


def role_of(synthesizer: str) -> str:
    return str((read_option("synthesizer", synthesizer).get("about") or {}).get("role", "method"))


def family_of(synthesizer: str) -> str:
    return str((read_option("synthesizer", synthesizer).get("about") or {}).get("family", synthesizer))


@pytest.mark.parametrize("synthesizer", options("synthesizer"))
def test_configuration_files_hold_the_defaults_of_the_code(synthesizer: str) -> None:
    """Every parameter is written down, with the value that the class has by itself; variants say what is other in them."""
    option = composed("dataset=adult", f"synthesizer={synthesizer}")["synthesizer"]
    target = option.pop("_target_")
    option = {key: value for key, value in option.items() if key not in ("name", "about")}
    defaults = load(target)().parameters()
    assert set(option) == set(defaults)
    option = {key: tuple(value) if isinstance(value, list) else value for key, value in option.items()}
    if "guide" in option:
        assert set(option["guide"]) == {own.name for own in fields(GuideSettings)}, "every setting of a guide is written down"
        assert option["guide"] in [read_option("guide", name) for name in options("guide")]
        option["guide"], usual = GuideSettings(**option["guide"]), load(target)()
        defaults["guide"] = usual._settings() if isinstance(usual, GuidedSynthesizer) else GuideSettings.of(usual.guide)
    varies = role_of(synthesizer) == "variant" or family_of(synthesizer) != synthesizer
    if role_of(synthesizer) not in OTHER_VALUES and not varies:
        assert option == defaults
    elif varies and load(target) is load(read_option("synthesizer", family_of(synthesizer))["_target_"]):
        assert option != defaults, "a variant with the values of the method that it varies"


@pytest.mark.parametrize("synthesizer", options("synthesizer"))
def test_files_read_by_themselves_say_what_hydra_makes_of_them(synthesizer: str) -> None:
    """`defaults` with a group under a key, and `override`, which says that another option of that group comes instead."""
    there = composed("dataset=adult", f"synthesizer={synthesizer}")["synthesizer"]
    assert json.loads(json.dumps(read_option("synthesizer", synthesizer))) == json.loads(json.dumps(there))


def test_guides_of_the_configuration_are_those_of_the_code() -> None:
    assert GuideSettings(**read_option("guide", "default")) == GuideSettings()
    assert GuideSettings(**read_option("guide", "pretrained")) == PRETRAINED
    crosses = replace(PRETRAINED, module="dpdsyn.crosses:Crosses", wander=0.3, pull=2.0)
    assert GuideSettings(**read_option("guide", "crosses")) == crosses


def test_a_guide_of_ones_own_module_is_named_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the READMEs tell it; another module or option is another table."""
    (tmp_path / "my_own_guides.py").write_text(
        "from dpdsyn.crosses import Crosses\nclass Net(Crosses):\n    pass\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    named = ["synthesizer=dpdsyn", "synthesizer.guide.module=my_own_guides:Net", "+synthesizer.guide.options.width=3"]
    run = Run.of(composed("dataset=adult", *named))
    settings = run.synthesizer._settings()
    assert (settings.module, settings.options, settings.pretraining) == ("my_own_guides:Net", {"width": 3}, 300)
    assert "my_own_guides" in run.synthesizer.imports()
    assert len({identifiers(*named[:n])[0] for n in (1, 2, 3)}) == 3


@pytest.mark.parametrize("experiment", options("experiment"))
def test_every_experiment_names_what_exists(experiment: str) -> None:
    request = inspect_request(["-m", f"experiment={experiment}"])
    jobs = request.jobs()
    assert len({tuple(job) for job in jobs}) == len(jobs) >= 1
    for overrides in jobs[:: max(1, len(jobs) // 6)]:
        Run.of(composed(*overrides))


def test_quickstart_is_every_method_at_epsilon_one_with_three_seeds() -> None:
    """Every method, reference and published version that takes seconds; no variant, no inspired or wrapped one."""
    request = inspect_request(["-m", "experiment=quickstart"])
    about = {name: read_option("synthesizer", name).get("about") or {} for name in options("synthesizer")}
    takes = {name: told.get("takes", "seconds") for name, told in about.items()}
    wanted = [name for name in about if role_of(name) in ("method", "reference", "as_published") and takes[name] == "seconds"]
    assert request.axes["synthesizer"] == wanted == sorted(wanted)
    assert {"dpdsyn", "real"} <= set(wanted) < set(about)
    assert request.axes["privacy.epsilon"] == [1.0] and len(request.axes["seed"]) == 3
    jobs = request.jobs()
    assert len(jobs) == 3 * len(wanted) and jobs[0][:2] == ["dataset=adult", f"synthesizer={wanted[0]}"]


def experiment(folder: Path, methods: str, params: str = "seed: 0") -> list[str]:
    """A command that runs an experiment of a person's own, with two methods beside ours."""
    for group in ("experiment", "synthesizer"):
        (folder / group).mkdir(exist_ok=True)
    (folder / "experiment" / "mine.yaml").write_text(
        f"# @package _global_\nmethods: {methods}\nhydra: {{sweeper: {{params: {{dataset: adult, {params}}}}}}}\n"
    )
    (folder / "synthesizer" / "a_new_one.yaml").write_text("name: a_new_one\n_target_: baselines.mst.MST\n")
    (folder / "synthesizer" / "long.yaml").write_text(
        "name: long\n_target_: baselines.mst.MST\nabout: {role: reference, takes: minutes}\n"
    )
    return ["--config-dir", str(folder), "-m", "experiment=mine"]


def test_methods_of_one_s_own_are_selected_too_and_the_command_line_goes_first(tmp_path: Path) -> None:
    ours = inspect_request(["-m", "experiment=quickstart"]).axes["synthesizer"]
    given = experiment(tmp_path, "{role: [method, reference, as_published], takes: seconds}")
    assert inspect_request(given).axes["synthesizer"] == sorted([*ours, "a_new_one"])
    given = experiment(tmp_path, "{role: reference, takes: [seconds, minutes]}")
    assert {"long", "real"} <= set(inspect_request(given).axes["synthesizer"]) <= {*ours, "long"}
    typed = inspect_request([*given, "synthesizer=mst"])
    assert typed.axes["synthesizer"] == ["mst"] and [job[1] for job in typed.jobs()] == ["synthesizer=mst"]


@pytest.mark.parametrize(
    ("methods", "params", "message"),
    [
        ("{rolle: method}", "seed: 0", "experiment mine: methods is {'rolle': 'method'}; accepted: role, takes"),
        ("{role: metod}", "seed: 0", "experiment mine: no method has the role metod; there are .*method, .*reference"),
        ("{takes: [hours]}", "seed: 0", "no method has the takes hours; there are .*seconds"),
        ("[mst]", "seed: 0", r"methods is \['mst'\]; accepted: role, takes"),
        ("{role: []}", "seed: 0", "experiment mine: no method is as its `methods` says"),
        ("{role: method}", "synthesizer: mst", "experiment mine has both `methods` and a list of synthesizers; keep one"),
    ],
)
def test_a_selection_that_cannot_be_meant_is_refused(methods: str, params: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        inspect_request(experiment(tmp_path, methods, params))


def identifiers(*overrides: str) -> tuple[str, str]:
    run = Run.of(composed("dataset=adult", *overrides))
    return run.fit_id, run.run_id


def test_what_can_change_the_table_changes_the_fit_and_nothing_else_does() -> None:
    base = identifiers("synthesizer=dpdsyn")
    for change in (
        "seed=1",
        "privacy.epsilon=2",
        "privacy.delta=1e-7",
        "synthesizer.guide.hidden=3",
        "dataset.test_share=0.3",
        "dataset.schema.columns.age.bins=8",
        "synthesizer.labels=argmax",
    ):
        assert identifiers("synthesizer=dpdsyn", change)[0] != base[0], change
    for change in ("compute.threads=2", "compute.workers=1", "compute.retry=true", "dataset.title=x", "dataset.sources=[]"):
        assert identifiers("synthesizer=dpdsyn", change) == base, change
    own = "+evaluation.metrics=[sklearn.metrics:d2_log_loss_score]"  # a fit is judged again, not made again
    for change in ("evaluation.repeats=2", "evaluation.evaluators=[forest]", own):
        fit, run = identifiers("synthesizer=dpdsyn", change)
        assert fit == base[0] and run != base[1], change
    assert "metrics" not in Run.of(composed("dataset=adult", "synthesizer=dpdsyn")).evaluation


def test_an_encoding_is_part_of_the_fit_where_something_is_learnt() -> None:
    base = identifiers("synthesizer=dpdsyn")
    same = ("encoding=public", "encoding.share=0.2", "+evaluation.space=encoded")
    assert all(identifiers("synthesizer=dpdsyn", change) == base for change in same)
    learned = "encoding=kinds"
    others = [(), ("encoding.share=0.2",), ("encoding.keep=[bounds]",), ("encoding.keep=[bounds,categories]",)]
    others += [("encoding.cutting.atoms=16",), ("encoding.threshold_delta=0.2",)]
    assert len({identifiers("synthesizer=dpdsyn", learned, *other)[0] for other in others} | {base[0]}) == 1 + len(others)
    assert identifiers("synthesizer=dpdsyn", learned, "encoding.keep=[categories,bounds]") == identifiers(
        "synthesizer=dpdsyn", learned, "encoding.keep=[bounds,categories]"
    )
    run = Run.of(composed("dataset=adult", "synthesizer=mst", learned))
    assert run.name == "adult mst kinds epsilon=1 seed=0" and run.n_synth == 39000
    assert Run.of(composed("dataset=adult", "synthesizer=mst")).name == "adult mst epsilon=1 seed=0"
    with pytest.raises(UsageError, match="no encoding is called 'learnt'; there are kinds, learned, public"):
        inspect_request(["dataset=adult", "synthesizer=mst", "encoding=learnt"])


def test_raw_rows_are_judged_of_the_same_fit_and_domains_that_are_learnt_cost_any_method() -> None:
    base, raw = identifiers("synthesizer=dpdsyn"), identifiers("synthesizer=dpdsyn", "evaluation=raw")
    assert base[0] == raw[0] and base[1] != raw[1]
    one, two = (identifiers("synthesizer=real_encoded", "encoding=learned", f"privacy.epsilon={e}") for e in (1, 2))
    assert one[0] != two[0], "what is learnt depends on the budget, whatever the method spends"


@pytest.mark.parametrize("synthesizer", ["mst", "aim", "aim_3way", "aim_target", "mwem", "privmrf", "privpetal", "absyn"])
def test_the_engine_is_part_of_the_fit_and_runs_of_before_there_was_a_choice_are_found(synthesizer: str) -> None:
    base, chosen = identifiers(f"synthesizer={synthesizer}"), identifiers(f"synthesizer={synthesizer}", "synthesizer.engine=mbi")
    assert base == identifiers(f"synthesizer={synthesizer}", "~synthesizer.engine")
    assert base[0] != chosen[0] and base[1] != chosen[1]


def test_the_off_task_column_is_judged_on_the_same_fit() -> None:
    base, other = identifiers("synthesizer=dpdsyn"), identifiers("synthesizer=dpdsyn", "evaluation=offtask")
    assert base[0] == other[0] and base[1] != other[1]
    assert other[1] != identifiers("synthesizer=dpdsyn", "evaluation=offtask", "dataset.offtask=race")[1]
    with pytest.raises(ValueError, match=r"adult names no off-task column; add dataset.offtask=COLUMN"):
        identifiers("synthesizer=dpdsyn", "evaluation=offtask", "dataset.offtask=null")
    with pytest.raises(ValueError, match=r"evaluation.target is 'sex'; accepted: null .* offtask"):
        identifiers("synthesizer=dpdsyn", "+evaluation.target=sex")


def test_a_simulated_default_that_fewer_columns_lack_matters_only_where_it_is_predicted() -> None:
    few = ("dataset=simulated", "dataset.generator.columns=8", "synthesizer=independent")
    assert identifiers(*few) == identifiers(*few, "dataset.offtask=null")
    with pytest.raises(ValueError, match=r"dataset.offtask is 'x8'; accepted for simulated: x0, x2, x4, x6"):
        identifiers(*few, "evaluation=offtask")


def test_an_off_task_record_says_what_was_predicted() -> None:
    small = ("dataset=simulated", "dataset.generator.rows=2000", "dataset.generator.test_rows=500", "evaluation=offtask")
    record = execute(Run.of(composed(*small, "synthesizer=real", "evaluation.evaluators=[logistic]")))
    assert (record.status, record.evaluation.column, record.dataset.ceiling) == ("ok", "x8", None)
    assert record.dataset.generator["rows"] == 2000
    # x8 copies x6 half the time and has two values, so a model can be right in three cases of four
    assert 0.7 < record.metrics["logistic"]["accuracy"] < 0.85
    skipped = execute(Run.of(composed(*small, "synthesizer=guide_only")))
    assert skipped.status == "skipped" and "no rows to learn x8 from" in str(skipped.error)


def test_methods_that_spend_nothing_are_fitted_once_for_all_budgets() -> None:
    one, other = identifiers("synthesizer=real"), identifiers("synthesizer=real", "privacy.epsilon=2")
    assert one[0] == other[0] and one[1] != other[1]


def test_configuration_is_plain_yaml() -> None:
    for path in config_dir().rglob("*.yaml"):
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path


def test_an_experiment_may_be_a_list_of_others() -> None:
    request = inspect_request(["-m", "experiment=scalability", "seed=0"])
    assert request.experiments == ("scalability_acs", "scalability_simulated")
    assert request.axes["experiment"] == ["scalability"]
    jobs = [tuple(job) for job in request.jobs()]
    assert jobs == [tuple(job) for job in inspect_request(["-m", f"experiment={','.join(request.experiments)}", "seed=0"]).jobs()]
    stamps = request.stamps()
    assert set(stamps) == set(request.experiments) and all(len(stamp["sha256"]) == 16 for stamp in stamps.values())
    assert inspect_request(["-m", "experiment=scalability,scalability_acs"]).experiments == request.experiments


def test_a_table_cut_to_fewer_rows_says_so_in_public_and_is_another_table() -> None:
    whole, small = ("synthesizer=real", "dataset=acs"), ("synthesizer=real", "dataset=acs", "dataset.train_rows=2000")
    run = Run.of(composed(*small))
    assert run.schema.rows_public == run.n_synth == 2000
    assert run.fit_id != Run.of(composed(*whole)).fit_id == Run.of(composed(*whole, "dataset.train_rows=163000")).fit_id
    for wrong, message in (
        ("0", "dataset.train_rows is 0; a whole number from 1 to 163000"),
        ("163001", "dataset.train_rows is 163001; a whole number from 1 to 163000"),
        ("2.5", "data set acs: train_rows is 2.5; needed: whole number or null"),
        ("true", "data set acs: train_rows is True; needed: whole number or null"),
    ):
        with pytest.raises(ValueError, match=message):
            Run.of(composed(*whole, f"dataset.train_rows={wrong}"))
    with pytest.raises(ValueError, match=r"simulated ones have dataset.generator.rows"):
        Run.of(composed("synthesizer=real", "dataset=simulated", "+dataset.train_rows=5"))


def test_a_delta_that_is_not_below_one_over_the_rows_is_said_before_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(sweep, "say", said.append)
    for delta in ("1e-6", "1e-3"):
        sweep.check_data([Run.of(composed("synthesizer=real", "dataset=simulated", f"privacy.delta={delta}"))])
    assert len(said) == 1 and said[0].startswith("CAUTION: delta 0.001 is not below 1/40,000")


def test_an_experiment_of_several_sweeps_does_each_of_them_with_what_all_share(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    file = tmp_path / "experiment" / "mine.yaml"
    begin = "# @package _global_\nhydra: {sweeper: {params: {dataset: adult, seed: '0,1', privacy.epsilon: 1.0}}}\n"
    file.write_text(begin + "each:\n- {synthesizer: 'mst,aim'}\n- {synthesizer: mwem, dataset: acs, synthesizer.rounds: '5,9'}\n")
    request = inspect_request(["--config-dir", str(tmp_path), "-m", "experiment=mine", "seed=3"])
    jobs = [" ".join(job) for job in request.jobs()]
    assert len(jobs) == 4 and all("seed=3" in job and job.endswith("experiment=mine") for job in jobs)
    assert [job.split()[0] for job in jobs] == ["dataset=adult"] * 2 + ["dataset=acs"] * 2
    assert request.axes["synthesizer"] == ["mst", "aim", "mwem"] and request.axes["seed"] == [3]
    for wrong in ("each: {synthesizer: mst}", "each: []", "each: [mst]", "each:\n- {synthesizer: no_such}"):
        file.write_text(begin + wrong)
        with pytest.raises(UsageError, match=r"each is|no synthesizer is called 'no_such'"):
            inspect_request(["--config-dir", str(tmp_path), "-m", "experiment=mine"])
