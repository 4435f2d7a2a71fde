"""What redaction leaves of made-up secrets, by way, host and kind, beside other programs.

All are given the same files, drawn from those of `tests/support/secret_corpus.py`; redaction is
given all of them too. Of a secret something is left if ten characters in a row are.
"""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence

from benchmarks import secret_finders
from lib.privacy.redaction import redact
from tests.support import secret_corpus
from tests.support.secret_corpus import Sample

DRAWN = 6000
EXTENSIONS = {
    "python": "py", "javascript": "js", "typescript": "ts", "go": "go", "java": "java", "c": "c",
    "csharp": "cs", "rust": "rs", "ruby": "rb", "php": "php", "kotlin": "kt", "swift": "swift",
    "shell": "sh", "powershell": "ps1", "yaml": "yaml", "json": "json", "toml": "toml",
    "sql": "sql", "compose": "yml", "kubernetes": "yaml", "ci": "yml", "terraform": "tf",
    "ini": "ini",
    "properties": "properties", "xml": "xml", "html": "html", "markdown": "md", "csv": "csv",
}  # fmt: skip


def main() -> None:
    """Measure and print."""
    samples = [*secret_corpus.samples(), *secret_corpus.passwords()]
    drawn = random.Random(secret_corpus.SEED).sample(samples, DRAWN)
    texts = [(EXTENSIONS.get(sample.host, "txt"), sample.text) for sample in drawn]
    columns = {
        "here": [redact(text)[0] for _, text in texts],
        "gitleaks": secret_finders.gitleaks(texts),
        "detect-secrets": secret_finders.detect_secrets(texts),
    }
    every = [redact(sample.text)[0] for sample in samples]
    print(f"{len(secret_corpus.kinds())} kinds, {len(samples)} files, {DRAWN} of them for all")
    print("per cent of the secrets of which something is left")
    names = ["here, all", *columns]
    print(f"{'':<28}" + "".join(f"{name:>16}" for name in names))
    _table(lambda sample: sample.way, samples, every, drawn, columns)
    _table(lambda sample: f"  {sample.host}", samples, every, drawn, columns)
    left = _left(samples, every)
    kinds = Counter((s.way, s.kind) for s, is_left in zip(samples, left, strict=True) if is_left)
    for (way, kind), number in kinds.most_common(20):
        print(f"left {number:>4}: {kind}, {way}")


def _table(
    key: Callable[[Sample], str],
    samples: Sequence[Sample],
    every: Sequence[str],
    drawn: Sequence[Sample],
    columns: "dict[str, list[str] | None]",
) -> None:
    rates = [_rates(key, samples, every)]
    rates += [_rates(key, drawn, texts) if texts else {} for texts in columns.values()]
    for row in sorted(rates[0]):
        cells = (f"{100 * rate[row]:16.1f}" if row in rate else f"{'-':>16}" for rate in rates)
        print(f"{row:<28}" + "".join(cells))


def _rates(
    key: Callable[[Sample], str], samples: Sequence[Sample], texts: Sequence[str]
) -> dict[str, float]:
    all_of = Counter(map(key, samples))
    left = Counter(itertools.compress(map(key, samples), _left(samples, texts)))
    return {row: left[row] / number for row, number in all_of.items()}


def _left(samples: Sequence[Sample], texts: Sequence[str]) -> list[bool]:
    return [bool(s.left_in(text)) for s, text in zip(samples, texts, strict=True)]
