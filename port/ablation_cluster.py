"""An ablation's runs on a cluster: workers open the scenes by their paths, and send only numbers back."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from port.ablation_run import Measured, measure
from port.ablation_store import Job
from port.cluster import Place, connected
from port.digests import scene_digest
from port.errors import ClusterError, Sar2NdviError, SceneError
from port.observer import Observer
from port.scenes import Scene
from port.synthetic import write_synthetic_scene


@dataclass(frozen=True)
class ClusterRun:
    """Called on a worker, it does the run of a job; a synthetic scene, of `made_px`, is made there from its seed."""

    job: Job
    made_px: tuple[int, int] | None

    def __call__(self) -> Measured:
        """Do it, and give its numbers."""
        from port.cluster_worker import scratch

        torch.set_num_threads(self.job.threads)
        settings = self.job.settings
        with TemporaryDirectory(dir=scratch()) as folder:
            if self.made_px:
                made = write_synthetic_scene(Path(folder) / "scene", size_px=self.made_px, seed=settings.seed)
                settings = replace(settings, data=made)
            self._check(settings.data)
            return measure(replace(self.job, settings=settings), folder)

    def _check(self, folder: Path | None) -> None:
        """See that the scene is the one that the client has digested."""
        from port.cluster_worker import address

        settings = self.job.settings
        try:
            scene = Scene.open(folder or "", first_date=settings.first_date, nodata=settings.recipe.nodata)
            problem = "" if scene_digest(scene) == self.job.digest else "it holds other pixels there"
        except (SceneError, OSError) as error:
            problem = str(error)
        if problem:
            raise ClusterError(
                f"worker {address()} does not see the scene {folder} as this process does ({problem}); put scenes "
                "where every worker finds them under the same path"
            )

    def __str__(self) -> str:
        return f"run {self.job}"


def runs_of(
    jobs: Sequence[Job], made_px: dict[Job, tuple[int, int]], place: Place, observer: Observer
) -> Generator[tuple[Job, Measured | Sar2NdviError], None, None]:
    """What each job gave, in the order they end.

    Raises:
        ClusterError: see `port.cluster`, or a worker does not see a scene.
    """
    with connected(place, observer) as cluster:
        for task, result in cluster.each(ClusterRun(job, made_px.get(job)) for job in jobs):
            if isinstance(result, ClusterError):
                raise result
            yield task.job, result
