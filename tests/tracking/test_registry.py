import json
from dataclasses import replace

import mlflow.artifacts
import pytest
from mlflow import MlflowClient

from propensity.errors import BundleError, RegistryError
from propensity.tracking import Registry, log_training
from propensity.tracking.promotions import Promotion


@pytest.fixture
def flow(store, tmp_path, request):
    """Return a registry under a name of the test's own."""
    return Registry(replace(store, model_name=f"flow-{request.node.name}"), tmp_path / "models")


def champions(registry):
    client = MlflowClient(tracking_uri=registry.store.uri, registry_uri=registry.store.uri)
    versions = client.search_model_versions(f"name = '{registry.store.model_name}'")
    model = client.get_registered_model(registry.store.model_name)
    return [v.version for v in versions if str(model.aliases.get("champion")) == str(v.version)]


def test_challenger_champion_rollback_and_no_further(flow, another):
    numbers = []
    for i in range(3):
        log_training(flow.store, another(i))
        challenger = flow.challenger()
        former = flow.champion()
        assert challenger.number == str(i + 1)
        assert flow.promote(challenger) == former
        assert flow.champion() == challenger
        assert flow.challenger() is None
        assert len(champions(flow)) == 1
        numbers.append(challenger)

    assert flow.rollback() == (numbers[1], numbers[2])
    assert flow.rollback() == (numbers[0], numbers[1])
    assert flow.champion() == numbers[0]
    with pytest.raises(RegistryError, match=r"no champion .* before version 1"):
        flow.rollback()
    assert flow.champion() == numbers[0]
    assert len(champions(flow)) == 1


def test_promoting_the_champion_again_changes_nothing(flow, another):
    for i in range(2):
        log_training(flow.store, another(i))
        flow.promote(flow.challenger())
    first, second = flow.version("1"), flow.version("2")
    assert flow.promote(second) == second
    assert flow.promote(first) == second
    assert flow.rollback() == (second, first)
    assert flow.rollback() == (first, second)


def test_promoting_an_older_version_leaves_the_challenger(flow, another):
    for i in range(2):
        log_training(flow.store, another(i))
    flow.promote(flow.version("1"))
    assert flow.challenger().number == "2"


def test_a_promotion_that_died_halfway_is_no_history(flow, another):
    log_training(flow.store, another(0))
    flow.promote(flow.challenger())
    client = MlflowClient(tracking_uri=flow.store.uri, registry_uri=flow.store.uri)
    client.set_registered_model_tag(flow.store.model_name, "former_champions", json.dumps(["1"]))
    with pytest.raises(RegistryError, match="no champion"):
        flow.rollback()


def test_a_former_champion_that_was_deleted_is_passed_over(flow, another):
    for i in range(3):
        log_training(flow.store, another(i))
        flow.promote(flow.challenger())
    client = MlflowClient(tracking_uri=flow.store.uri, registry_uri=flow.store.uri)
    client.delete_model_version(flow.store.model_name, "2")
    restored, replaced = flow.rollback()
    assert (restored.number, replaced.number) == ("1", "3")


def test_a_rollback_says_which_former_champions_were_deleted(flow, another):
    for i in range(2):
        log_training(flow.store, another(i))
        flow.promote(flow.challenger())
    client = MlflowClient(tracking_uri=flow.store.uri, registry_uri=flow.store.uri)
    client.delete_model_version(flow.store.model_name, "1")
    with pytest.raises(RegistryError, match=r"before version 2 .*deleted since: version 1.*it stays"):
        flow.rollback()
    assert champions(flow) == [2]


class _KilledError(BaseException):
    """As by a signal: nothing catches it."""


def killed_at(monkeypatch, step, *, after):
    """Let the process die at the first call of a step of the client, before or after it took effect."""
    real = getattr(MlflowClient, step)

    def dies(self, *arguments, **more):
        if after:
            real(self, *arguments, **more)
        raise _KilledError

    monkeypatch.setattr(MlflowClient, step, dies)


def test_there_is_exactly_one_champion_wherever_a_promotion_or_rollback_is_killed(flow, another, monkeypatch):
    for i in range(2):
        log_training(flow.store, another(i))
    first, second = flow.version("1"), flow.version("2")
    flow.promote(first)
    why = Promotion("1", None, (), "the table", {})
    steps = {
        "log_text": "1", "set_tag": "1", "set_model_version_tag": "1", "set_registered_model_tag": "1",
        "set_registered_model_alias": None, "delete_registered_model_alias": "2",
    }  # fmt: skip
    for step, wanted in steps.items():
        for after in (False, True):
            MlflowClient(tracking_uri=flow.store.uri).set_registered_model_alias(
                flow.store.model_name, "challenger", "2"
            )
            with monkeypatch.context() as patch:
                killed_at(patch, step, after=after)
                with pytest.raises(_KilledError):
                    flow.promote(second, why)
            assert champions(flow) == [int(wanted or (2 if after else 1))], step
            flow.promote(second, why)
            assert flow.former()[0] == first
            assert flow.rollback() == (first, second)
            with pytest.raises(RegistryError, match="before version 1"):
                flow.rollback()
    for step in ("set_registered_model_alias", "set_registered_model_tag"):
        for after in (False, True):
            flow.promote(second, why)
            with monkeypatch.context() as patch:
                killed_at(patch, step, after=after)
                with pytest.raises(_KilledError):
                    flow.rollback()
            if champions(flow) == [2]:
                flow.rollback()
            assert champions(flow) == [1]
            with pytest.raises(RegistryError, match="before version 1"):
                flow.rollback()


def test_why_a_version_was_promoted_is_replaced_by_the_next_promotion(flow, another):
    log_training(flow.store, another(0))
    version = flow.challenger()
    assert flow.promotion(version) is None
    forced = Promotion("7", "we know better here", ("log loss", "segments"), "x" * 9_000, {"passed": False})
    flow.promote(version, forced)
    found = flow.promotion(version)
    assert (found.against, found.reason, found.overridden) == (
        "7",
        "we know better here",
        ("log loss", "segments"),
    )
    assert len(found.table) < 5_000
    assert found.sentence == (
        'it was forced against version 7, overriding log loss, segments: "we know better here"'
    )
    flow.promote(version, Promotion(None, None, (), "table", {}))
    assert flow.promotion(version).sentence == "it passed the gate as the first champion"


def test_no_champion_yet(registry):
    assert registry.champion() is None
    with pytest.raises(RegistryError, match=r"propensity train \.\.\.; propensity promote"):
        registry.in_use()


@pytest.mark.parametrize("number", ["99", "champion", "", "../1"])
def test_a_version_that_is_not_there(registry, number):
    with pytest.raises(RegistryError, match="has no version"):
        registry.version(number)


def test_a_model_that_propensity_did_not_register(flow):
    client = MlflowClient(tracking_uri=flow.store.uri, registry_uri=flow.store.uri)
    client.create_registered_model(flow.store.model_name)
    client.create_model_version(flow.store.model_name, "file:///nowhere")
    with pytest.raises(RegistryError, match="was not registered by propensity"):
        flow.version("1")


def test_the_bundle_comes_from_the_cache_once_it_is_there(registry, training, monkeypatch):
    version = registry.challenger()
    assert registry.bundle(version) == training.final
    folder = registry.cache / "propensity" / f"1-{training.final.digest[:12]}"
    assert sorted(p.name for p in folder.iterdir()) == ["bundle.json", "manifest.json", "model.txt"]
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", None)
    assert registry.bundle(version).digest == training.final.digest


def test_the_judged_bundle(registry, training):
    assert registry.judged(registry.challenger()) == training.judged


@pytest.mark.parametrize("name", ["model.txt", "bundle.json"])
def test_a_damaged_byte_in_the_cache_is_refused_and_left_for_the_operator(registry, name):
    version = registry.challenger()
    registry.bundle(version)
    (path,) = registry.cache.rglob(name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(BundleError, match=rf"(?s){name}.*Delete the folder .* downloaded again") as caught:
        registry.bundle(version)
    assert str(path.parent) in str(caught.value)
    assert path.read_bytes() == content


def test_another_model_in_the_cache_folder_is_refused(registry, models):
    version = registry.challenger()
    models[0][2].save(registry.cache / version.name / f"{version.number}-{version.digest[:12]}")
    with pytest.raises(BundleError, match="holds another model"):
        registry.bundle(version)


def test_a_damaged_copy_in_the_store_never_reaches_the_cache(flow, another):
    log_training(flow.store, another(0))
    version = flow.challenger()
    client = MlflowClient(tracking_uri=flow.store.uri, registry_uri=flow.store.uri)
    location = client.get_model_version_download_uri(version.name, version.number).removeprefix("file://")
    with open(f"{location}/artifacts/bundle/model.txt", "ab") as file:  # noqa: PTH123
        file.write(b" ")
    with pytest.raises(BundleError, match=r"model\.txt is damaged"):
        flow.bundle(version)
    assert list((flow.cache / version.name).iterdir()) == []


def test_a_version_reads_the_same_whenever_it_was_made(registry):
    version = registry.challenger()
    assert version.created.tzinfo is not None
    assert "created" not in repr(version)
    assert version.uri == "models:/propensity/1"
