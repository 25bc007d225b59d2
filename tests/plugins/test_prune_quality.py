"""What each way of pruning costs the digits' DS-CNN, in bands that a wrong ranking misses."""

import bench_prune
import bench_tasks
import pytest
import torch

from bench.worker.context import WorkerContext

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def task():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield bench_tasks.mnist_dscnn()
    torch.set_num_threads(threads)


@torch.no_grad()
def accuracy(task, model):
    batches = torch.from_numpy(task.inputs("evaluation")["x"]).split(500)
    return task.score({"output": torch.cat([model.eval()(each) for each in batches]).numpy()}).value


BANDS = [
    ({"sparsity": 0.5}, 0.88, 0.93),
    ({"sparsity": 0.8}, 0.10, 0.30),
    ({"sparsity": 0.5, "method": "random"}, 0.0, 0.2),
    ({"sparsity": 0.5, "method": "snip"}, 0.62, 0.77),
    ({"sparsity": 0.5, "method": "taylor"}, 0.71, 0.84),
    ({"sparsity": 0.5, "method": "fisher"}, 0.58, 0.73),
    ({"sparsity": 0.5, "method": "wanda"}, 0.35, 0.51),
    ({"pattern": "2:4"}, 0.58, 0.73),
    ({"pattern": "4x1", "sparsity": 0.5}, 0.50, 0.66),
    ({"pattern": "2:4", "finetune": 1}, 0.93, 0.98),
    ({"sparsity": 0.8, "finetune": 1}, 0.85, 0.93),
    ({"sparsity": 0.8, "finetune": 1, "method": "lottery"}, 0.88, 0.95),
    ({"sparsity": 0.8, "finetune": 1, "method": "movement", "schedule": "polynomial"}, 0.3, 0.6),
    ({"sparsity": 0.8, "finetune": 1, "schedule": "polynomial"}, 0.68, 0.85),
    ({"structured": "channels", "scope": "layer", "finetune": 1}, 0.85, 0.92),
    ({"structured": "channels", "scope": "layer", "method": "fisher", "finetune": 1}, 0.895, 0.95),
    ({"structured": "channels", "scope": "layer", "method": "apoz", "finetune": 1}, 0.72, 0.84),
]


@pytest.mark.parametrize(("options", "low", "high"), BANDS)
def test_the_accuracy_is_in_its_band(task, tmp_path, options, low, high):
    ctx = WorkerContext(task, seed=0, workdir=tmp_path)
    pruned = bench_prune.prune(task.module(), ctx, **options)
    assert low <= accuracy(task, pruned) <= high
    if "structured" not in options and "pattern" not in options:
        assert ctx.facts["sparsity"] == pytest.approx(options["sparsity"], abs=5e-3)
