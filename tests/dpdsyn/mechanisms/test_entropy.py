"""Streams of random numbers: the cipher's known answers, keys of the operating system, and that no stream tells of another."""

from __future__ import annotations

import secrets

import numpy as np
import pytest
from randomgen import AESCounter

from dpdsyn.mechanisms import entropy
from dpdsyn.mechanisms.entropy import apart, fresh


def test_the_cipher_is_aes_in_counter_mode() -> None:
    """AES-128 of a block of zeros under the key of RFC 4493, which gives it in section 4: the stream's first block."""
    key = int.from_bytes(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), "little")
    assert AESCounter(key=key).random_raw(2).tobytes().hex() == "7df76b0c1ab899b33e42f047b91b546f"


def test_every_stream_has_a_key_of_its_own_from_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def noted(bits: int) -> int:
        asked.append(bits)
        return real(bits)

    real = secrets.randbits
    monkeypatch.setattr(entropy.secrets, "randbits", noted)
    first, second = fresh(), fresh()
    third = apart(first)
    assert asked == [128, 128, 128]
    drawn = [stream.integers(2**63, size=4).tolist() for stream in (first, second, third)]
    assert len({tuple(numbers) for numbers in drawn}) == 3


def test_a_stream_apart_is_not_made_of_the_first() -> None:
    """Two holders of one key get unrelated streams; with a seed, the same, as research needs."""
    key = AESCounter(key=7), AESCounter(key=7)
    assert apart(np.random.Generator(key[0])).random() != apart(np.random.Generator(key[1])).random()
    seeded = [apart(np.random.default_rng(7)) for _ in range(2)]
    assert seeded[0].random() == seeded[1].random() != np.random.default_rng(7).random()
