"""The committed tables in a document of their own, compiled. Started by `nox -s latex`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

TABLES = Path(__file__).resolve().parents[2] / "results" / "tables"
_DOCUMENT = r"""\documentclass{article}
\usepackage{amssymb,booktabs,graphicx}
\usepackage[a4paper,margin=2cm]{geometry}
\extrafloats{500}
\begin{document}
\input{NAME}
\end{document}
"""


@pytest.mark.parametrize("table", sorted(path.name for path in TABLES.glob("*.tex")))
def test_a_table_compiles_and_fits_the_page(table: str, tmp_path: Path) -> None:
    (tmp_path / table).write_bytes((TABLES / table).read_bytes())
    (tmp_path / "document.tex").write_text(_DOCUMENT.replace("NAME", table))
    call = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120)
    log = (tmp_path / "document.log").read_text(errors="replace")
    assert done.returncode == 0, log[-2000:]
    assert not re.findall(r"^(?:Overfull \\[hv]box.*|Missing character.*|LaTeX Warning: Float too large.*)$", log, re.MULTILINE)
