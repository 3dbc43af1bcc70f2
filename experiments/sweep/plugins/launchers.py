"""The launcher that brings runs to processes: Hydra's own and its plugins, or a class of a person's own.

Hydra takes launchers from its plugins alone. One's own is a class that `_target_` names in a file `hydra/launcher/NAME.yaml` of
`--config-dir`; it is a `hydra.plugins.launcher.Launcher`, and what stands beside `_target_` are its parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dpdsyn.base.checks import InputError
from experiments.sweep.overrides import UsageError

_PLUGINS = ("hydra.", "hydra_plugins.")
_EXTRAS = ("slurm", "submitit", "ray")  # in the names of launchers that need a package of their own
NEEDS_EXTRA = "Slurm and Ray need an extra: pip install 'dpdsyn[slurm]' or 'dpdsyn[ray]'"


def refuse_unknown_launcher(name: str, extra: Path | None) -> None:
    """Raise UsageError, with the names that there are, for another one. extra: a folder of configuration."""
    from experiments.sweep.composing import hydra_with

    with hydra_with(extra) as hydra:
        known = sorted(hydra.config_loader.get_group_options("hydra/launcher"))
    if name.strip("'\"") not in known:
        raise UsageError(f"no hydra/launcher is called {name!r}; there are {', '.join(known)} ({NEEDS_EXTRA})")


def hint(reason: str) -> str:
    """What to install, in brackets, if it is said of a launcher that needs more; else nothing."""
    return f" ({NEEDS_EXTRA})" if any(word in reason.lower() for word in _EXTRAS) else ""


def launcher(context: Any, job: Callable[[Any], Any], config: Any) -> Any:
    """The launcher that the composed configuration names, set up. Raises UsageError for one that cannot be used."""
    from hydra.core.plugins import Plugins
    from hydra.plugins.launcher import Launcher
    from omegaconf import OmegaConf

    from dpdsyn.synthesizer import named

    parameters: dict[str, Any] = OmegaConf.to_container(config.hydra.launcher, resolve=True)  # type: ignore[assignment]
    target = parameters.pop("_target_", None)
    if not isinstance(target, str):
        raise UsageError("the launcher has no _target_; a class is needed, as module.Class")
    if target.startswith(_PLUGINS):
        return Plugins.instance().instantiate_launcher(hydra_context=context, task_function=job, config=config)
    try:
        kind = named(target)
        if not (isinstance(kind, type) and issubclass(kind, Launcher)):
            raise UsageError(f"the launcher {target} is {kind!r}; a class of hydra.plugins.launcher.Launcher is needed")
        own = kind(**parameters)
    except UsageError:
        raise
    except (InputError, TypeError, ValueError) as error:  # whatever its constructor says of what it is given
        raise UsageError(f"the launcher {target} cannot be made: {error}") from error
    own.setup(hydra_context=context, task_function=job, config=config)
    return own
