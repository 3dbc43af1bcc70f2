"""Models go to private-pgm and come back the same, and either engine fits what the methods measure."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version

import jax
import numpy as np
import pytest
from builders.paths import ROOT
from mbi import Constraint, Domain, LinearMeasurement, MarkovRandomField, estimation

from baselines.absyn import BatchAdaptive
from baselines.aim import AIM
from baselines.marginal import fitting
from baselines.marginal.fitting import ModelSynthesizer, fit
from baselines.marginal.inference import Model, fit_model, uniform_model
from baselines.marginal.junction_tree import Clique, JunctionTree, calibrated
from baselines.marginal.marginals import Measurement
from baselines.marginal.private_pgm import from_mbi, to_mbi
from baselines.mst import MST
from baselines.mwem import MWEM
from baselines.privmrf import PrivMRF
from baselines.privpetal import PrivPetal
from dpdsyn.contract import fit_toy, toy_schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema

SIZES = (4, 2, 5, 3, 2)
NAMES = ("ward", "sex", "age", "blood", "ill")  # neither sorted nor by size
SCHEMA = Schema(
    tuple(Column(n, "categorical", categories=tuple(range(s))) for n, s in zip(NAMES, SIZES, strict=True)), "ill", 100
)
METHODS = [MST, AIM, MWEM, PrivMRF, PrivPetal, BatchAdaptive]


def model_of(potentials: Mapping[Clique, np.ndarray], total: float = 250.0) -> Model:
    """As a fit leaves it."""
    tree = JunctionTree.of(SIZES, potentials)
    factors = {clique: np.exp(table - table.max()) for clique, table in potentials.items()}
    return Model(tree, total, potentials, calibrated(tree, factors, total, [])[0])


def drawn(*cliques: Clique) -> Model:
    rng = np.random.default_rng(5)
    return model_of({clique: 2 * rng.normal(size=[SIZES[c] for c in clique]) for clique in cliques})


MODELS = {
    "a tree": drawn((0, 1), (2, 1), (1, 3), (3, 4)),
    "a loop": drawn((0, 1), (1, 2), (2, 3), (3, 0), (4,)),
    "overlapping triples": drawn((4, 0, 2), (2, 1, 4), (3,)),
    "one clique": drawn((3, 1, 4, 0, 2)),
    "parts, and a column of which nothing is known": drawn((2, 0), (3, 1)),
    "nothing measured": uniform_model(SIZES, 250.0),
}


def questions() -> list[Clique]:
    """Every column, pair and triple; every other one of them turned."""
    columns = range(len(SIZES))
    pairs = [c if i % 2 else c[::-1] for i, c in enumerate(itertools.combinations(columns, 2))]
    triples = [c if i % 2 else (c[2], c[0], c[1]) for i, c in enumerate(itertools.combinations(columns, 3))]
    return [(c,) for c in columns] + pairs + triples


def projected(model: MarkovRandomField, clique: Sequence[int]) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(model.project(tuple(NAMES[c] for c in clique)).datavector(flatten=False))


def of_mbi(sizes: Mapping[str, int], cliques: Sequence[tuple[str, ...]]) -> MarkovRandomField:
    """Fitted by private-pgm to random answers, without anything of ours."""
    domain, rng = Domain.fromdict(dict(sizes)), np.random.default_rng(6)
    with jax.enable_x64(True):
        answers = [LinearMeasurement(rng.normal(20, 20, domain.size(c)), c, stddev=5.0) for c in cliques]
        return estimation.MirrorDescent().estimate(domain, answers, known_total=250.0, iters=200)


QUICK = ("a loop", "parts, and a column of which nothing is known")  # private-pgm compiles for every shape


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in MODELS])
def test_our_model_is_the_same_to_private_pgm_and_comes_back_the_same(name: str) -> None:
    ours = MODELS[name]
    theirs = to_mbi(ours, SCHEMA)
    assert isinstance(theirs, MarkovRandomField) and theirs.total == 250.0
    assert (theirs.domain.attributes, theirs.domain.shape) == (NAMES, SIZES)
    back = from_mbi(theirs, SCHEMA)
    assert back.total == 250.0 and back.tree.sizes == SIZES
    for clique in questions():
        expected = ours.project(clique)
        assert projected(theirs, clique) == pytest.approx(expected, abs=1e-9)
        assert back.project(clique) == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
def test_a_model_of_private_pgm_is_the_same_to_us_and_comes_back_the_same() -> None:
    theirs = of_mbi(dict(zip(NAMES, SIZES, strict=True)), [("age", "ward"), ("sex", "age"), ("sex", "ward"), ("ill",)])
    ours = from_mbi(theirs, SCHEMA)
    again = to_mbi(ours, SCHEMA)
    for clique in questions():
        expected = projected(theirs, clique)
        assert ours.project(clique) == pytest.approx(expected, abs=1e-9)
        assert projected(again, clique) == pytest.approx(expected, abs=1e-9)


def test_columns_come_by_their_names_whatever_their_order_is() -> None:
    turned = {name: SCHEMA[name].size for name in ("ill", "age", "blood", "ward", "sex")}
    theirs = of_mbi(turned, [("ill", "age"), ("blood", "age"), ("ward", "sex")])
    ours = from_mbi(theirs, SCHEMA)
    for clique in questions():
        assert ours.project(clique) == pytest.approx(projected(theirs, clique), abs=1e-9)
    rows = ours.sample(20_000, np.random.default_rng(0))
    assert (rows.max(axis=0) < SIZES).all()
    counts = np.zeros((SIZES[2], SIZES[4]))
    np.add.at(counts, (rows[:, 2], rows[:, 4]), 1)
    assert np.abs(counts / 80 - projected(theirs, (2, 4))).sum() < 3  # of 250


def test_private_pgm_s_tools_work_on_our_model() -> None:
    np.random.seed(0)  # noqa: NPY002 - private-pgm draws from the global state
    ours = MODELS["a loop"]
    rows = to_mbi(ours, SCHEMA).synthetic_data(20_000).to_dict()
    assert tuple(rows) != () and set(rows) == set(NAMES)
    for a, b in itertools.combinations(range(len(SIZES)), 2):
        counts = np.zeros((SIZES[a], SIZES[b]))
        np.add.at(counts, (rows[NAMES[a]], rows[NAMES[b]]), 1)
        assert np.abs(counts / 80 - ours.project((a, b))).sum() < 6  # of 250


def test_potentials_of_any_range_come_back() -> None:
    """A row's logarithm lies 400 lower in one factor and as much higher in the other: no number of a row is e^-400."""
    far = np.zeros((4, 2))
    far[0] = -400
    potentials = {(0, 1): np.arange(8.0).reshape(4, 2) / 4 + far, (0, 2): np.arange(20.0).reshape(4, 5) / 9 - far[:, :1]}
    theirs = to_mbi(replace(MODELS["a tree"], potentials=potentials), SCHEMA)
    near = model_of({(0, 1): potentials[0, 1] - far, (0, 2): potentials[0, 2] + far[:, :1]})
    ours = from_mbi(theirs, SCHEMA)
    for clique in questions():
        assert ours.project(clique) == pytest.approx(near.project(clique), abs=1e-9)


def test_tables_of_single_precision_are_taken_too() -> None:
    with jax.enable_x64(False):
        domain = Domain(NAMES, SIZES)
        theirs = estimation.MirrorDescent().estimate(
            domain, [LinearMeasurement(np.arange(8.0), ("ward", "sex"))], known_total=28.0, iters=100
        )
    ours = from_mbi(theirs, SCHEMA)
    assert ours.project((0, 1)).dtype == np.float64 and ours.project((0, 1)).sum() == pytest.approx(28.0, abs=1e-12)


def test_what_is_no_such_model_is_refused() -> None:
    model = to_mbi(MODELS["a tree"], SCHEMA)
    others = Schema((*SCHEMA.columns[:-1], Column("healthy", "categorical", categories=(0, 1))), None, 100)
    larger = Schema((*SCHEMA.columns[:-1], Column("ill", "categorical", categories=(0, 1, 2))), None, 100)
    bound = replace(model, constraints=(Constraint(Domain(("sex", "ill"), (2, 2)), invalid=np.array([[0, 0]])),))
    for refused, message in (
        (lambda: from_mbi(model, others), "names and sizes have to agree"),
        (lambda: from_mbi(model, larger), "names and sizes have to agree"),
        (lambda: from_mbi(bound, SCHEMA), "structural constraints"),
        (lambda: from_mbi(MODELS["a tree"], SCHEMA), "the model is a Model; a MarkovRandomField of mbi is needed"),
        (lambda: to_mbi(MODELS["a tree"], larger), "columns of 4, 2, 5, 3, 2 values, the schema of 4, 2, 5, 3, 3"),
    ):
        with pytest.raises(ValueError, match=message):
            refused()


# --- engines -----------------------------------------------------------------------------------------------------


def measured(seed: int, *cliques: Clique) -> list[Measurement]:
    rng, truth = np.random.default_rng(seed), MODELS["overlapping triples"]
    exact = {clique: truth.project(clique) for clique in cliques}
    return [Measurement(clique, table + rng.normal(0, 2.0, table.shape), 2.0) for clique, table in exact.items()]


def test_both_engines_make_the_same_of_the_same_answers() -> None:
    measurements = measured(1, (0,), (4, 0), (2, 1), (2, 4), (1, 4))
    weights = np.linspace(0.5, 2, SIZES[3])
    measurements.append(Measurement((3,), MODELS["overlapping triples"].project((3,)) * weights, 2.0, weights))
    ours = fit_model(SIZES, measurements, 250.0, iterations=20_000, tolerance=1e-9)
    theirs = fit("mbi", SIZES, measurements, 250.0, 4000)
    assert theirs.iterations == 4000 and theirs.loss == pytest.approx(ours.loss, rel=1e-3)
    for clique in questions():
        assert np.abs(theirs.project(clique) - ours.project(clique)).sum() < 1.0  # of 250 rows, noise 2
    soon = fit("own", SIZES, measurements, 250.0, 4000)
    assert soon.iterations < 4000 and soon.loss < 1.1 * ours.loss + sum(m.values.size for m in measurements) / 20


@pytest.mark.slow
@pytest.mark.parametrize("first", ["own", "mbi"])
def test_a_fit_by_private_pgm_goes_on_from_an_earlier_one_of_either_engine(first: fitting.Engine) -> None:
    measurements = measured(2, (0, 1), (1, 2), (2, 3), (0, 3))
    start = fit(first, SIZES, measurements[:3], 250.0, 1000)
    near, far = (fit("mbi", SIZES, measurements, 250.0, 50, begun) for begun in (start, None))
    settled = fit("mbi", SIZES, measurements, 250.0, 4000)
    assert settled.loss <= near.loss < far.loss
    fit("mbi", SIZES, measurements[:1], 250.0, 50, uniform_model(SIZES, 250.0))  # where MWEM begins


def table(rows: int = 20_000) -> np.ndarray:
    return MODELS["overlapping triples"].sample(rows, np.random.default_rng(3)).astype(np.uint8)


def fitted(method: ModelSynthesizer, encoded: np.ndarray, names: Sequence[str] = NAMES) -> ModelSynthesizer:
    schema = replace(SCHEMA.select(names), rows_public=len(encoded))
    private = PrivateTable(encoded, schema, Ledger(Budget(1.0, 1e-6)), np.random.default_rng(1))
    return method.fit(private, np.random.default_rng(2))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [MST, MWEM])
def test_whole_fits_of_either_engine_make_similar_rows(kind: type[MST | MWEM]) -> None:
    encoded = table()
    models = {engine: fitted(kind(engine=engine, iterations=1000), encoded) for engine in ("own", "mbi")}
    rows = {engine: method.sample(len(encoded), np.random.default_rng(4)) for engine, method in models.items()}
    for pair in itertools.combinations(range(len(SIZES)), 2):
        joint = {key: np.zeros([SIZES[c] for c in pair]) for key in rows}
        for key, sampled in rows.items():
            np.add.at(joint[key], tuple(sampled[:, c] for c in pair), 1 / len(encoded))
        assert np.abs(joint["own"] - joint["mbi"]).sum() / 2 < 0.02


@pytest.mark.slow
def test_aim_by_either_engine_finds_what_there_is() -> None:
    """Its choices hang on earlier fits, so that the two part ways; what they find of the table is alike."""
    encoded = table()[:, [1, 3, 4]]
    exact = {pair: np.zeros([(2, 3, 2)[c] for c in pair]) for pair in itertools.combinations(range(3), 2)}
    for pair, counts in exact.items():
        np.add.at(counts, tuple(encoded[:, c] for c in pair), 1 / len(encoded))
    for engine in ("own", "mbi"):
        model = fitted(AIM(iterations=200, engine=engine), encoded, ("sex", "blood", "ill")).model_
        off = [np.abs(model.project(pair) / model.total - counts).sum() / 2 for pair, counts in exact.items()]
        assert np.mean(off) < 0.02, engine


@pytest.mark.parametrize("kind", METHODS)
def test_every_fit_of_a_method_is_by_its_engine(kind: Callable[..., ModelSynthesizer], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(engine: str, *given: object) -> Model:
        asked.append(engine)
        return fit("own", *given)  # type: ignore[arg-type]

    for module in ("mst", "aim", "mwem", "absyn", "marginal.measured_model"):
        monkeypatch.setattr(f"baselines.{module}.fit", noted)
    method, _ = fit_toy(lambda: kind(engine="mbi"), toy_schema(), 80)
    assert asked and set(asked) == {"mbi"}
    assert method.imports() == ("baselines.marginal.private_pgm",) and method.foreign_versions() == {"mbi": version("mbi")}
    asked.clear()
    method, _ = fit_toy(kind, toy_schema(), 80)
    assert asked and set(asked) == {"own"} and method.imports() == () and method.foreign_versions() == {}


def test_engines_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="engine is 'pgm'; accepted: own, mbi"):
        MST(engine="pgm")  # type: ignore[arg-type]
    monkeypatch.setattr(fitting, "find_spec", lambda name: None)
    assert MST().engine == "own"
    with pytest.raises(ValueError, match=r"that package is not here: pip install 'dpdsyn\[bench\]', or take 'own'"):
        MST(engine="mbi")


def test_nobody_hears_of_single_precision_and_jax_is_left_as_it_was() -> None:
    script = """
import numpy as np
from baselines.mst import MST
from dpdsyn.contract import fit_toy, toy_schema
from dpdsyn.synthesizer import load_imports
import sys
assert "jax" not in sys.modules
load_imports(MST(engine="mbi"))
import jax, jax.numpy as jnp
method, _ = fit_toy(lambda: MST(iterations=50, engine="mbi"), toy_schema(), 80)
assert method.model_.beliefs[0].dtype == np.float64
assert jnp.zeros(1).dtype == np.float32 and not jax.config.jax_enable_x64
"""
    done = subprocess.run([sys.executable, "-W", "always", "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "float32" not in done.stderr and "mbi" not in done.stderr and "compilation cache" not in done.stderr, done.stderr
