"""How a synthetic table is judged: by models trained on it and tested on real rows (TSTR), and by its marginals (fidelity).

Settings were fixed before the first results. A metric is added in `metrics`, a model in `models`; a person's own stay outside and
are named by the configuration, as `module:function`.
"""

VERSION = 1  # raised when a metric or an evaluator changes
