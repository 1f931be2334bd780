"""A source that was recorded to pay, pays: by the record of every clear gain, and once by new trainings."""

from gate_tests.added_sources import TRAINED_AGAIN, AddedSource, judge, judge_record, trained_again
from gate_tests.record_files import ABLATION
from gate_tests.records import PREDICTION, Record
from gate_tests.trainings import Trainings
from gate_tests.verdicts import Verdicts


def test_added_source_pays_as_recorded(added: AddedSource, verdicts: Verdicts) -> None:
    """The gain told is that of its variants' recorded accuracies, and clear of its spread; nothing is trained."""
    why = f"recorded over {len(added.gains)} seeds in {ABLATION.name}, not trained again"
    with verdicts.gated(added.what, f"above {added.needed:.4f} of MAE", why) as line:
        line.actual = added.mean
        judge_record(added)


def test_added_source_pays_again(trainings: Trainings, verdicts: Verdicts) -> None:
    """The radar beside one optical date, in the mean over new runs, by more than its recorded spread."""
    what = f"{TRAINED_AGAIN[0].scene}, {' to '.join(row.variant for row in TRAINED_AGAIN)}"
    with verdicts.gated(what, "a gain", f"trained again, recorded in {ABLATION.name}") as line:
        added = trained_again()
        line.expected = f"{added.mean:.4f}, above {added.needed:.4f} of MAE"
        without, including = (Record(row, trainings.of(row)).values(PREDICTION, "mae") for row in TRAINED_AGAIN)
        line.actual = judge(added, without, including)
