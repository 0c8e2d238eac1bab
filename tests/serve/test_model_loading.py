"""Models on demand: loading, the least recently used one, versions, replacing without a restart."""

import asyncio
import logging
import os
import shutil

import pytest

from data import model_versions
from data.command_line import UserError
from export.rollout import rollback
from serve.actions import Actions
from serve.config import ServerConfig
from serve.metrics import Metrics
from serve.models.bundles import find_bundles, locate, open_bundle
from serve.models.load import change_times, load_models
from serve.reload import reload_models
from serve.scenes.engine import Engine
from tests.serve.acting import short_scene
from tests.serve.conftest import copy_without_versions, edit_manifest, export_to


@pytest.fixture
def artifacts(bundle, tmp_path):
    """A folder with three models, "a" the newest, each with one version."""
    for age, name in enumerate("abc"):
        export_to(tmp_path / name, bundle)
        os.utime(tmp_path / name / "current", (1e9 - age, 1e9 - age))
    return tmp_path


def config_of(artifacts, **options):
    return ServerConfig(artifacts=artifacts, runtime="onnx", **options)


def use(models, *names):
    """Loads models as requests do, one after the other."""

    async def all_of_them():
        for name in names:
            await models.writer(models.by_name[name])

    asyncio.run(all_of_them())


def loaded(models):
    """The names of the models in memory, the one used last at the end."""
    names = [model.bundle.name for model in models.loaded]
    assert set(names) == {model.bundle.name for model in models.by_name.values() if model.writer}
    return names


def test_only_the_default_is_loaded_at_start(artifacts):
    models = load_models(config_of(artifacts))
    assert models.names == ["a", "b", "c"]
    assert loaded(models) == ["a"]
    assert len(models.by_name["c"].vocabulary) > 10  # known before the model is loaded
    use(models, "c")
    assert loaded(models) == ["a", "c"]


def test_least_recently_used_model_is_removed(artifacts):
    models = load_models(config_of(artifacts, max_loaded=2))
    use(models, "b", "a", "c")
    assert loaded(models) == ["a", "c"]
    use(models, "a", "b")
    assert loaded(models) == ["a", "b"]


def test_concurrent_requests_load_a_model_once(artifacts, monkeypatch):
    models, calls = load_models(config_of(artifacts)), []
    original = models.by_name["b"].bundle
    monkeypatch.setattr("serve.models.load.warm_up", lambda _: calls.append(original.name))

    async def together():
        asked = (models.writer(models.by_name["b"]) for _ in range(5))
        return await asyncio.gather(*asked)

    writers = asyncio.run(together())
    assert len({id(writer) for writer in writers}) == 1
    assert calls == ["b"]


def test_scene_ends_with_the_model_it_began_with(artifacts, bundle):
    """The model is removed from memory, and then replaced, in the middle of the scene."""
    config = config_of(artifacts, max_loaded=1)
    models = load_models(config)
    actions = Actions(models, Engine(1, 60, Metrics()))

    async def follow(interrupt):
        facts, versions = {}, set()
        results = actions.write(short_scene(model="a"))
        async for _text, facts in results:
            versions.add(facts["version"])
            if len(versions) == 1:
                await interrupt()
        return facts, versions

    async def nothing():
        pass

    async def replace():
        await models.writer(models.by_name["b"])
        export_to(artifacts / "a", bundle, show="The Bar")
        await models.reload(config)

    before = models.versions["a"]
    expected, _ = asyncio.run(follow(nothing))
    facts, versions = asyncio.run(follow(replace))
    assert facts["scene"] == expected["scene"]
    assert facts["words"] == expected["words"]
    assert (facts["model"], versions) == ("a", {before})
    assert models.versions["a"] != before
    actions.engine.short_tasks.shutdown()
    actions.engine.generating.shutdown()


def test_damaged_model_is_an_error_when_it_is_used(artifacts, caplog):
    models = load_models(config_of(artifacts))
    version = artifacts / "b" / "versions" / models.versions["b"]
    (version / "model.int8.onnx").unlink()
    with pytest.raises(UserError, match="the model b cannot be loaded: the server's log"):
        use(models, "b")
    assert "model.int8.onnx cannot be read" in caplog.records[-1].reason
    use(models, "c")
    assert loaded(models) == ["a", "c"]


@pytest.mark.parametrize("pointer", ["0" * 16, "damaged"])
def test_pointer_to_no_version_is_an_error(artifacts, pointer):
    (artifacts / "a" / "current").write_text(pointer)
    with pytest.raises(UserError, match=r"damaged: export again|no exported model"):
        open_bundle(artifacts / "a", "onnx", "int8")
    assert load_models(config_of(artifacts)).names == ["b", "c"]


def test_version_with_the_manifest_of_another_is_an_error(artifacts):
    version = model_versions.current_folder(artifacts / "a")
    edit_manifest(version, lambda manifest: manifest.update(show="Other"))
    with pytest.raises(UserError, match=f"is not that of version {version.name}: export again"):
        open_bundle(artifacts / "a", "onnx", "int8")


def test_model_is_pinned_to_a_version(artifacts, bundle):
    one = model_versions.history(artifacts / "a")[-1]
    two = export_to(artifacts / "a", bundle, show="The Bar")
    for model, version in (("a", two), (f"a@{one}", one), (f"{artifacts / 'a'}@{two}", two)):
        config = config_of(artifacts, model=model)
        models = load_models(config)
        assert models.versions == {"a": version}
    plain = copy_without_versions(bundle, artifacts / "plain")
    version = open_bundle(plain, "onnx", "int8").version
    assert locate(f"plain@{version}", artifacts) == plain
    assert locate(str(plain / "model.onnx"), artifacts) == plain / "model.onnx"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("a@VERSION", "a version is 16 hexadecimal digits"),
        ("a@" + "0" * 16, "a has no version 0000000000000000: it has [0-9a-f]{16}"),
        ("nobody@" + "0" * 16, "nobody has no version 0000000000000000: it has none"),
        ("nobody", "nobody: there is no exported model"),
        ("a@", "a@: a version is 16 hexadecimal digits"),
    ],
)
def test_unknown_version_is_an_error(artifacts, model, message):
    with pytest.raises(UserError, match=message):
        load_models(config_of(artifacts, model=model))


def test_reload_replaces_changed_models_only(artifacts, bundle):
    config = config_of(artifacts)
    models = load_models(config)
    use(models, "b")
    before, writers = dict(models.by_name), [model.writer for model in models.loaded]
    called = []
    models.listeners.append(lambda: called.append(models.versions))
    assert not asyncio.run(models.reload(config))
    assert called == []
    version = export_to(artifacts / "b", bundle, show="The Bar")
    assert asyncio.run(models.reload(config))
    assert called == [models.versions]
    assert models.names == ["b", "a", "c"]  # the newest is the default
    assert models.versions["b"] == version
    assert models.by_name["a"] is before["a"]
    assert models.by_name["a"].writer is writers[0]
    assert models.by_name["b"].writer not in (None, writers[1])  # loaded before it is asked for
    assert loaded(models) == ["a", "b"]
    rollback(artifacts / "b")
    assert asyncio.run(models.reload(config))
    assert models.versions["b"] == before["b"].bundle.version
    shutil.rmtree(artifacts / "c")
    assert asyncio.run(models.reload(config))
    assert models.names == ["b", "a"]


def test_reload_that_fails_changes_nothing(artifacts, bundle):
    config = config_of(artifacts, model="a")
    models = load_models(config)
    before = models.by_name["a"]
    version = export_to(artifacts / "a", bundle, show="The Bar")
    (artifacts / "a" / "versions" / version / "model.int8.onnx").write_bytes(b"damaged")
    with pytest.raises(UserError, match="the model a cannot be loaded"):
        asyncio.run(models.reload(config))
    assert models.by_name["a"] is before
    assert before.writer


def test_watch_sees_an_export_and_a_damaged_one(artifacts, bundle, caplog):
    """Without a request, and without a line in the log while nothing changes."""
    caplog.set_level(logging.INFO, "cold_open")
    config = config_of(artifacts, watch=0.01)
    models = load_models(config)

    async def watch():
        task = asyncio.create_task(reload_models(models, config, asyncio.Event()))
        await asyncio.sleep(0.1)
        assert not caplog.records
        version = export_to(artifacts / "a", bundle, show="The Bar")
        while models.versions["a"] != version:
            await asyncio.sleep(0.01)
        for name in "abc":
            (artifacts / name / "current").write_text("damaged")
        while not any(record.msg == "models not reloaded" for record in caplog.records):
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(watch(), 60))
    assert models.names == ["a", "b", "c"]


def test_change_times_and_the_newest_model(artifacts, bundle):
    config = config_of(artifacts)
    before = change_times(config)
    export_to(artifacts / "c", bundle, show="The Bar")
    assert change_times(config) != before
    assert find_bundles(artifacts)[0].name == "c"
