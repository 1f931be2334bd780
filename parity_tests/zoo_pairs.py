"""Two of the zoo's mistakes at once: ten pairs drawn by a fixed seed, each planted together, recorded and diagnosed.

`python -m parity_tests.zoo_pairs [--witness NAME] [--pairs N] [--seed N]` prints one line a pair and how many were
diagnosed: each mistake named at the stage where it was planted.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from rich.console import Console

from parity import witness as witnesses
from parity.compare import Comparison
from parity.diagnosis import Explanation, diagnose
from parity.trace import Record, read_request, read_trace
from parity_tests.mutation import Mutation, together
from parity_tests.zoo import ZOO
from parity_tests.zoo_cases import make_zoo_request
from parity_tests.zoo_trial import Bench, planted, sound

CASE, SEED, PAIRS = "network", 20160914, 10


@dataclass(frozen=True)
class PairTrial:
    """Two mutations planted together, and what was said of them.

    Attributes:
        ids: of both.
        named: of each mutation, whether a candidate at its stage has its name.
        misnamed: whether a name that is neither's was given as certain at one of their stages.
        sentences: the diagnosis.
    """

    ids: tuple[str, str]
    named: tuple[bool, bool]
    misnamed: bool
    sentences: tuple[str, ...]

    @property
    def diagnosed(self) -> bool:
        """Whether both were named."""
        return all(self.named)


def drawn(count: int = PAIRS, seed: int = SEED) -> list[tuple[Mutation, Mutation]]:
    """Pairs of known mistakes of the network, no two of one name, nor two that are planted in one place by one name."""
    known = [one for one in ZOO if one.case == CASE and one.known and not one.stage.startswith("step/")]
    every = [pair for pair in combinations(known, 2) if _apart(*pair)]
    chosen = np.random.default_rng(seed).choice(len(every), count, replace=False)
    return [every[number] for number in chosen]


def _apart(one: Mutation, other: Mutation) -> bool:
    """Whether two mistakes are no two ways of doing one thing: of one stage, both of filters, losses or divisors."""
    alike = one.known.split("-")[0] == other.known.split("-")[0]
    return one.known != other.known and not (one.stage == other.stage and (alike or one.stage.endswith("loss")))


def trial(bench: Bench, pair: tuple[Mutation, Mutation]) -> PairTrial:
    """Both planted, recorded and diagnosed."""
    one, other = pair
    comparison, port = _planted(bench, one, other)
    legacy, request = read_trace(bench.legacy(CASE)), read_request(bench.request(CASE))
    found = diagnose(legacy, port, comparison, request=request)
    at = {explanation.stage: explanation for explanation in found.explanations}
    names = {mutation.known for mutation in pair}
    misnamed = any(_wrongly_certain(at[mutation.stage], names) for mutation in pair if mutation.stage in at)
    named = tuple(_named(at.get(mutation.stage), mutation.known) for mutation in pair)
    return PairTrial((one.id, other.id), (named[0], named[1]), misnamed, tuple(found.sentences))


def _planted(bench: Bench, one: Mutation, other: Mutation) -> tuple[Comparison, Record]:
    """Both mistakes in one port: the second around the first, or where it leaves the first out the other way round."""
    for inner, outer in ((one, other), (other, one)):
        found = planted(bench, CASE, f"{one.id}+{other.id}", together(inner.plant, outer.plant))
        if {one.stage, other.stage} <= {finding.stage for finding in found[0].blamed}:
            break
    return found


def _named(explanation: Explanation | None, name: str) -> bool:
    return explanation is not None and any(name in candidate.names for candidate in explanation.candidates)


def _wrongly_certain(explanation: Explanation, names: set[str]) -> bool:
    return explanation.certain and names.isdisjoint(explanation.candidates[0].names)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, plant, diagnose; exit 1 unless at least 90 % are diagnosed and none is misnamed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--witness", default="best")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args(arguments)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="sar2ndvi-pairs-") as folder:
        bench = Bench(Path(folder))
        make_zoo_request(CASE, bench.request(CASE), bench.directory)
        witness = witnesses.find(asked.witness, say=lambda line: console.print(line, markup=False))
        witness.record([(bench.request(CASE), bench.legacy(CASE))])
        sound(bench, CASE)
        trials = [trial(bench, pair) for pair in drawn(asked.pairs, asked.seed)]
    for one in trials:
        console.print(f"{'right' if one.diagnosed else 'WRONG'} {' + '.join(one.ids)}", markup=False)
        for sentence in () if one.diagnosed else one.sentences:
            console.print(f"      {sentence}", markup=False, soft_wrap=True)
    right, misnamed = sum(one.diagnosed for one in trials), sum(one.misnamed for one in trials)
    console.print(f"{right} of {len(trials)} pairs diagnosed, {misnamed} misnamed")
    return int(10 * right < 9 * len(trials) or misnamed > 0)


if __name__ == "__main__":
    sys.exit(main())
