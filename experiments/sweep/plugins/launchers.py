"""The launcher that brings runs to processes: Hydra's own and its plugins, or a class of a person's own.

Hydra takes launchers from its plugins alone. One's own is a class that `_target_` names in a file `hydra/launcher/NAME.yaml` of
`--config-dir`; it is a `hydra.plugins.launcher.Launcher`, and what stands beside `_target_` are its parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dpdsyn.base.checks import InputError
from experiments.sweep.overrides import UsageError

_PLUGINS = ("hydra.", "hydra_plugins.")


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
