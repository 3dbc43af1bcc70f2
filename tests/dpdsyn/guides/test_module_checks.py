"""Torch modules that cannot be guides, and what is said of each."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from builders import torch_modules as modules

from dpdsyn.contract import toy_schema
from dpdsyn.guide import GuideSettings
from dpdsyn.guides.module_guide import ModuleGuide


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("no.such.module:Net", r"'no.such.module:Net' cannot be imported \(ModuleNotFoundError"),
        ("builders.torch_modules:Absent", "is not there; give MODULE:CLASS"),
        ("Absent", "is not there; give MODULE:CLASS"),
        ("", "is not there"),
        ("numpy:ndarray", "no class of torch.nn.Module"),
        ("math:pi", "no class of torch.nn.Module"),
        ("os:system", "no class of torch.nn.Module"),
        ("builders.torch_modules:a_list", "no class of torch.nn.Module"),
        (torch.nn.Linear(1, 1), "no class of torch.nn.Module"),
        (modules.a_list, "gives a list; a torch.nn.Module is needed"),
        (modules.Nothing, "no parameters to train"),
        (modules.OneLogit, r"of 10 rows it gives \(10, 1\); logits of shape \(10, 2\) are needed"),
        (modules.Pair, "it gives a tuple"),
        (modules.Single, "logits are torch.float32"),
        (modules.Infinite, "not finite"),
        (modules.Failing, r"fails on encoded rows .* not today"),
        (modules.Batched, r"does not support its layer norm \(BatchNorm1d\)"),
        (modules.Attending, r"does not support its layer attention \(MultiheadAttention\)"),
        (modules.QuietlyBatched, r"does not support its layer norm \(BatchNorm1d\)|depend on the other rows"),
        (modules.Centred, "depend on the other rows"),
        (modules.SecretlyCentred, "Opacus does not give its gradients row by row"),
        (modules.Counting, "changes its parameters or buffers"),
        (modules.Dropping, r"its layer drop \(Dropout\) makes gradients a matter of chance"),
        (modules.QuietlyDropping, "other logits at each call"),
        (modules.Bounded, r"its layer table \(Embedding\) has max_norm"),
        (modules.Flat, "a layer was given 160 rows where there were 20"),
        (modules.Sticking, "not torch's own"),
        (modules.CentredInCrowds, "of many rows, or calls, its gradients are not those of each row alone"),
        (modules.Remembering, "rows meet, or it remembers"),
        (modules.Hooked, "rows meet, or it remembers"),
    ],
)
def test_modules_that_cannot_be_guides_are_refused_before_anything_is_spent(module: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ModuleGuide(toy_schema(), GuideSettings(module=module), ())
