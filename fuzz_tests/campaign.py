"""One format fuzzed by libFuzzer in a process of its own: coverage of the readers' code chooses what is mutated next.

`python -m fuzz_tests.campaign FORMAT FOLDER RUNS SEED`; what is found lies in the folder: `told.json`, and an input of
each kind of crash below `crashes/`.
"""

import hashlib
import json
import sys
import time
import traceback
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["parity", "port", "legacy"]):
    from fuzz_tests.formats import harnesses

from fuzz_tests.harness import Harness, peak_kb, try_input

LONGEST_BYTES = 400_000
TOLD_EVERY = 50
"""Inputs between two writings of what is told: libFuzzer ends the process without a word to Python."""


class Campaign:
    """The inputs tried so far, the slowest, and a crash of each kind."""

    def __init__(self, harness: Harness, folder: Path) -> None:
        self.harness, self.folder = harness, folder
        self.files, self.crashes = folder / "files", folder / "crashes"
        for made in (self.files, self.crashes):
            made.mkdir(parents=True)
        self.inputs, self.refused, self.slowest_s, self.kinds, self.held_kb = 0, 0, 0.0, {}, peak_kb()

    def take(self, content: bytes) -> None:
        """Try one input; whatever goes wrong is kept, and the next one is tried."""
        started = time.perf_counter()
        try:
            self.refused += try_input(self.harness, content, self.files) is not None
        except Exception as error:
            self._keep(content, error)
        self.inputs += 1
        self.slowest_s = max(self.slowest_s, time.perf_counter() - started)
        if self.inputs % TOLD_EVERY == 0:
            self.tell()

    def _keep(self, content: bytes, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        if kind not in self.kinds:
            self.kinds[kind] = ascii(str(error))[:300]
            (self.crashes / hashlib.sha256(kind.encode()).hexdigest()[:12]).write_bytes(content)
            self.tell()

    def tell(self) -> None:
        """Write what was found."""
        told = {"inputs": self.inputs, "refused": self.refused, "slowest_s": self.slowest_s, "kinds": self.kinds,
                "more_kb": peak_kb() - self.held_kb, "peak_kb": peak_kb()}  # fmt: skip
        (self.folder / "told.json").write_text(json.dumps(told), encoding="utf-8")


def main(name: str, folder: str, runs: str, seed: str) -> None:
    """Fuzz one format; the process ends in libFuzzer."""
    harness, place = harnesses()[name], Path(folder)
    campaign, corpus = Campaign(harness, place), place / "corpus"
    corpus.mkdir()
    for number, content in enumerate(harness.seeds):
        (corpus / f"{number}").write_bytes(content)

    def mutate(content: bytes, longest: int, chance: int) -> bytes:
        """As the format asks, or now and then as libFuzzer does, which knows what the code compares with."""
        random = Random(chance)
        if random.random() < 0.15:
            return bytes(atheris.Mutate(content, longest))
        if random.random() < 0.5:  # else, after a while, most files are refused for what was done to them first
            content = random.choice(harness.seeds)
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            content = harness.mutate(content, random)
        return content[:longest]

    options = {"runs": runs, "seed": seed, "max_len": LONGEST_BYTES, "len_control": 0, "timeout": 30,
               "rss_limit_mb": 6000, "print_final_stats": 1, "artifact_prefix": f"{campaign.crashes}/"}  # fmt: skip
    words = ["fuzz", *(f"-{option}={value}" for option, value in options.items()), str(corpus)]
    atheris.Setup(words, campaign.take, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
