"""Faults of exact noise, of choices, and of where random numbers come from."""

from __future__ import annotations

from mutants.fault import Edit, Fault, fault

_NOISE = "dpdsyn/mechanisms/exact_noise.py"
_ENTROPY = "dpdsyn/mechanisms/entropy.py"
_API = "dpdsyn/api.py"
_EXACT = ("dpdsyn/mechanisms/test_exact_noise.py",)
_FRESH = (
    "dpdsyn/mechanisms/test_entropy.py",
    "dpdsyn/test_planted_faults.py::test_noise_seeded_with_few_bits_comes_again_and_as_it_is_does_not",
)
_KEPT = ("dpdsyn/test_api.py",)
_CHECK = "dpdsyn.candidates:Independent"
_AGAINST = "dpdsyn/test_against_faults.py"

FAULTS: tuple[Fault, ...] = (
    fault(
        "noise: doubles decide where they are in doubt",
        _NOISE,
        "np.flatnonzero(_unsure(wide, magnitude, error) | (tail < _LEAST))",
        "np.flatnonzero(tail < _LEAST)",
        *_EXACT,
    ),
    fault(
        "noise: the far tail is decided by one word",
        _NOISE,
        "np.flatnonzero(_unsure(wide, magnitude, error) | (tail < _LEAST))",
        "np.flatnonzero(_unsure(wide, magnitude, error))",
        *_EXACT,
    ),
    fault(
        "noise: the bit that is the sign is used for the size too",
        _NOISE,
        "tail = drawn >> np.uint64(1)",
        "tail = drawn & np.uint64((1 << 63) - 1)",
        *_EXACT,
    ),
    fault(
        "noise: its deviation is a thousandth too small",
        _NOISE,
        "* 2.0**-_WORD) * scale + 0.5",
        "* 2.0**-_WORD) * (scale * 0.999) + 0.5",
        *_EXACT,
    ),
    fault(
        "noise: rounded toward zero instead of to the nearest",
        _NOISE,
        "* 2.0**-_WORD) * scale + 0.5",
        "* 2.0**-_WORD) * scale",
        *_EXACT,
        check=_CHECK,
    ),
    fault(
        "noise: one number in a block is drawn for all of its block's second half",
        _NOISE,
        "    drawn = words(size, rng)\n    tail",
        "    drawn = words(size, rng)\n    drawn[(size + 1) // 2 :] = drawn[: size // 2]\n    tail",
        *_EXACT,
        check=_CHECK,
    ),
    fault(
        "gaps: doubles decide where they are in doubt",
        _NOISE,
        "np.flatnonzero(_unsure(trials, failures, error) | (drawn < _LEAST))",
        "np.flatnonzero(drawn < _LEAST)",
        *_EXACT,
    ),
    fault(
        "gaps: shorter by one",
        _NOISE,
        "return failures.astype(np.int64) + 1",
        "return np.maximum(failures.astype(np.int64), 1)",
        *_EXACT,
        check=_CHECK,
    ),
    fault(
        "choices: doubles decide where they are in doubt",
        _NOISE,
        "abs(u - shares[chosen + 1])) > error:",
        "abs(u - shares[chosen + 1])) >= 0:",
        *_EXACT,
    ),
    fault(
        "choices: numbers of any precision leave out the one at hand",
        _NOISE,
        "numbers.fsum(weights[j + 1 :])",
        "numbers.fsum(weights[j:])",
        *_EXACT,
    ),
    fault(
        "streams are keyed with 8 bits",
        _ENTROPY,
        "key=secrets.randbits(_KEY_BITS)",
        "key=secrets.randbits(8)",
        *_FRESH,
    ),
    fault(
        "streams are keyed by Python's random",
        _ENTROPY,
        "key=secrets.randbits(_KEY_BITS)",
        "key=__import__('random').getrandbits(_KEY_BITS)",
        *_FRESH,
    ),
    fault(
        "streams are of a generator that can be computed backwards",
        _ENTROPY,
        "return np.random.Generator(AESCounter(key=secrets.randbits(_KEY_BITS)))",
        "return np.random.default_rng(secrets.randbits(_KEY_BITS))",
        *_FRESH,
    ),
    fault(
        "a stream apart is keyed by numbers of the first",
        _ENTROPY,
        "return fresh() if isinstance",
        "return np.random.Generator(AESCounter(key=int(rng.integers(2**63)))) if isinstance",
        *_FRESH,
    ),
    fault(
        "published rows are drawn from the stream of the noise",
        _API,
        "return secrets.token_bytes(_KEY_BYTES), fresh(), fresh(), fresh()",
        "noise = fresh()\n            return secrets.token_bytes(_KEY_BYTES), noise, fresh(), noise",
        *_KEPT,
    ),
    Fault(
        "published rows are drawn from a stream whose key is drawn from the noise",
        (
            Edit(
                _API,
                "return secrets.token_bytes(_KEY_BYTES), fresh(), fresh(), fresh()",
                "noise = fresh()\n            key = int(noise.integers(2**63))\n"
                "            rows = np.random.Generator(type(noise.bit_generator)(key=key))\n"
                "            return secrets.token_bytes(_KEY_BYTES), noise, fresh(), rows",
            ),
        ),
        (*_KEPT, f"{_AGAINST}::test_noise_and_published_rows_have_streams_of_their_own_and_bounding_a_key_of_its_own"),
    ),
    fault(
        "a fitted model keeps the stream of its noise, through pickle too",
        _API,
        '        fitted |= {"_sampling": streams[-1], ',
        '        fitted |= {"_noise": streams[1], "_sampling": streams[-1], ',
        *_KEPT,
    ),
    fault(
        "copies keep the stream that rows are drawn from",
        _API,
        'kept = getattr(self, "_seeded_rows", self.random_state is not None)',
        "kept = True",
        *_KEPT,
    ),
    fault(
        "a forked process draws its parent's rows again",
        _API,
        "if self._process != os.getpid():",
        "if False:",
        *_KEPT,
    ),
    fault(
        "a loaded model draws rows from a fixed seed",
        _API,
        "self._process = fresh() if self.random_state is None else",
        "self._process = np.random.default_rng(0) if self.random_state is None else",
        *_KEPT,
    ),
    fault(
        "the key of contribution bounding is no secret",
        _API,
        "return secrets.token_bytes(_KEY_BYTES), fresh()",
        "return bytes(_KEY_BYTES), fresh()",
        *_KEPT,
        "dpdsyn/mechanisms/test_contribution_bounding.py",
        f"{_AGAINST}::test_noise_and_published_rows_have_streams_of_their_own_and_bounding_a_key_of_its_own",
    ),
)
