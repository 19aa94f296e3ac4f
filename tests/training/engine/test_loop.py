from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("accelerate", reason="needs the extra [train]")
from safetensors.torch import load_file  # noqa: E402

from mammoscope.datasets import AnnotatedImage  # noqa: E402
from mammoscope.errors import InputError  # noqa: E402
from mammoscope.training.config import DetectorConfig  # noqa: E402
from mammoscope.training.detectors.data import Sample, load_samples  # noqa: E402
from mammoscope.training.detectors.detector import job_of  # noqa: E402
from mammoscope.training.detectors.families import MassDetector  # noqa: E402
from mammoscope.training.engine.loop import Job, Run, Step, fit  # noqa: E402


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def samples(images: tuple[AnnotatedImage, ...]) -> list[Sample]:
    return load_samples(images, (192, 128), lambda error: pytest.fail(str(error)))


def run_in(folder: Path) -> Run:
    return Run(folder, None, lambda sentence: None)


@pytest.fixture(scope="module")
def finished(
    config: DetectorConfig, samples: list[Sample], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("run")
    fit(job_of(config, samples), run_in(folder))
    return folder


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(
    config: DetectorConfig, samples: list[Sample], finished: Path, tmp_path: Path
) -> None:
    def kill(step: Step) -> None:
        if step.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        fit(job_of(config, samples), replace(run_in(tmp_path), on_step=kill))
    fit(job_of(config, samples), run_in(tmp_path))
    expected = load_file(finished / "detector.safetensors")
    for name, value in load_file(tmp_path / "detector.safetensors").items():
        torch.testing.assert_close(value, expected[name], msg=name)


def test_networks_of_one_process_have_each_its_precision(
    config: DetectorConfig, samples: list[Sample], tmp_path: Path
) -> None:
    dtypes = []

    def seen(job: Job[MassDetector]) -> Job[MassDetector]:
        def build() -> MassDetector:
            network = job.build()
            network.heat.register_forward_hook(lambda m, i, out: dtypes.append(out.dtype))
            return network

        return replace(job, build=build)

    for precision in ("bfloat16", "float32"):
        training = replace(config.training, precision=precision, epochs=1)
        job = job_of(replace(config, training=training), samples[:1])
        (tmp_path / precision).mkdir()
        fit(seen(job), run_in(tmp_path / precision))
    assert dtypes == [torch.bfloat16, torch.float32]


def test_a_run_says_which_precision_it_has_found(
    config: DetectorConfig,
    samples: list[Sample],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    training = replace(config.training, precision="auto", epochs=1)
    told: list[str] = []
    fit(job_of(replace(config, training=training), samples[:1]), Run(tmp_path, None, told.append))
    assert "precision: float32" in told


def test_another_run_does_not_go_on_from_this_one(
    config: DetectorConfig, samples: list[Sample], finished: Path
) -> None:
    other = replace(config, training=replace(config.training, learning_rate=1e-4))
    with pytest.raises(InputError, match="other settings"):
        fit(job_of(other, samples), run_in(finished))


def test_other_images_of_the_same_names_are_other_data(
    config: DetectorConfig, samples: list[Sample], finished: Path
) -> None:
    def elsewhere(sample: Sample) -> Sample:
        path = sample.image.path.parent / "other" / sample.image.path.name
        return replace(sample, image=replace(sample.image, path=path))

    def moved(sample: Sample) -> Sample:
        return replace(sample, image=replace(sample.image, boxes=sample.image.boxes + 1.0))

    marked = next(i for i, sample in enumerate(samples) if len(sample.image.boxes))
    for change in (elsewhere, moved):
        other = [change(s) if i == marked else s for i, s in enumerate(samples)]
        with pytest.raises(InputError, match="other settings or data"):
            fit(job_of(config, other), run_in(finished))


def test_a_run_that_goes_on_needs_no_first_weights(
    config: DetectorConfig, samples: list[Sample], finished: Path
) -> None:
    run = replace(run_in(finished), weights=finished / "gone.safetensors")
    network = fit(job_of(config, samples), run)
    for name, value in load_file(finished / "detector.safetensors").items():
        torch.testing.assert_close(network.state_dict()[name], value, msg=name)


def test_weights_are_never_older_than_the_checkpoint(
    config: DetectorConfig, samples: list[Sample], tmp_path: Path
) -> None:
    (tmp_path / "checkpoint.partial").mkdir()  # so that writing the checkpoint fails
    with pytest.raises(Exception, match=r"checkpoint|directory"):
        fit(job_of(config, samples[:2]), run_in(tmp_path))
    assert (tmp_path / "detector.safetensors").exists()
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_pictures_that_fill_no_batch_are_no_training(
    config: DetectorConfig, samples: list[Sample], tmp_path: Path
) -> None:
    large = replace(config, training=replace(config.training, batch=5))
    with pytest.raises(InputError, match="4 training pictures do not fill one batch of 5") as error:
        fit(job_of(large, samples[:2]), run_in(tmp_path / "run"))
    assert error.value.path == str(tmp_path / "run")


def test_a_run_leaves_its_settings_and_a_log(config: DetectorConfig, finished: Path) -> None:
    assert DetectorConfig.read(finished / "config.toml") == config
    lines = (finished / "log.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "1", "2"]


def test_steps_are_told_in_order(
    config: DetectorConfig, samples: list[Sample], tmp_path: Path
) -> None:
    steps: list[Step] = []
    fit(job_of(config, samples[:4]), replace(run_in(tmp_path), on_step=steps.append))
    assert [step.number for step in steps] == list(range(1, steps[0].of + 1))
    assert {step.epoch for step in steps} == {1, 2}


def test_two_processes_train_one_network(
    config: DetectorConfig, images: tuple[AnnotatedImage, ...], tmp_path: Path
) -> None:
    """Under PyTorch's own launcher, on two processes of the CPU."""
    settings = tmp_path / "settings.toml"
    settings.write_text(config.as_toml())
    program = [sys.executable, "-m", "torch.distributed.run"]
    program += ["--standalone", "--nproc-per-node", "2"]  # On a free port.
    command = [str(Path(sys.executable).parent / "mammoscope"), "train", "detector"]
    where = ["--data", f"truth:{images[0].path.parents[1]}", "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [*program, *command, *where, "--config", str(settings)],
        capture_output=True,
        text=True,
        timeout=900,
        env=os.environ | {"ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "run" / "test" / "both.csv").exists()
    assert done.stdout.count("Model: ") == 1, "the first process alone writes"


def test_further_training_begins_with_the_earlier_weights(
    config: DetectorConfig, samples: list[Sample], finished: Path, tmp_path: Path
) -> None:
    still = replace(config, training=replace(config.training, learning_rate=1e-12, epochs=1))
    earlier = finished / "detector.safetensors"
    network = fit(job_of(still, samples), replace(run_in(tmp_path), start=earlier))
    expected = load_file(earlier)
    for name, value in network.named_parameters():
        torch.testing.assert_close(value.detach(), expected[name], msg=name)


def test_weights_of_another_network_are_refused(
    config: DetectorConfig, samples: list[Sample], finished: Path, tmp_path: Path
) -> None:
    wider = replace(config, network=replace(config.network, channels=16))
    run = replace(run_in(tmp_path), start=finished / "detector.safetensors")
    with pytest.raises(InputError, match=r"detector\.safetensors: not the weights of this"):
        fit(job_of(wider, samples), run)
