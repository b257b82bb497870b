"""A server in the configuration: addresses without a secret, and variables that hold them."""

from __future__ import annotations

import pytest

from propensity.config import Config, ServerConfig
from propensity.config.file import load_config
from propensity.errors import ConfigError, PropensityError
from propensity.postgres.address import address_of, parsed

PASSWORD = "hunter2-Zq"  # noqa: S105 - made up here
LEADS = "tables: {leads: {table: leads}}\n"


@pytest.fixture
def read(tmp_path):
    def reading(text, *overrides):
        (tmp_path / "x.yaml").write_text(LEADS + text, encoding="utf-8")
        return load_config(tmp_path / "x.yaml", list(overrides))

    return reading


@pytest.mark.parametrize(
    "text",
    [
        "data: {database: 'postgresql://ann@db:5432/crm?sslmode=require'}",
        "data: {database: {url: 'postgresql://ann@db:5432/crm?sslmode=require'}}",
    ],
)
def test_an_address_is_a_server_and_no_path(read, text):
    found = read(text).data.database
    assert found == ServerConfig(url="postgresql://ann@db:5432/crm?sslmode=require")
    assert read("", f"data.database={found.url}").data.database == found


def test_what_yaml_holds_of_a_server_can_be_read_again(read):
    tree = read(
        "data: {database: {url_env: CRM}}\nlists: {database: {url_env: OUT, in_schema: sales}}"
    ).to_dict()
    again = Config.model_validate(tree)
    assert (again.data.database.url_env, again.lists.database.in_schema) == ("CRM", "sales")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"data: {{database: 'postgresql://ann:{PASSWORD}@db/crm'}}",
            r"data\.database: url: the address holds a password",
        ),
        (f"data: {{database: 'postgresql://ann:{PASSWORD}/x@db/crm'}}", "holds a password"),
        (f"data: {{database: {{url: 'postgresql://db/crm?password={PASSWORD}'}}}}", "holds a password"),
        (f"data: {{database: {{url_env: CRM, password: {PASSWORD}}}}}", "password: unknown key"),
        (f"data: {{database: {{url_env: '{PASSWORD}'}}}}", "name of an environment variable"),
        (f"data: {{database: 'mysql://ann:{PASSWORD}@db/crm'}}", "begins with postgresql://"),
        (f"lists: {{database: {{url: 'postgresql://ann:{PASSWORD}@db/crm'}}}}", "holds a password"),
        (f"tracking: {{uri: 'https://ann:{PASSWORD}@host'}}", "holds a password"),
        ("data: {database: {}}", "either `url` or `url_env`"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(read, text, message):
    with pytest.raises(ConfigError, match=message) as refused:
        read(text)
    assert PASSWORD not in str(refused.value)


def test_a_secret_given_by_set_is_refused_and_not_repeated(read):
    with pytest.raises(ConfigError, match="holds a password") as refused:
        read("", f"data.database=postgresql://ann:{PASSWORD}@db/crm")
    assert PASSWORD not in str(refused.value)


def test_the_address_comes_from_the_environment_and_is_in_no_repr(monkeypatch):
    monkeypatch.setenv("CRM", f"postgresql://ann:{PASSWORD}@db:5433/crm")
    address = address_of(ServerConfig(url_env="CRM"), "data.database")
    assert address.shown == "postgresql://db:5433/crm"
    assert address.parameters["password"] == PASSWORD
    assert PASSWORD not in f"{address!r} {address.scrubbed(f'failed with {PASSWORD}')}"
    monkeypatch.setenv("CRM", " ")
    with pytest.raises(ConfigError, match="environment variable CRM, which is not set"):
        address_of(ServerConfig(url_env="CRM"), "data.database")


@pytest.mark.parametrize(
    "text", [f"postgresql://a:{PASSWORD} x@h/d", f"host=h {PASSWORD}", f"postgresql://a:{PASSWORD}%ZZ@h/d"]
)
def test_an_address_that_cannot_be_read_is_not_quoted(text):
    with pytest.raises(PropensityError, match="no address that PostgreSQL understands") as refused:
        parsed(text, "data.database (CRM)")
    assert PASSWORD not in str(refused.value)
    assert refused.value.__cause__ is None
