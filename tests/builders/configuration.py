"""Configurations as Hydra composes them."""

from __future__ import annotations

from hydra import compose
from omegaconf import OmegaConf


def composed(*overrides: str) -> dict:
    return OmegaConf.to_container(compose("config", list(overrides)), resolve=True)  # type: ignore[return-value]
