"""Input and output paths of the rules of one search."""

import os
from functools import cached_property
from pathlib import Path

from snakeras.core import files
from snakeras.core.settings import Settings
from snakeras.data import mnist
from snakeras.model_file import opened_files, parser
from snakeras.model_file.fingerprint import Digests, of_files
from snakeras.search import earlier_trials, trial_records, warm_start
from snakeras.search.samplers import algorithms

MNIST = f"{mnist.FOLDER}/SHA256SUMS"


class SearchFiles:
    """Paths of a search's files, relative to the working directory: absolute ones would not survive a move.

    Args:
        in_job: Whether this Snakemake is that of one job on a cluster.
        shared: Whether jobs find all files in the working directory; else each finds those that its rule names.
    """

    def __init__(self, settings: Settings, in_job: bool = False, shared: bool = True) -> None:
        self._settings = settings
        self._in_job = in_job
        self._shared = shared
        self.results = f"results/{settings.name}"
        names = ("best.json", "trials.csv", "winner.json", "final/metrics.json")
        self.results_to_keep = [f"{self.results}/{name}" for name in names]

        # Of each trial: its JSON file, and its run record, which says when and where it ran.
        self.trials_folder = f"{self.results}/trials"
        self.trials = list(map(self.trial, range(settings.search.max_evals)))
        self.run_records = [path.removesuffix(".json") + ".run.json" for path in self.trials]

        # The checksums of MNIST's four files, for the dataset that is made from them.
        self.raw_data = [MNIST] if settings.data.dataset == "mnist" else []
        # The manifest of the prepared arrays; none where the model file has its own data function.
        self.manifest = [f"{self.results}/data.json"] if settings.data.dataset != "model" else []

    @cached_property
    def model(self) -> list[str]:
        """The model file, then what else of the user's decides a trial: modules beside it, the algorithm, files."""
        model = self._settings.search.model
        algorithm = algorithms.own_file(self._settings.search.algo)
        modules = map(str, parser.local_modules(Path(model)))
        named = [path for pattern in self._settings.data.files for path in opened_files.matches(pattern)]
        return list(dict.fromkeys([model, *modules, *([algorithm] if algorithm else []), *named]))

    @cached_property
    def fingerprint(self) -> Digests:
        """What of these files decides a trial. As a param: Snakemake would go by every byte of an input."""
        return self._fingerprint(for_test=False)

    @cached_property
    def final_fingerprint(self) -> Digests:
        """The same for the final model, which the function ``test_data`` decides too."""
        return self._fingerprint(for_test=True)

    def _fingerprint(self, for_test: bool) -> Digests:
        search, data = self._settings.search, self._settings.data
        named = not self.manifest, search.model_function, search.data_function, data.test_function
        return of_files(list(map(Path, self.model)), *named, for_test=for_test)

    @cached_property
    def script_data(self) -> list[str]:
        """The checksums of MNIST's files, for a model file that takes them by ``keras.datasets``."""
        return [MNIST] if not self.manifest and parser.uses_mnist(map(Path, self.model)) else []

    @cached_property
    def _warm_trials(self) -> dict[Path, dict]:
        folders = map(Path, self._settings.search.warm_start)
        return warm_start.read([path for folder in folders for path in warm_start.trial_files(folder)])

    @property
    def warm_start(self) -> list[str]:
        """The trials of other searches that count: their JSON files."""
        return list(map(str, self._warm_trials))

    @cached_property
    def warm_start_digest(self) -> str | None:
        """What of them decides a trial; None without any."""
        return warm_start.digest(list(self._warm_trials.values()), self._settings.search.warm_start_defaults)

    def trial(self, number: int) -> str:
        """Return the JSON file of a trial."""
        return f"{self.trials_folder}/{trial_records.name(number)}.json"

    def finalists(self, candidates: str) -> list[str]:
        """Return the JSON files of all finalists, by ``candidates.json``."""
        trials = [candidate["trial"] for candidate in files.read_json(Path(candidates))["candidates"]]
        return self._trained_again("finalists", trials, self._settings.final.seeds)

    def members(self, chosen: str) -> list[str]:
        """Return an ensemble's members, by ``candidates.json`` or, with finalists, ``best.json``.

        That is the JSON file of each and the folder of its model, which a job without a shared disk finds only so.
        """
        document, final = files.read_json(Path(chosen)), self._settings.final
        if "chosen" in document:
            trials = document["chosen"]["ranking"]
        else:
            trials = [candidate["trial"] for candidate in document["candidates"]]
        # A finalist never trains on the validation images; where these are no part of it, it is the same training.
        folder = "members" if final.train_on == "all" and self.manifest else "finalists"
        records = self._trained_again(folder, trials[: final.ensemble.trials], final.ensemble.seeds)
        return [path for record in records for path in (record, record.removesuffix(".json"))]

    def _trained_again(self, folder: str, trials: list[int], seeds: int) -> list[str]:
        names = [f"{trial_records.name(trial)}_{number}" for trial in trials for number in range(seeds)]
        return [f"{self.results}/{folder}/{name}.json" for name in names]

    @property
    def finalists_table(self) -> list[str]:
        """The table of the finalists; empty without finalists."""
        return [f"{self.results}/finalists.csv"] if self._settings.final.has_finalists else []

    def earlier_trials(self, wildcards: object) -> list[str]:
        """Return the trials that one waits for. It reads the earlier ones too, which these waited for."""
        number, parallelism = int(wildcards.trial), self._settings.search.parallelism
        if not self._shared:
            return list(map(self.trial, earlier_trials.visible(number, parallelism)))
        paths = list(map(self.trial, earlier_trials.direct_dependencies(number, parallelism)))
        # A job on a cluster finds them there. No rule makes absolute paths, so it does not plan them all anew.
        return list(map(os.path.abspath, paths)) if self._in_job else paths

    @property
    def published(self) -> list[str]:
        """The files that say what is in the tracker: one per trial, then the others; none without a tracker."""
        tracking = self._settings.tracking
        if not tracking.uri and not tracking.mflux:
            return []
        names = [*(Path(path).stem for path in self.trials), "final"]
        if tracking.mflux and self.manifest:
            names.append("data")
        return [f"{self.results}/tracking/{name}.json" for name in names]

    def waiting(self, dag: object) -> list[str]:
        """Return the trials that Snakemake is going to publish by ``dag`` and does not run first."""
        planned = _planned(dag)
        pairs = zip(self.trials, self.published, strict=False)
        return [Path(trial).stem for trial, run in pairs if run in planned and trial not in planned]

    def again(self, dag: object) -> list[str]:
        """Return the trials that are there and that Snakemake is going to run again by ``dag``."""
        planned = _planned(dag)
        return [Path(trial).stem for trial in self.trials if trial in planned and Path(trial).exists()]

    @property
    def linked_runs(self) -> list[str]:
        """Of ``published``, the trials whose runs can be opened in a browser; none where the tracker has no address."""
        tracking = self._settings.tracking
        addressed = tracking.mflux or str(tracking.uri).startswith(("http://", "https://"))
        return self.published[: len(self.trials)] if addressed else []

    @property
    def linked_search(self) -> list[str]:
        """The same for the search's run."""
        return [f"{self.results}/tracking/search.json"] if self.linked_runs else []


def _planned(dag: object) -> set[str]:
    return {str(path) for job in dag.needrun_jobs() for path in job.output}
