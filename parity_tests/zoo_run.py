"""Run the zoo: `python -m parity_tests.zoo_run [--witness NAME] [--only ID ...] [--correct N] [--report DIR]`.

Exit codes: 0 all caught and blamed at the right stage; 1 a survivor, a wrong stage, a wrong name given as certain or a
false alarm; 2 a wrong option; 3 no witness that reads rasters. Of the unseen ones only a survivor without a reason is a
failure.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from parity import witness as witnesses
from parity.errors import WitnessError
from parity.findings import Verdict
from parity.witness import Witness
from parity_tests.doses import CASES, DOSES, smallest_caught
from parity_tests.mutation import Mutation
from parity_tests.proceedings import READ_RASTERS
from parity_tests.sound_runs import sound as sound_runs
from parity_tests.unseen import UNSEEN
from parity_tests.workshop import ONE_THREAD
from parity_tests.zoo import ZOO
from parity_tests.zoo_cases import ZOO_CASES, make_zoo_request
from parity_tests.zoo_pairs import PAIRS, drawn
from parity_tests.zoo_pairs import trial as pair_trial
from parity_tests.zoo_trial import Bench, Trial, sound, tried
from port.errors import Sar2NdviError

PROCESSES = 2
NO_WITNESS = 3
CORRECT = 1000
ALL = (*ZOO, *UNSEEN)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask a witness, try every mutation, write zoo.json and say what was found."""
    asked = _parser().parse_args(arguments)
    console = Console()
    chosen = [mutation for mutation in ALL if not asked.only or mutation.id in asked.only]
    unknown = sorted(set(asked.only) - {mutation.id for mutation in chosen})
    if unknown:
        console.print(f"no mutation {unknown[0]!r}; choose one of {', '.join(mutation.id for mutation in ALL)}")
        return 2
    try:
        asked.report.mkdir(parents=True, exist_ok=True)  # rather now than after an hour
        witness = _witness(asked.witness, console)
    except OSError as error:
        console.print(f"no folder for the report: {error}; give another --report", markup=False, soft_wrap=True)
        return 2
    except WitnessError as error:
        console.print(f"no witness: {error}")
        return NO_WITNESS
    console.print(f"witness: {witness.description}")
    with tempfile.TemporaryDirectory(prefix="sar2ndvi-zoo-") as folder:
        found = run(witness, Bench(Path(folder)), chosen, console, doses=not asked.only)
    found["sound"] = sound_runs(witness, asked.correct, partial(console.print, markup=False)) if asked.correct else None
    (asked.report / "zoo.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    console.print(f"{closing(found)}; report in {asked.report}")
    return int(failed(found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--witness", default="best", help="best (default), container or interpreter")
    parser.add_argument("--only", nargs="+", default=[], metavar="ID", help="only these mutations, and no doses")
    parser.add_argument(
        "--correct", type=_count, default=CORRECT, metavar="N", help="so many sound runs; 0: none, no equivalent ports"
    )
    parser.add_argument("--report", type=Path, default=Path("reports/zoo"), help="folder of zoo.json")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count; give 0 or more")
    return int(text)


def _witness(name: str, console: Console) -> Witness:
    """A live witness that reads rasters.

    Raises:
        WitnessError: there is none.
    """
    witness = witnesses.find(name, say=lambda line: console.print(line, markup=False))
    if witness.name not in READ_RASTERS:
        raise WitnessError(f"{witness.name} reads no rasters, which the zoo needs; {'; '.join(witness.reasons)}")
    return witness


def run(
    witness: Witness, bench: Bench, mutations: Sequence[Mutation], console: Console, *, doses: bool
) -> dict[str, Any]:
    """Everything that zoo.json tells."""
    cases = [name for name in ZOO_CASES if doses or name in {mutation.case for mutation in mutations}]
    for case in cases:
        make_zoo_request(case, bench.request(case), bench.directory)
    console.print(f"the original answers {len(cases)} requests")
    witness.record([(bench.request(case), bench.legacy(case)) for case in cases])
    os.environ.update(ONE_THREAD)  # inherited by the pool
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        alarms = [alarm for alarm in pool.map(_alarm, repeat(bench), cases) if alarm]
        console.print(
            "\n".join(alarms) or f"the sound port stands before all {len(cases)}; {len(mutations)} wrong ones"
        )
        every = [] if alarms else _trials(pool, bench, mutations, console)
        trials, unseen = _told_apart(every)
        console.print(table(trials))
        console.print(table(unseen, "unseen"))
        found = _doses(pool, bench, console) if doses and not alarms else []
        pairs = list(pool.map(_pair, repeat(bench), range(PAIRS))) if doses and not alarms else []
    return {
        "witness": witness.description,
        "date": datetime.now(UTC).date().isoformat(),
        "mutations": [trial.as_json() for trial in trials],
        "unseen": [trial.as_json() for trial in unseen],
        "doses": found,
        "pairs": pairs,
        "alarms": alarms,
        "score": score(trials),
        "unseen_score": unseen_score(unseen),
    }


def _alarm(bench: Bench, case: str) -> str:
    """What the judge holds against a sound port before a case; "" for nothing."""
    if ZOO_CASES[case].refused:
        try:
            sound(bench, case)
        except Sar2NdviError:
            return ""
        return f"{case}: a sound port would refuse it; this one does not"
    comparison = sound(bench, case)
    return f"{case}: {comparison.first_bad}" if comparison.verdict is Verdict.FAIL else ""


def _trials(pool: Executor, bench: Bench, mutations: Sequence[Mutation], console: Console) -> list[Trial]:
    """All mutations tried, in their order; those that fail are told as they come."""
    trials = []
    for trial in pool.map(_tried, repeat(bench), [mutation.id for mutation in mutations]):
        trials.append(trial)
        if trial.failed:
            console.print(f"{trial.id}: {trial.failed}", markup=False)
        if len(trials) % 20 == 0:
            console.print(f"{len(trials)} of {len(mutations)} tried")
    return trials


def _tried(bench: Bench, id: str) -> Trial:
    return tried(bench, next(mutation for mutation in ALL if mutation.id == id))


def _told_apart(trials: Sequence[Trial]) -> tuple[list[Trial], list[Trial]]:
    """Those of the zoo, and those of mistakes that the judge was not made for."""
    unseen = {mutation.id for mutation in UNSEEN}
    return [trial for trial in trials if trial.id not in unseen], [trial for trial in trials if trial.id in unseen]


def _doses(pool: Executor, bench: Bench, console: Console) -> list[dict[str, Any]]:
    """Every dose in either dtype."""
    pairs = [(dose.id, dtype) for dose in DOSES for dtype in CASES]
    console.print(f"the smallest dose of {len(DOSES)} mistakes is sought, in either dtype")
    return list(pool.map(_dose, repeat(bench), *zip(*pairs, strict=True)))


def _dose(bench: Bench, id: str, dtype: str) -> dict[str, Any]:
    return smallest_caught(bench, next(dose for dose in DOSES if dose.id == id), dtype)


def _pair(bench: Bench, number: int) -> dict[str, Any]:
    """Two mistakes at once, diagnosed."""
    one = pair_trial(bench, drawn()[number])
    return {**asdict(one), "diagnosed": one.diagnosed}


def table(trials: Sequence[Trial], title: str = "the zoo") -> Table:
    """Every mutation: where it should be seen, where it was, by how much, and what the diagnosis calls it."""
    shown = Table("mutation", "rows", "stage", "share of bound", "diagnosis", title=title)
    for trial in trials:
        stage = trial.stage if trial.right_stage else f"{trial.stage or 'survived'}, expected {trial.expected_stage}"
        share = "" if trial.share is None else f"{trial.share:.2g}"
        shown.add_row(trial.id, " ".join(trial.rows), stage, share, "; or ".join(trial.names) or "unknown")
    return shown


def score(trials: Sequence[Trial]) -> dict[str, int]:
    """How many were caught, at the right stage, and named."""
    known = [trial for trial in trials if trial.known]
    return {
        "mutations": len(trials),
        "rows": len({row for trial in trials for row in trial.rows}),
        "caught": sum(trial.caught for trial in trials),
        "right_stage": sum(trial.right_stage for trial in trials),
        "known": len(known),
        "diagnosed": sum(trial.diagnosed for trial in known),
        "certain": sum(trial.diagnosed and trial.certain for trial in known),
        "misnamed": sum(trial.misnamed for trial in trials),
        "failed": sum(bool(trial.failed) for trial in trials),
    }


def unseen_score(trials: Sequence[Trial]) -> dict[str, int]:
    """How many of the unseen were caught, how many of them where expected, named for certain, and left unexplained."""
    explained = {mutation.id for mutation in UNSEEN if mutation.survives}
    return {
        "mutations": len(trials),
        "caught": sum(trial.caught for trial in trials),
        "right_stage": sum(trial.right_stage for trial in trials),
        "certain": sum(trial.certain for trial in trials),
        "unexplained": sum(not trial.caught and trial.id not in explained for trial in trials),
    }


def false_alarms(found: dict[str, Any]) -> int:
    """How often a sound port was failed: before the zoo's requests, before random ones, computed in other ways."""
    return len(found["alarms"]) + (found["sound"]["alarms"] if found["sound"] else 0)


def failed(found: dict[str, Any]) -> bool:
    """Whether the judge did not do what it should: before a sound port, a wrong one, an unseen one or a pair."""
    misnamed = any(pair["misnamed"] for pair in found["pairs"])
    return bool(false_alarms(found) or found["score"]["failed"] or found["unseen_score"]["unexplained"] or misnamed)


def closing(found: dict[str, Any]) -> str:
    """One sentence: how many wrong ports were caught, and blamed where they are wrong."""
    score, unseen, pairs = found["score"], found["unseen_score"], found["pairs"]
    named = sum(pair["diagnosed"] for pair in pairs)
    return (
        f"{score['caught']} of {score['mutations']} wrong ports caught, {score['right_stage']} at the right stage; "
        f"{score['diagnosed']} of {score['known']} named, {score['certain']} for certain, {score['misnamed']} wrongly; "
        f"of {unseen['mutations']} unseen {unseen['caught']} caught, {unseen['right_stage']} at the stage expected; "
        f"{named} of {len(pairs)} pairs named; "
        f"{false_alarms(found)} false alarms in {found['sound']['comparisons'] if found['sound'] else 0} sound runs"
    )


if __name__ == "__main__":
    sys.exit(main())
