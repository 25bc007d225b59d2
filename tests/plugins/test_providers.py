"""Models of timm, transformers and torchvision by the libraries' own loading code, built here from a configuration."""

import re
from pathlib import Path

import numpy as np
import pytest

import bench

torch = pytest.importorskip("torch", reason="the models are torch modules")


def have_torchvision():
    """Import torchvision. PyPI's wheel is built for CUDA: without it its C++ operators do not load.

    Its models need none of them: declared by name, the library imports beside a torch for the processor too.
    """
    pytest.importorskip("PIL", reason="PIL is not installed here: tox -e providers")
    try:
        import torchvision
    except ImportError:
        pytest.skip("torchvision is not installed here: tox -e providers")
    except RuntimeError as error:
        assert "torchvision::" in str(error)
        have_torchvision.operators = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            have_torchvision.operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision  # noqa: F401


@pytest.fixture
def timm(monkeypatch, tmp_path):
    have_torchvision()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return pytest.importorskip("timm", reason="timm is not installed here: tox -e providers")


@pytest.fixture
def torchvision(monkeypatch, tmp_path):
    have_torchvision()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return pytest.importorskip("torchvision", reason="torchvision is not installed here: tox -e providers")


@pytest.fixture
def transformers():
    return pytest.importorskip("transformers", reason="transformers is not installed here: tox -e providers")


def task(kind, model, data=None):
    import bench_providers

    return {"timm": bench_providers.own_timm, "hf": bench_providers.own_hf}.get(kind, bench_providers.own_torchvision)(
        f"{kind}:{model}", data
    )


def same(made, original, inputs):
    with torch.inference_mode():
        expected = original.eval()(**inputs) if isinstance(inputs, dict) else original.eval()(inputs)
        found = made(**inputs) if isinstance(inputs, dict) else made(inputs)
    return torch.equal(found, expected if isinstance(expected, torch.Tensor) else expected.logits)


def refused(kind, model, *words):
    with pytest.raises(bench.BadInput) as caught:
        task(kind, model).module()
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_a_folder_of_timm_is_loaded_by_timm(timm, tmp_path):
    from timm.models import save_for_hf

    original = timm.create_model("test_vit", num_classes=4)
    save_for_hf(original, tmp_path / "net", model_config={"num_classes": 4})
    made = task("timm", tmp_path / "net")
    assert made.arrays["x"].shape[1:] == (3, 160, 160)
    assert same(made.module(), original, torch.as_tensor(made.example(2, 0)["x"]))
    assert not made.module().training


def test_a_name_of_timm_takes_weights_from_a_file_with_its_own_number_of_classes(timm, tmp_path):
    from safetensors.torch import save_file

    original = timm.create_model("test_vit", num_classes=7)
    save_file(original.state_dict(), tmp_path / "w.safetensors")
    made = task("timm", f"test_vit@{tmp_path / 'w.safetensors'}").module()
    assert same(made, original, torch.rand(1, 3, 160, 160))


def test_what_timm_has_not_here_is_said_with_the_place(timm, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    refused("timm", "test_vit", "timm's weights of 'test_vit' are not in", str(tmp_path), "nothing is downloaded")
    refused("timm", "test_vitt", "timm knows no 'test_vitt'. Did you mean 'test_vit'?")
    refused("timm", tmp_path, f"there is no config.json in {tmp_path}")
    refused("timm", f"test_vit@{tmp_path}/w.pth", f"no such file of weights: {tmp_path}/w.pth")


def test_a_name_of_torchvision_takes_weights_from_a_file_and_from_torchs_cache(torchvision, tmp_path):
    models = torchvision.models
    original = models.get_model("squeezenet1_1", weights=None, num_classes=5)
    torch.save(original.state_dict(), tmp_path / "w.pth")
    made = task("torchvision", f"squeezenet1_1@{tmp_path / 'w.pth'}")
    assert made.arrays["x"].shape[1:] == (3, 224, 224)
    assert same(made.module(), original, torch.rand(1, 3, 64, 64))


def test_the_default_weights_of_torchvision_are_read_from_torchs_cache(torchvision, tmp_path, monkeypatch):
    models = torchvision.models
    refused(
        "torchvision", "squeezenet1_1", "nothing is downloaded: no", str(tmp_path / "torch" / "hub" / "checkpoints")
    )
    original = models.get_model("squeezenet1_1", weights=None)
    cache = tmp_path / "torch" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    name = models.get_model_weights("squeezenet1_1").DEFAULT.url.rpartition("/")[2]
    torch.save(original.state_dict(), cache / name)
    load = torch.hub.load_state_dict_from_url  # the digest in its name is that of the real file
    unchecked = lambda url, **more: load(url, **{**more, "check_hash": False})  # noqa: E731
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unchecked)
    assert same(task("torchvision", "squeezenet1_1").module(), original, torch.rand(1, 3, 64, 64))


def test_weights_that_are_none_or_of_another_model_are_one_sentence(torchvision, tmp_path):
    (tmp_path / "w.pth").write_bytes(b"hello")
    refused("torchvision", f"squeezenet1_1@{tmp_path}/w.pth", "w.pth holds no weights by name")
    torch.save(torch.nn.Linear(2, 3), tmp_path / "m.pth")  # a pickle, which is not opened
    refused("torchvision", f"squeezenet1_1@{tmp_path}/m.pth", "that can be read safely")
    torch.save(torch.nn.Linear(2, 3).state_dict(), tmp_path / "l.pth")
    refused("torchvision", f"squeezenet1_1@{tmp_path}/l.pth", "l.pth is not of this model: Missing key")
    refused("torchvision", "squezenet1_1", "torchvision knows no 'squezenet1_1'. Did you mean 'squeezenet1_")


def bert(transformers, **more):
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return transformers.BertConfig(vocab_size=50, max_position_embeddings=32, num_labels=3, **sizes, **more)


def test_a_folder_of_transformers_is_loaded_by_the_architecture_that_it_names(transformers, tmp_path):
    original = transformers.BertForSequenceClassification(bert(transformers))
    original.save_pretrained(tmp_path / "net")
    ids = torch.randint(0, 50, (4, 6)).numpy()
    arrays = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    np.savez(tmp_path / "d.npz", **arrays, labels=np.arange(4) % 3)
    made = task("hf", tmp_path / "net", str(tmp_path / "d.npz"))
    assert made.arrays["input_ids"].shape == (4, 6)
    assert same(made.module(), original, {name: torch.as_tensor(value) for name, value in arrays.items()})
    assert made.example(2, 0)["input_ids"].shape == (2, 6)


def test_an_image_model_of_transformers_says_its_size(transformers, tmp_path):
    config = transformers.ViTConfig(
        image_size=16, patch_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    original = transformers.ViTForImageClassification(config)
    original.save_pretrained(tmp_path / "net")
    made = task("hf", tmp_path / "net")
    assert made.arrays["pixel_values"].shape[1:] == (3, 16, 16)
    assert same(made.module(), original, {"pixel_values": torch.rand(2, 3, 16, 16)})


def test_what_transformers_has_not_here_is_said_with_the_place(transformers, tmp_path, monkeypatch):
    from huggingface_hub import constants

    refused("hf", "no/such-model", "'no/such-model' is not in", constants.HF_HUB_CACHE, "nothing is downloaded")
    refused("hf", tmp_path, f"there is no config.json in {tmp_path}")
    (tmp_path / "config.json").write_text('{"model_type": "bert", "architectures": ["Strange"]}')
    refused("hf", tmp_path, "the architecture Strange is none of transformers: code that a model brings is never run")
    (tmp_path / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}')
    refused("hf", tmp_path, f"transformers cannot load {tmp_path}")


def test_the_offers_need_their_library_and_name_their_extra():
    import tomllib

    import bench_providers

    offers = bench.offers_of(bench_providers)
    assert {each.facts["opens"]: (each.needs, each.extra) for each in offers} == {
        "timm:": (("timm", "torch"), "timm"),
        "torchvision:": (("torchvision", "torch"), "torchvision"),
        "hf:": (("transformers", "torch"), "hf"),
    }
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    for each in offers:
        assert {re.split(r"[\[><=]", need)[0] for need in extras[each.extra]} >= {each.needs[0], "joulebench"}
