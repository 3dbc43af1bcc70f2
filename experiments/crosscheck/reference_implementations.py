"""Reference implementations: where each is and how it is called.

Nothing of them is kept here. Each is imported from the clone that a person made, called, and watched round by round;
where it has to be kept alive or put under the budget asked for, that is done from outside and stands in `settings`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from experiments.crosscheck.task import Rounds, Task

_MAX_CELLS = 10_000  # of a marginal in private-pgm's default workload

Run = Callable[[Rounds], np.ndarray]


@dataclass(frozen=True)
class ReferenceImplementation:
    """Where a method's reference implementation is and how to call it.

    needs: a file of the clone. prepare: imports the code, and gives the function that is timed. settings: the authors'
    own defaults, and what has to be done for their code to live. commit: if not the newest.
    """

    repository: str
    needs: str
    prepare: Callable[[Task], Run]
    settings: Mapping[str, Any] = field(default_factory=dict)
    commit: str | None = None

    @property
    def name(self) -> str:
        return self.repository.rpartition("/")[2]

    def missing(self, folder: Path) -> str | None:
        """What to type if the clone in `folder` is not there or lacks what is needed."""
        if (folder / self.name / self.needs).is_file():
            return None
        clone = f"git clone https://github.com/{self.repository} {folder / self.name}"
        checkout = f" && git -C {folder / self.name} checkout {self.commit}" if self.commit else ""
        return f"{self.needs} is not in {folder / self.name}; type: {clone}{checkout}"


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("reference_" + path.stem.replace("+", "_"), path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _imported(name: str) -> Any:
    return import_module(name)


def _private_pgm(task: Task, script: str) -> tuple[Any, Any, list[tuple[str, str]]]:
    """A mechanism's module, the data set and all 2-way marginals within the size of the authors' command line."""
    sys.path[:0] = [str(task.folder / "src"), str(task.folder / "mechanisms")]  # its own engine, not the one installed
    import pandas as pd
    from mbi import Dataset, Domain

    if int(pd.__version__.split(".")[0]) > 2:
        raise RuntimeError("private-pgm's synthetic_data needs pandas < 3; give --python an interpreter that has it")
    names = [f"c{i}" for i in range(len(task.sizes))]
    data = Dataset(pd.DataFrame(task.encoded.astype(np.int64), columns=names), Domain(names, task.sizes))
    pairs = [pair for pair in itertools.combinations(names, 2) if data.domain.size(pair) <= _MAX_CELLS]
    return _module(task.folder / "mechanisms" / script), data, pairs


def as_encoded(synthetic: Any) -> np.ndarray:
    return np.asarray(synthetic.df[list(synthetic.domain.attrs)].to_numpy(), dtype=np.int64)


def _mst(task: Task) -> Run:
    module, data, _ = _private_pgm(task, "mst.py")
    return lambda rounds: as_encoded(module.MST(data, task.epsilon, task.delta))


def _aim(task: Task) -> Run:
    module, data, pairs = _private_pgm(task, "aim.py")
    choose = module.AIM.worst_approximated

    def run(rounds: Rounds) -> np.ndarray:
        def watched(self: Any, candidates: Any, answers: Any, model: Any, *rest: Any) -> Any:
            with _round(rounds, model, task.settings):
                return choose(self, candidates, answers, model, *rest)

        module.AIM.worst_approximated = watched
        settings = {"max_model_size": task.settings["max_model_size"], "max_iters": task.settings["iterations"]}
        mechanism = module.AIM(task.epsilon, task.delta, **settings)
        return as_encoded(mechanism.run(data, [(pair, 1.0) for pair in pairs])[1])

    return run


def _mwem(task: Task) -> Run:
    module, data, pairs = _private_pgm(task, "mwem+pgm.py")
    choose = module.worst_approximated

    def run(rounds: Rounds) -> np.ndarray:
        def watched(answers: Any, model: Any, *rest: Any) -> Any:
            with _round(rounds, model, task.settings):
                return choose(answers, model, *rest)

        module.worst_approximated = watched
        limit = task.settings["max_model_size"]
        return as_encoded(module.mwem_pgm(data, task.epsilon, task.delta, workload=pairs, maxsize_mb=limit))

    return run


def _round(rounds: Rounds, model: Any, settings: Mapping[str, Any]) -> contextlib.AbstractContextManager[Any]:
    """A round begins; what was compiled for the last one is let go; the candidates' marginals are compiled or not."""
    import jax

    rounds.begin(model)
    if settings["clear_caches"]:
        jax.clear_caches()
    return contextlib.nullcontext() if settings["compile_projections"] else jax.disable_jit()


def _privsyn(task: Task) -> Run:
    for name in ("privsyn/temp_data/dependency", f"exp/crosscheck/privsyn/{task.epsilon}_none_0", "data"):
        (task.scratch / name).mkdir(parents=True)
    os.chdir(task.scratch)  # it writes into the current folder
    sys.path.insert(0, str(task.folder))
    import pandas as pd

    module = _imported("privsyn.privsyn")
    determine = _imported("privsyn.lib_marginal.marg_determine")
    _share_rows(_imported("privsyn.lib_synthesize.GUM"), _imported("privsyn.lib_synthesize.records_update"))
    names = [f"c{i:02d}" for i in range(len(task.sizes))]
    frame = pd.DataFrame(task.encoded.astype(np.int64), columns=names)
    arguments = {**_PRIVSYN_ARGUMENTS, "epsilon": task.epsilon}
    if task.settings["scores_in_counts"]:
        arguments["marg_sel_threshold"] *= len(frame) / _PRIVSYN_ROWS
        scores = determine.calculate_indif

        def divided(*args: Any, **kwargs: Any) -> Any:
            found = scores(*args, **kwargs)
            found["error"] = found["error"].astype(float) / len(frame)
            return found

        determine.calculate_indif = divided

    def run(rounds: Rounds) -> np.ndarray:
        made = module.PrivSyn(arguments, frame, dict(zip(names, task.sizes, strict=True)), task.rho)
        made.marginal_selection()
        gum = module.GUM_Mechanism(made.args, made.original_dataset, made.combined_marg_dict, made.one_way_marg_dict)
        return np.asarray(gum.run(task.rows)[names].to_numpy(), dtype=np.int64)

    return run


def _share_rows(gum: Any, update: Any) -> None:
    """It changes an array that pandas before 1.3 shared with its frame; later ones copy, and the frame never changes."""
    initialize, updated = update.RecordUpdate.initialize_records, gum.GUM_Mechanism._update_records

    def with_own_array(self: Any, *args: Any, **kwargs: Any) -> None:
        initialize(self, *args, **kwargs)
        self.records = self.df.to_numpy(dtype=np.uint32, copy=True)

    def with_frame_of_it(self: Any, *args: Any, **kwargs: Any) -> Any:
        import pandas as pd

        synthesizer = updated(self, *args, **kwargs)
        synthesizer.update.df = pd.DataFrame(synthesizer.update.records, columns=self.original_dataset.domain.attrs)
        return synthesizer

    update.RecordUpdate.initialize_records = with_own_array
    gum.GUM_Mechanism._update_records = with_frame_of_it


def _privmrf(task: Task) -> Run:
    import collections
    import collections.abc
    import shutil
    import types

    if not task.settings["cupy"]:
        shim = types.ModuleType("cupy")
        shim.__dict__.update({name: getattr(np, name) for name in dir(np) if not name.startswith("__")})
        shim.__dict__.update(asnumpy=np.asarray, get_array_module=lambda *_: np)
        sys.modules["cupy"] = shim
    collections.Iterable = collections.abc.Iterable  # type: ignore[attr-defined]  # which Python 3.10 has taken out
    shutil.copytree(task.folder / "PrivMRF", task.scratch / "PrivMRF")  # it writes into its own folder
    sys.path.insert(0, str(task.scratch))
    main, tools = _imported("PrivMRF.main"), _imported("PrivMRF.utils.tools")
    tools.privacy_budget = lambda epsilon: 2 * task.rho  # its own table is for delta 1e-5
    tools.gpu = task.settings["cupy"]
    tools.print_graph = tools.write_csv = lambda *args, **kwargs: None
    tools.dp_entropy.__globals__["stats"] = types.SimpleNamespace(entropy=lambda *_: 0.0)  # of its slow printed diagnosis
    columns = {i: {"type": "discrete", "domain": size} for i, size in enumerate(task.sizes)}
    domain = _imported("PrivMRF.domain").Domain(columns, list(columns))
    config = {"data": "none", **{key: task.settings[key] for key in task.settings if key != "cupy"}}

    def run(rounds: Rounds) -> np.ndarray:
        model = main.run(task.encoded.astype(int), domain, None, "crosscheck", task.epsilon, p_config=config)
        os.chdir(task.scratch / "PrivMRF")
        model.noisy_data_num = task.rows
        return np.array(model.synthetic_data("unused"), dtype=np.int64)

    return run


_PRIVSYN_ROWS = 662_000  # of the largest table in the paper, which its threshold of 20,000 is made for
_PRIVSYN_ARGUMENTS: dict[str, Any] = {  # the defaults of the authors' own command line
    **{"dataset": "crosscheck", "dataset_name": "crosscheck", "method": "privsyn", "num_preprocess": "none"},
    **{"rare_threshold": 0, "is_cal_marginals": True, "is_cal_depend": True, "is_combine": True, "sep_syn": False},
    **{"marg_add_sensitivity": 1.0, "marg_sel_threshold": 20000, "non_negativity": "N3", "consist_iterations": 501},
    **{"initialize_method": "singleton", "update_method": "S5", "append": True, "update_iterations": 50},
    **{"update_rate_method": "U4", "update_rate_initial": 1.0},
}
_PGM = "ryan112358/private-pgm"
_COMPILING = {
    "clear_caches": True,  # without it the process runs out of memory maps after some rounds
    "compile_projections": True,  # as it is; false: the candidates' marginals are computed step by step
}
REFERENCES: dict[str, ReferenceImplementation] = {
    "mst": ReferenceImplementation(_PGM, "mechanisms/mst.py", _mst),
    "aim": ReferenceImplementation(_PGM, "mechanisms/aim.py", _aim, {"max_model_size": 80, "iterations": 1000, **_COMPILING}),
    "mwem": ReferenceImplementation(_PGM, "mechanisms/mwem+pgm.py", _mwem, {"max_model_size": 25, **_COMPILING}),
    # later commits do without consistency and without duplicating rows
    "privsyn": ReferenceImplementation(
        "vvv214/privsyn-tabular", "privsyn/privsyn.py", _privsyn, {"scores_in_counts": True}, commit="568e3d0"
    ),
    # sizes: the authors' own for a CPU
    "privmrf": ReferenceImplementation(
        "caicre/PrivMRF",
        "PrivMRF/main.py",
        _privmrf,
        {"cupy": False, "max_clique_size": 2e5, "max_parameter_size": 1e6, "size_penalty": 1e-7},
    ),
}
