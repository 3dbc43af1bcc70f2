"""What YAML files tell of methods, and that rewording an experiment's file makes none of its runs an older one's."""

from __future__ import annotations

from typing import Any

import pytest
from builders.paths import ROOT

from dpdsyn.base.checks import InputError
from experiments.configuration import content_hash, default_parameters, option_path, options, read_option
from experiments.records import former
from experiments.records.about import ROLES, About
from experiments.records.export import read_export


@pytest.mark.parametrize("name", options("synthesizer"))
def test_what_every_method_here_tells_can_be_meant(name: str) -> None:
    told = read_option("synthesizer", name).get("about")
    made = About.of(name, told)
    assert made.role in ROLES and made.takes in ("seconds", "minutes")
    assert (made.role == "wrapped") == ("package" in read_option("synthesizer", name))
    assert "about" not in default_parameters("synthesizer", name)


def test_nothing_told_is_a_method_like_others() -> None:
    assert About.of("mine", None) == About.of("mine", {}) == About()


@pytest.mark.parametrize(
    ("told", "match"),
    [
        ({"rôle": "method"}, "about has no rôle; accepted: role, kind, family"),
        ({"role": "best"}, "about.role is 'best'; accepted: method, variant"),
        ({"takes": "hours"}, "about.takes is 'hours'; accepted: seconds, minutes"),
        ({"drawn": ["memory"]}, "about.drawn"),
        ({"colour": "blue"}, "about.colour is 'blue'"),
        ({1: "method", "role": "best"}, "about has no 1; accepted: role, kind"),
        ({"role": ["method"]}, r"about.role is \['method'\]; accepted: method, variant"),
        ({"drawn": "accuracy"}, "about.drawn is 'accuracy'; a list is needed, of accuracy, time"),
        ({"drawn": None}, "about.drawn is None; a list is needed"),
        ("method", "synthesizer mine: about is 'method'; a mapping is needed, of role, kind"),
        (["role"], r"about is \['role'\]; a mapping is needed"),
        (False, "about is False; a mapping is needed"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_is_accepted(told: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        About.of("mine", told)


def today() -> dict[str, str]:
    """For each hash in committed records that is not its file's hash today: today's, as if only words had changed."""
    made_for = {record.experiment for record in read_export(ROOT / "results") if record.experiment}
    present = {each: content_hash(option_path("experiment", each.name)) for each in made_for}
    return {each.sha256: now for each, now in sorted(present.items(), key=lambda item: item[0].name) if now != each.sha256}


def test_a_reworded_experiment_is_mapped_to_a_file_that_is_there() -> None:
    present = {content_hash(path) for path in (ROOT / "conf" / "experiment").glob("*.yaml")}
    gone = {old: now for old, now in former.EXPERIMENTS.items() if now not in present}
    assert not gone, f"changed again since it was mapped; if in words only, EXPERIMENTS is to be {today()}"
    assert not set(former.EXPERIMENTS) & present
