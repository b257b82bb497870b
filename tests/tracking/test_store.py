from pathlib import Path

import pytest

from propensity.config import TrackingConfig
from propensity.errors import ConfigError
from propensity.masking import mask, masked
from propensity.tracking import Store


def test_files_of_a_sqlite_store_lie_beside_it_unless_said(tmp_path):
    config = TrackingConfig(uri=f"sqlite:///{tmp_path}/a b/mlflow.db?timeout=9")
    store = Store.from_config(config)
    assert store.database == tmp_path / "a b" / "mlflow.db"
    assert store.artifact_location == f"file://{tmp_path}/a%20b/mlartifacts"
    elsewhere = Store(config.uri, "../files", "x", "x")
    assert elsewhere.artifact_location == f"file://{tmp_path}/files"
    assert Store(config.uri, "s3://bucket/x", "x", "x").artifact_location == "s3://bucket/x"


def test_a_server_chooses_where_its_files_go():
    store = Store("https://host", None, "x", "x")
    assert (store.database, store.artifact_location) == (None, None)


def test_a_database_needs_a_place_for_files():
    with pytest.raises(ConfigError, match=r"postgresql://\*\*\*@db.*tracking\.artifacts"):
        Store("postgresql://u:S3CRET@db/mlflow", None, "x", "x")


@pytest.mark.parametrize("name", ["", "a/b", "..", "a:b", "a@b", ".x"])
def test_a_model_name_is_a_folder_name_too(name):
    with pytest.raises(ConfigError, match="model_name"):
        Store("https://host", None, "x", name)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgresql://ann:pw@db:5432/crm", "postgresql://***@db:5432/crm"),
        ("https://token@host/x", "https://***@host/x"),
        ("mysql://ann:p@w@db/crm", "mysql://***@db/crm"),
        ("mysql://ann:p/w@db/crm", "mysql://***@db/crm"),
        ("x://h/d?user=a&password=pw&b=1", "x://h/d?user=a&password=***&b=1"),
        ("https://host/a@b", "https://host/a@b"),
        ("plain words, ann@example.org", "plain words, ann@example.org"),
    ],
)
def test_addresses_lose_their_credentials(text, hidden):
    assert mask(text) == hidden


def test_values_under_secret_names_are_hidden_at_any_depth():
    tree = {
        "crm": [{"api_key": "x", "sslpassword": "y", "tokens_per_day": 3, "token": "z", "key": "id"}],
        "path": Path("a"),
        "homes": [
            f"{Path.home()}/crm",
            f"sqlite:///{Path.home()}",
            f"{Path.home()}like",
            f"/mnt{Path.home()}",
        ],
    }
    assert masked(tree) == {
        "crm": [{"api_key": "***", "sslpassword": "***", "tokens_per_day": 3, "token": "***", "key": "id"}],
        "path": "a",
        "homes": ["~/crm", "sqlite:///~", f"{Path.home()}like", f"/mnt{Path.home()}"],
    }


def test_a_stores_password_is_in_no_repr():
    store = Store("http://ann:S3CRET@host", None, "x", "x")
    assert "S3CRET" not in repr(store)
    assert store.shown == "http://***@host"
